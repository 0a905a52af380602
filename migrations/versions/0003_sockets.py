"""WebSockets: which tickets are spent."""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op

revision: str = "0003_sockets"
down_revision: str | None = "0002_uploads"
branch_labels: Sequence[str] | None = None
depends_on: Sequence[str] | None = None


def upgrade() -> None:
    """Bring the schema to this revision."""
    op.create_table(
        "spent_tickets",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_spent_tickets_expires_at", "spent_tickets", ["expires_at"])


def downgrade() -> None:
    """Bring the schema back to the revision before."""
    op.drop_table("spent_tickets")
