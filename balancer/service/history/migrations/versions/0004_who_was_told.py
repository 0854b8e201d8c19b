"""Which way a change came, who was told of an incident, and where its trace is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All that was audited before came by the console."""
    with op.batch_alter_table("audit") as batch:
        origin = sa.Column("origin", sa.String(16), nullable=False, server_default="console")
        batch.add_column(origin)
    with op.batch_alter_table("incidents") as batch:
        batch.add_column(sa.Column("trace", sa.String(32), nullable=False, server_default=""))
    op.create_table(
        "told",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.Column("told_at", sa.Float()),
        sa.Column("channel", sa.String(100), nullable=False),
        sa.Column("level", sa.String(16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_told"),
    )
    op.create_index("ix_told_at", "told", ["at"])


def downgrade() -> None:
    """Without them."""
    op.drop_table("told")
    with op.batch_alter_table("incidents") as batch:
        batch.drop_column("trace")
    with op.batch_alter_table("audit") as batch:
        batch.drop_column("origin")
