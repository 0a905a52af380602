"""Flask as it is written first: limiter in Redis on every route, entities, marshmallow's dump."""

import os

import bcrypt
from flask import Flask, abort, jsonify, request
from flask_cors import CORS
from flask_jwt_extended import JWTManager, create_access_token, current_user, jwt_required
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_sqlalchemy import SQLAlchemy
from marshmallow import Schema, fields, validate
from sqlalchemy import func, or_, select

db = SQLAlchemy()
jwt = JWTManager()


class User(db.Model):
    """An account."""

    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    email = db.Column(db.String, unique=True, index=True, nullable=False)
    username = db.Column(db.String, unique=True, index=True, nullable=False)
    hashed_password = db.Column(db.String, nullable=False)
    is_active = db.Column(db.Boolean, default=True)
    is_superuser = db.Column(db.Boolean, default=False)
    created_at = db.Column(db.DateTime, server_default=func.now())
    updated_at = db.Column(db.DateTime, onupdate=func.now())


class UserSchema(Schema):
    """An account in JSON, in both directions."""

    id = fields.Integer(dump_only=True)
    email = fields.Email(required=True)
    username = fields.String(required=True, validate=validate.Length(3, 50))
    password = fields.String(required=True, load_only=True, validate=validate.Length(8, 72))
    is_active = fields.Boolean(dump_only=True)
    is_superuser = fields.Boolean(dump_only=True)
    created_at = fields.DateTime(dump_only=True)
    updated_at = fields.DateTime(dump_only=True)


one, many = UserSchema(), UserSchema(many=True)


@jwt.user_lookup_loader
def load_user(_header, claims):
    """Load the person whom the token names."""
    user = db.session.get(User, int(claims["sub"]))
    return user if user is not None and user.is_active else None


def create_app():
    """Return the application."""
    app = Flask(__name__)
    app.config["JWT_SECRET_KEY"] = os.environ["SECRET_KEY"]
    app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_size": int(os.environ["POOL_SIZE"])}
    db.init_app(app)
    jwt.init_app(app)
    CORS(app, resources={r"/api/*": {"origins": "https://app.example.org"}})
    Limiter(
        get_remote_address,
        app=app,
        storage_uri=os.environ["REDIS_URL"],
        default_limits=["100000000 per minute"],
    )

    @app.get("/api/v1/users/me")
    @jwt_required()
    def me():
        return jsonify(one.dump(current_user))

    @app.get("/api/v1/users")
    @jwt_required()
    def index():
        skip, limit = request.args.get("skip", 0, int), request.args.get("limit", 100, int)
        statement = select(User).order_by(User.id).offset(skip).limit(min(limit, 100))
        return jsonify(many.dump(db.session.scalars(statement).all()))

    @app.post("/api/v1/users")
    def sign_up():
        body = one.load(request.get_json())
        taken = or_(User.email == body["email"], User.username == body["username"])
        if db.session.scalar(select(User.id).where(taken)):
            abort(409)
        hashed = bcrypt.hashpw(body.pop("password").encode(), bcrypt.gensalt(12)).decode()
        user = User(**body, hashed_password=hashed)
        db.session.add(user)
        db.session.commit()
        return jsonify(one.dump(user)), 201

    @app.post("/api/v1/auth/login")
    def log_in():
        body = request.get_json()
        user = db.session.scalar(select(User).where(User.email == body["username"]))
        if user is None or not bcrypt.checkpw(
            body["password"].encode(), user.hashed_password.encode()
        ):
            abort(401)
        return jsonify(access_token=create_access_token(str(user.id)), token_type="bearer")

    @app.get("/health")
    def health():
        return {"status": "healthy"}

    return app
