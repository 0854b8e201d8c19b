"""Brings a database to the tables this version needs, one process at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

__all__ = ["downgrade", "head", "revision", "upgrade"]

_LOCK = 0x6F70656E  # "open": of all advisory locks of a PostgreSQL server, ours
_LONGEST_WAIT_S = 60.0


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the tables up; does nothing where they are."""
    with _alone(engine), engine.begin() as connection:
        command.upgrade(_config(connection), to)


def downgrade(engine: Engine, to: str = "base") -> None:
    """Take the tables back to an earlier revision, and what they hold with them."""
    with _alone(engine), engine.begin() as connection:
        command.downgrade(_config(connection), to)


def revision(engine: Engine) -> str | None:
    """Where the tables are; None for an empty database."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head() -> str | None:
    """Where they should be."""
    return ScriptDirectory.from_config(_config(None)).get_current_head()


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """Hold back other processes that start at the same time."""
    if engine.dialect.name == "postgresql":
        with engine.connect() as connection:
            connection.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _LOCK})
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _LOCK})
        return
    name = engine.url.database
    if engine.dialect.name != "sqlite" or name in (None, "", ":memory:"):
        yield
        return
    # SQLite's own locks serve on every system; a file beside the database, because the
    # migration needs the database itself.
    lock = sqlite3.connect(f"{name}.lock", timeout=_LONGEST_WAIT_S, isolation_level=None)
    with closing(lock):
        lock.execute("BEGIN EXCLUSIVE")
        yield
