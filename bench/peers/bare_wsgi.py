"""The limit: no framework, a JWT, one prepared query on a kept connection, orjson."""

import os
import threading

import jwt
import orjson
import psycopg
from psycopg.rows import dict_row

SECRET = os.environ["SECRET_KEY"]
_SHOWN = "SELECT id, email, username, is_active, is_superuser, created_at, updated_at FROM users"
ONE = f"{_SHOWN} WHERE id = %s"
MANY = f"{_SHOWN} ORDER BY id LIMIT 100"

_kept = threading.local()


def _cursor():
    if not hasattr(_kept, "cursor"):
        connection = psycopg.connect(
            os.environ["DATABASE_URL"], autocommit=True, prepare_threshold=0, row_factory=dict_row
        )
        _kept.cursor = connection.cursor()
    return _kept.cursor


def app(environ, start_response):
    """Answer /me, /list or /health."""
    path = environ["PATH_INFO"]
    if path == "/health":
        body = b'{"status":"healthy"}'
    else:
        claims = jwt.decode(environ["HTTP_AUTHORIZATION"][7:], SECRET, algorithms=["HS256"])
        if path == "/me":
            body = orjson.dumps(_cursor().execute(ONE, (int(claims["sub"]),)).fetchone())
        else:
            body = orjson.dumps(_cursor().execute(MANY).fetchall())
    fields = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("200 OK", fields)
    return [body]
