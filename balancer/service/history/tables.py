"""Tables of the history. What changes here needs a migration beside it.

Times are Unix seconds: they sort, compare and page alike in every database.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, Float, Integer, MetaData, String, Table, Text

__all__ = ["INCIDENTS", "METADATA", "MODE_CHANGES", "ORDERS", "POLICY_VERSIONS"]

METADATA = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
    }
)

MODE_CHANGES = Table(
    "mode_changes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("tick", Integer, nullable=False),
    Column("from_mode", String(16), nullable=False),
    Column("to_mode", String(16), nullable=False),
    Column("reasons", JSON, nullable=False),
)
"""The controller entered another mode, after `tick`."""

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("mode", String(16)),
    Column("until", Float),
    Column("reason", Text, nullable=False),
)
"""An operator spoke: `kind` is override, clear, bypass or resume."""

POLICY_VERSIONS = Table(
    "policy_versions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("origin", String(16), nullable=False),
    Column("name", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("restores", Integer),
)
"""A policy came into force. `origin` is start, file or api; `restores` is the version that it
brings back."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(200), nullable=False, unique=True),
    Column("opened_at", Float, nullable=False, index=True),
    Column("closed_at", Float),
    Column("source", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("mode", String(16)),
    Column("acknowledged", Boolean, nullable=False, default=False),
    Column("details", JSON, nullable=False),
)
"""Something went wrong; `key` identifies it from trigger to recovery."""
