"""Which database a URL means, and how it is talked to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.pool import NullPool

from ...core.errors import InputError
from ...installation import how_to_install
from ..texts import mended

__all__ = ["new_engine"]


def new_engine(url: str) -> Engine:
    """The engine of a database URL.

    Raises:
        InputError: no URL of a database that can be used here; without repeating it, because
            it may hold a password.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise InputError(
            "database is no URL; expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME"
        ) from None
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg")
    options: Mapping[str, Any] = {}
    if parsed.get_backend_name() == "postgresql":
        options = {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}
    elif parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:"):
        # A file is opened in no time. A pool would keep what a thread gives back to it after the
        # engine was closed, and nobody would ever close that.
        options = {"poolclass": NullPool}
    try:
        engine = create_engine(parsed, json_serializer=_as_json, **options)
    except NoSuchModuleError:
        raise InputError(
            f"database {parsed.drivername!r} is not one we know; expected sqlite or postgresql"
        ) from None
    except ModuleNotFoundError as error:
        raise InputError(
            f"the database needs the package {error.name}; install it: {how_to_install('postgres')}"
        ) from None
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _tune_sqlite)
    event.listen(engine, "before_cursor_execute", _mend, retval=True)
    return engine


def _as_json(value: Any) -> str:
    return json.dumps(mended(value))


def _mend(
    _connection: object, _cursor: object, statement: str, parameters: Any, *_: object
) -> tuple[str, Any]:
    """Whatever way a text came: no entry is lost because of a character in it."""
    return statement, mended(parameters)


def _tune_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    # Readers do not wait for the writer, and a crash loses at most the last commits.
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
