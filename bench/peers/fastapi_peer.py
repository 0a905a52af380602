"""FastAPI as its community teaches it: async SQLAlchemy on asyncpg, Pydantic, JWT by dependency."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated

import jwt
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, status
from fastapi.concurrency import run_in_threadpool
from fastapi.middleware.cors import CORSMiddleware
from fastapi.security import OAuth2PasswordBearer, OAuth2PasswordRequestForm
from pwdlib import PasswordHash
from pwdlib.hashers.bcrypt import BcryptHasher
from pydantic import BaseModel, ConfigDict, EmailStr, Field
from pydantic_settings import BaseSettings
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Settings(BaseSettings):
    """Read from the environment; `hash_in_thread` is what the tutorials leave out."""

    database_url: str
    secret_key: str
    pool_size: int = 20
    access_token_minutes: int = 30
    cors_origins: list[str] = ["https://app.example.org"]
    hash_in_thread: bool = False


settings = Settings()
engine = create_async_engine(settings.database_url, pool_size=settings.pool_size)
new_session = async_sessionmaker(engine, expire_on_commit=False)
passwords = PasswordHash((BcryptHasher(rounds=12),))


class Base(DeclarativeBase):
    """The base of every model."""


class User(Base):
    """An account."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(unique=True, index=True)
    username: Mapped[str] = mapped_column(unique=True, index=True)
    hashed_password: Mapped[str]
    is_active: Mapped[bool] = mapped_column(default=True)
    is_superuser: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime | None] = mapped_column(onupdate=func.now())


class UserCreate(BaseModel):
    """What signs up."""

    email: EmailStr
    username: str = Field(min_length=3, max_length=50)
    password: str = Field(min_length=8, max_length=72)


class UserOut(BaseModel):
    """What is shown of an account."""

    model_config = ConfigDict(from_attributes=True)

    id: int
    email: EmailStr
    username: str
    is_active: bool
    is_superuser: bool
    created_at: datetime
    updated_at: datetime | None


class Token(BaseModel):
    """What a log-in gives."""

    access_token: str
    token_type: str = "bearer"


async def session_of_request() -> AsyncIterator[AsyncSession]:
    """Give a request its session."""
    async with new_session() as session:
        yield session


Db = Annotated[AsyncSession, Depends(session_of_request)]
bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token")


async def current_user(token: Annotated[str, Depends(bearer)], db: Db) -> User:
    """Load the person whom the token names."""
    refusal = HTTPException(
        status.HTTP_401_UNAUTHORIZED,
        "Could not validate credentials",
        {"WWW-Authenticate": "Bearer"},
    )
    try:
        claims = jwt.decode(token, settings.secret_key, algorithms=["HS256"])
        user_id = int(claims["sub"])
    except (jwt.InvalidTokenError, KeyError, ValueError):
        raise refusal from None
    user = await db.get(User, user_id)
    if user is None or not user.is_active:
        raise refusal
    return user


CurrentUser = Annotated[User, Depends(current_user)]
auth = APIRouter(prefix="/api/v1/auth", tags=["auth"])
users = APIRouter(prefix="/api/v1/users", tags=["users"])


@auth.post("/token")
async def log_in(form: Annotated[OAuth2PasswordRequestForm, Depends()], db: Db) -> Token:
    """Log in."""
    user = await db.scalar(select(User).where(User.email == form.username))
    if user is None or not await verify(form.password, user.hashed_password):
        raise HTTPException(status.HTTP_401_UNAUTHORIZED, "Incorrect username or password")
    expires = datetime.now(UTC) + timedelta(minutes=settings.access_token_minutes)
    claims = {"sub": str(user.id), "exp": expires}
    return Token(access_token=jwt.encode(claims, settings.secret_key, algorithm="HS256"))


async def verify(password: str, hashed: str) -> bool:
    """Check a password where the tutorials do: in the event loop."""
    if settings.hash_in_thread:
        return await run_in_threadpool(passwords.verify, password, hashed)
    return passwords.verify(password, hashed)


@users.post("", response_model=UserOut, status_code=201)
async def sign_up(body: UserCreate, db: Db) -> User:
    """Make an account."""
    taken = (User.email == body.email) | (User.username == body.username)
    if await db.scalar(select(User.id).where(taken)):
        raise HTTPException(status.HTTP_409_CONFLICT, "Email or username already registered")
    hashed = passwords.hash(body.password)
    user = User(email=body.email, username=body.username, hashed_password=hashed)
    db.add(user)
    await db.commit()
    await db.refresh(user)
    return user


@users.get("/me", response_model=UserOut)
async def me(user: CurrentUser) -> User:
    """Show the caller."""
    return user


@users.get("", response_model=list[UserOut])
async def index(
    _: CurrentUser,
    db: Db,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=100)] = 100,
) -> list[User]:
    """List accounts."""
    found = await db.scalars(select(User).order_by(User.id).offset(skip).limit(limit))
    return list(found)


app = FastAPI(title="FastAPI peer")
app.add_middleware(
    CORSMiddleware,
    allow_origins=settings.cors_origins,
    allow_methods=["*"],
    allow_headers=["*"],
)
app.include_router(auth)
app.include_router(users)


@app.get("/health")
async def health() -> dict[str, str]:
    """Say that the process lives."""
    return {"status": "healthy"}
