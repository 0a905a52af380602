"""Indexes by which housekeeping finds what is old, however many rows there are."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0005_housekeeping_indexes"
down_revision: str | None = "0004_idempotency_keys"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

INDEXES: tuple[tuple[str, str, list[str], str | None], ...] = (
    ("ix_users_deleted_at_id", "users", ["deleted_at", "id"], "deleted_at IS NOT NULL"),
    ("ix_known_places_last_used_at", "known_places", ["last_used_at"], None),
    ("ix_outbox_done", "outbox", ["done_at"], "state = 'done'"),
    ("ix_outbox_parked", "outbox", ["created_at"], "state = 'parked'"),
    ("ix_sessions_revoked_at", "sessions", ["revoked_at"], "revoked_at IS NOT NULL"),
)


def upgrade() -> None:
    """Bring the schema to this revision; on PostgreSQL while everybody goes on writing."""
    if op.get_context().dialect.name == "sqlite":
        for name, table, columns, condition in INDEXES:
            where = None if condition is None else sa.text(condition)
            op.create_index(name, table, columns, sqlite_where=where)
        return
    with op.get_context().autocommit_block():
        # It waits for every transaction that is open, a dump too, and holds up none meanwhile.
        op.execute("SET lock_timeout = '10min'")
        for name, table, columns, condition in INDEXES:
            where = None if condition is None else sa.text(condition)
            # An interrupted run has left some, the last of them good for nothing.
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
            op.create_index(
                name, table, columns, postgresql_where=where, postgresql_concurrently=True
            )
        op.execute("SET lock_timeout = '2s'")


def downgrade() -> None:
    """Bring the schema back to the revision before."""
    if op.get_context().dialect.name == "sqlite":
        for name, table, _, _ in INDEXES:
            op.drop_index(name, table)
        return
    # One after the other: nobody waits for it, and what it has not come to goes with the next run.
    with op.get_context().autocommit_block():
        for name, table, _, _ in INDEXES:
            op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
