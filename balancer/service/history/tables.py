"""Tables of the history. What changes here needs a migration beside it.

Times are Unix seconds: they sort, compare and page alike in every database.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

__all__ = [
    "ACKNOWLEDGED",
    "AUDIT",
    "ESCALATED",
    "INCIDENTS",
    "METADATA",
    "MIRRORED",
    "MODE_CHANGES",
    "NOTE",
    "NOTES",
    "ORDERS",
    "POLICY_VERSIONS",
    "ROLLUPS",
    "TOLD",
    "VIEWS",
]

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
    Column("owner", String(64), nullable=False, server_default=""),
)
"""The controller entered another mode, after `tick`. `owner` is the data directory of the service
that says so, because several may share a database."""

ORDERS = Table(
    "orders",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("mode", String(16)),
    Column("until", Float),
    Column("reason", Text, nullable=False),
    Column("owner", String(64), nullable=False, server_default=""),
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
    Column("key", String(100), nullable=False, unique=True),
    Column("owner", String(64), nullable=False, index=True),
    Column("epoch", Float),
    Column("began_at", Float, nullable=False),
    Column("began_s", Float, nullable=False),
    Column("opened_at", Float, nullable=False, index=True),
    Column("opened_s", Float, nullable=False),
    Column("closed_at", Float, index=True),
    Column("closed_s", Float),
    Column("seen_at", Float, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("worst", String(16), nullable=False),
    Column("cause", String(16), nullable=False),
    Column("reason", Text, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("shadow", Boolean, nullable=False),
    Column("ended", Text, nullable=False),
    Column("trace", String(32), nullable=False, server_default=""),
)
"""An episode of hard or emergency brownout, see `balancer.service.incidents`. `seen_at` is when
the process that follows it was last heard of; `trace` is the id of its trace, "" where none is
sent."""

MIRRORED = Table(
    "mirrored",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String(100), nullable=False, unique=True),
    Column("remote_id", String(100)),
    Column("told", String(32), nullable=False),
    Column("at", Float, nullable=False),
)
"""What Datadog knows of an incident: `remote_id` is its own id, None while it is not known
whether it made one; `told` is the state that it was last told."""

AUDIT = Table(
    "audit",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("who", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("what", String(64), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("origin", String(16), nullable=False, server_default="console"),
)
"""Somebody changed something, or logged in or failed to. Never a secret. `origin` is console, api
or file."""

ACKNOWLEDGED, NOTE, ESCALATED = "acknowledged", "note", "escalated"
"""Kinds of notes."""

NOTES = Table(
    "incident_notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("incident", Integer, nullable=False, index=True),
    Column("at", Float, nullable=False),
    Column("who", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("text", Text, nullable=False),
)
"""Somebody wrote of an incident or took it up, or it was told again because nobody had."""

TOLD = Table(
    "told",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False, index=True),
    Column("told_at", Float),
    Column("channel", String(100), nullable=False),
    Column("level", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("problem", Text, nullable=False),
    Column("owner", String(64), nullable=False),
)
"""A channel was told at `told_at` of what happened at `at`; where that is empty it was given up,
and `problem` says why."""

VIEWS = Table(
    "saved_views",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("who", String(64), nullable=False),
    Column("name", String(100), nullable=False, unique=True),
    Column("query", Text, nullable=False),
)
"""What the metric explorer shows, under a name; `query` is that of its address."""

ROLLUPS = Table(
    "rollups",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("span_s", Integer, nullable=False),
    Column("owner", String(64), nullable=False),
    Column("data", JSON, nullable=False),
    Index("ix_rollups_owner_span_at", "owner", "span_s", "at"),
)
"""What was observed in the minute or the hour that begins at `at`, added up."""
