"""Incidents as episodes, what Datadog knows of them, and whose a row is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The first form of `incidents` was never written to, so that nothing is lost with it."""
    op.drop_table("incidents")
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("epoch", sa.Float()),
        sa.Column("began_at", sa.Float(), nullable=False),
        sa.Column("began_s", sa.Float(), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("opened_s", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.Column("closed_s", sa.Float()),
        sa.Column("seen_at", sa.Float(), nullable=False),
        sa.Column("mode", sa.String(16), nullable=False),
        sa.Column("worst", sa.String(16), nullable=False),
        sa.Column("cause", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("changes", sa.Integer(), nullable=False),
        sa.Column("shadow", sa.Boolean(), nullable=False),
        sa.Column("ended", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("key", name="uq_incidents_key"),
    )
    for column in ("owner", "opened_at", "closed_at"):
        op.create_index(f"ix_incidents_{column}", "incidents", [column])
    op.create_table(
        "mirrored",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(100), nullable=False),
        sa.Column("remote_id", sa.String(100)),
        sa.Column("told", sa.String(32), nullable=False),
        sa.Column("at", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_mirrored"),
        sa.UniqueConstraint("key", name="uq_mirrored_key"),
    )
    for table in ("mode_changes", "orders"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("owner", sa.String(64), nullable=False, server_default=""))


def downgrade() -> None:
    """Back to the first form."""
    for table in ("orders", "mode_changes"):
        with op.batch_alter_table(table) as batch:
            batch.drop_column("owner")
    op.drop_table("mirrored")
    op.drop_table("incidents")
    op.create_table(
        "incidents",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("opened_at", sa.Float(), nullable=False),
        sa.Column("closed_at", sa.Float()),
        sa.Column("source", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(16)),
        sa.Column("acknowledged", sa.Boolean(), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_incidents"),
        sa.UniqueConstraint("key", name="uq_incidents_key"),
    )
    op.create_index("ix_incidents_opened_at", "incidents", ["opened_at"])
