"""Lay the foundation: people, roles, sessions, one-time tokens, guesses, ledger, outbox, keys."""

import json
from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB
from uuid_utils.compat import uuid7

revision: str = "0001_foundation"
down_revision: str | None = None
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

# Written out as of today: a migration imports nothing from the program, which goes on changing.
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")

# The built-in roles come with the schema, so that `flask db upgrade` leaves nothing to do. One
# that changes later is changed by a migration of its own.
BUILT_IN = {
    "user": ("Every person: their own account.", []),
    "admin": (
        "Administrators: the accounts of people, and the ledger.",
        ["audit:read", "users:create", "users:delete", "users:read", "users:update"],
    ),
    "super_admin": ("Everything, also what is added later.", []),
}


def upgrade() -> None:
    """Bring the schema to this revision."""
    _people()
    _roles()
    _log_in()
    _ledger()
    _machinery()


def downgrade() -> None:
    """Bring the schema back to the revision before; indexes go with their tables."""
    for table in ("signing_keys", "outbox", "events", "guess_counters", "known_places"):
        op.drop_table(table)
    for table in ("one_time_tokens", "sessions", "user_roles", "roles", "users"):
        op.drop_table(table)


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("email_folded", _key(320), nullable=False),
        sa.Column("pending_email", sa.String(320)),
        sa.Column("username", sa.String(50)),
        sa.Column("username_folded", _key(50)),
        sa.Column("name", sa.String(200)),
        sa.Column("locale", sa.String(35)),
        sa.Column("password_hash", sa.String(255)),
        sa.Column("password_changed_at", MOMENT),
        sa.Column("must_change_password", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.true(), nullable=False),
        sa.Column("is_verified", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("avatar", sa.String(255)),
        sa.Column("session_epoch", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("deleted_at", MOMENT),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("users.id", ondelete="SET NULL")),
    )
    _unique_where("uq_users_email_folded", "users", "email_folded", "deleted_at IS NULL")
    _unique_where("uq_users_username_folded", "users", "username_folded", "deleted_at IS NULL")
    op.create_index("ix_users_created_at_id", "users", ["created_at", "id"])
    op.create_index("ix_users_email_folded_id", "users", ["email_folded", "id"])
    op.create_index("ix_users_username_folded_id", "users", ["username_folded", "id"])
    op.create_index("ix_users_created_by", "users", ["created_by"])


def _roles() -> None:
    roles = op.create_table(
        "roles",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", _key(50), nullable=False, unique=True),
        sa.Column("description", sa.String(200), nullable=False),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("is_built_in", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("version", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
    )
    op.create_table(
        "user_roles",
        sa.Column("user_id", sa.Uuid(), _of_user(), primary_key=True),
        sa.Column("role_id", sa.Uuid(), sa.ForeignKey("roles.id"), primary_key=True),
        sa.Column("granted_at", MOMENT, nullable=False),
        sa.Column("granted_by", sa.Uuid()),
    )
    op.create_index("ix_user_roles_role_id", "user_roles", ["role_id"])
    for name, (description, permissions) in BUILT_IN.items():
        # Literals where a type has none of its own, so that `--sql` can print the statement.
        op.execute(
            roles.insert().values(
                id=op.inline_literal(uuid7().hex),
                name=name,
                description=description,
                permissions=op.inline_literal(json.dumps(permissions)),
                is_built_in=True,
                created_at=sa.func.now(),
                updated_at=sa.func.now(),
            )
        )


def _log_in() -> None:
    op.create_table(
        "sessions",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("user_id", sa.Uuid(), _of_user(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("last_used_at", MOMENT, nullable=False),
        sa.Column("rotated_at", MOMENT, nullable=False),
        sa.Column("idle_expires_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.Column("auth_time", MOMENT, nullable=False),
        sa.Column("amr", sa.String(100), nullable=False),
        sa.Column("address", sa.String(45), nullable=False),
        sa.Column("place", _key(64), nullable=False),
        sa.Column("user_agent", sa.String(255), nullable=False),
        sa.Column("rotated_place", _key(64), nullable=False),
        sa.Column("rotated_agent", sa.String(255), nullable=False),
    )
    op.create_index("ix_sessions_user_id", "sessions", ["user_id"])
    op.create_index("ix_sessions_idle_expires_at", "sessions", ["idle_expires_at"])
    op.create_table(
        "one_time_tokens",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("purpose", _key(40), nullable=False),
        sa.Column("user_id", sa.Uuid(), _of_user(), nullable=False),
        sa.Column("address", sa.String(320)),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("digest", _key(64), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("consumed_at", MOMENT),
    )
    op.create_index("ix_one_time_tokens_user_id", "one_time_tokens", ["user_id"])
    op.create_index("ix_one_time_tokens_expires_at", "one_time_tokens", ["expires_at"])
    op.create_table(
        "known_places",
        sa.Column("user_id", sa.Uuid(), _of_user(), primary_key=True),
        sa.Column("place", _key(64), primary_key=True),
        sa.Column("last_used_at", MOMENT, nullable=False),
    )
    op.create_table(
        "guess_counters",
        sa.Column("key", _key(64), primary_key=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("burst_started_at", MOMENT, nullable=False),
        sa.Column("day_count", sa.Integer(), nullable=False),
        sa.Column("day_started_at", MOMENT, nullable=False),
        sa.Column("last_at", MOMENT, nullable=False),
    )
    op.create_index("ix_guess_counters_last_at", "guess_counters", ["last_at"])


def _ledger() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("type", _key(60), nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("subject_id", sa.Uuid()),
        sa.Column("target", sa.String(100)),
        sa.Column("address", sa.String(45)),
        sa.Column("user_agent", sa.String(255)),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("occurrences", sa.Integer(), server_default=sa.text("1"), nullable=False),
        sa.Column("counted_as", _key(64)),
    )
    op.create_index("ix_events_subject_id_id", "events", ["subject_id", "id"])
    op.create_index("ix_events_actor_id_id", "events", ["actor_id", "id"])
    op.create_index("ix_events_type_id", "events", ["type", "id"])
    _unique_where("uq_events_counted_as", "events", "counted_as", "counted_as IS NOT NULL")


def _machinery() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("user_id", sa.Uuid()),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("available_at", MOMENT, nullable=False),
        sa.Column("leased_until", MOMENT),
        sa.Column("last_error", sa.String(500)),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("done_at", MOMENT),
        sa.CheckConstraint("state IN ('waiting', 'leased', 'done', 'parked')", name="state"),
    )
    op.create_index("ix_outbox_user_id", "outbox", ["user_id"])
    is_open = sa.text("state IN ('waiting', 'leased')")
    op.create_index(
        "ix_outbox_open",
        "outbox",
        ["available_at"],
        sqlite_where=is_open,
        postgresql_where=is_open,
    )
    op.create_table(
        "signing_keys",
        sa.Column("kid", _key(64), primary_key=True),
        sa.Column("algorithm", sa.String(16), nullable=False),
        sa.Column("private_encrypted", sa.Text(), nullable=False),
        sa.Column("public_jwk", JSON, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("activates_at", MOMENT, nullable=False),
        sa.Column("retires_at", MOMENT),
    )


def _key(length: int) -> sa.types.TypeEngine[str]:
    """A string that is compared and ordered byte by byte."""
    return sa.String(length).with_variant(sa.String(length, collation="C"), "postgresql")


def _of_user() -> sa.ForeignKey:
    return sa.ForeignKey("users.id", ondelete="CASCADE")


def _unique_where(name: str, table: str, column: str, condition: str) -> None:
    where = sa.text(condition)
    op.create_index(name, table, [column], unique=True, sqlite_where=where, postgresql_where=where)
