"""Idempotency keys: what was asked under a key, and what was answered."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision: str = "0004_idempotency_keys"
down_revision: str | None = "0003_sockets"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None

MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(JSONB(), "postgresql")
# Compared byte by byte.
KEY = sa.String(64).with_variant(sa.String(64, collation="C"), "postgresql")
TABLE = "idempotency_keys"


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        TABLE,
        sa.Column("digest", KEY, primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("subject_id", sa.Uuid(), sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("permissions", JSON, nullable=False),
        sa.Column("mismatches", sa.Integer(), nullable=False),
        sa.Column("claimed_until", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("status", sa.Integer()),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    for column in ("user_id", "subject_id", "created_at"):
        op.create_index(f"ix_{TABLE}_{column}", TABLE, [column])


def downgrade() -> None:
    """Bring the schema back to the revision before."""
    op.drop_table(TABLE)
