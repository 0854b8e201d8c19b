"""The history's database: written by a thread of its own, read page by page.

Nothing that serves a call waits for it. What is to be written is queued; while the database
fails, however it does, the thread tries again and the newest 10,000 entries are kept. Only what
it refuses because of the entry itself is given up. The service serves on, and says that its
history is incomplete.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, func, insert, select
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError, StatementError

from .engine import new_engine
from .migrate import upgrade
from .tables import POLICY_VERSIONS

__all__ = ["Page", "Store", "StoreError"]

_MOST_WAITING = 10_000
_RETRY_S = 5.0
_LARGEST_BATCH = 500
_log = logging.getLogger("balancer.service.history")

Found = TypeVar("Found")
Work = Callable[[Connection], object]


class StoreError(Exception):
    """The database does not answer, or refuses; without its URL, which may hold a password.

    Args:
        problem: what is wrong.
        passing: whether to try again may help.
    """

    def __init__(self, problem: str, *, passing: bool) -> None:
        super().__init__(problem)
        self.passing = passing


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of a table, the newest first.

    Attributes:
        rows: as plain values.
        before: id to ask for what is older; None at the end.
    """

    rows: list[dict[str, Any]]
    before: int | None


class Store:
    """The history.

    Args:
        url: of SQLAlchemy, such as `sqlite:///history.sqlite3` or `postgresql://…`.
        retry_s: pause between attempts while the database is away.

    Raises:
        InputError: no URL of a database that can be used here.
    """

    def __init__(self, url: str, *, retry_s: float = _RETRY_S) -> None:
        self._engine = new_engine(url)
        self._retry_s = retry_s
        self._waiting: deque[Work] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._broken: str | None = "not opened yet"
        self._behind = False
        self._migrated = False
        self._lost = 0
        self._thread = threading.Thread(target=self._write, name="history", daemon=True)

    def open(self) -> None:
        """Bring the tables up and begin to write.

        A database that is away is no error here: it may come.
        """
        try:
            self._migrate()
        except StoreError:
            _log.exception("the history cannot be opened; the service goes on without it")
        self._thread.start()

    def close(self, timeout_s: float = 10.0) -> None:
        """Write what is waiting, for as long as `timeout_s`, and let go of the database."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._engine.dispose()

    @property
    def broken(self) -> str | None:
        """What is wrong with the database; None where nothing is."""
        return self._broken

    @property
    def lost(self) -> int:
        """Entries that were given up since the start."""
        return self._lost

    @property
    def problem(self) -> str:
        """What is wrong with the history, for people; "" where nothing is."""
        broken, lost = self._broken, self._lost
        said = [f"not written: {broken}"] if broken else []
        if lost:
            said.append(f"{lost:,} {'entry was' if lost == 1 else 'entries were'} given up")
        return "; ".join(said)

    def add(self, table: Table, **values: Any) -> None:
        """Write an entry soon. Returns at once and never raises."""
        self.later(partial(_insert, table=table, values=values))

    def later(self, work: Work) -> None:
        """Do something with a connection soon, after what waits. Returns at once, never raises.

        Args:
            work: may be done again if the database fails meanwhile.
        """
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.popleft()
                self._lost += 1
            self._waiting.append(work)
            self._changed.notify()

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Wait until what was added is written; False if it is not by then."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting, timeout_s)

    def add_now(self, table: Table, **values: Any) -> int:
        """Write an entry and return its id. Blocks: not for the event loop.

        Raises:
            StoreError: it is not written.
        """

        def work(connection: Connection) -> int:
            key = connection.execute(insert(table).values(**values)).inserted_primary_key
            assert key is not None
            return int(key[0])

        return self.run(work)

    def page(
        self,
        table: Table,
        *,
        limit: int,
        before: int | None = None,
        where: ColumnElement[bool] | None = None,
    ) -> Page:
        """The newest entries of a table, or those older than `before`, that fit. Blocks.

        Raises:
            StoreError: they cannot be read.
        """

        def work(connection: Connection) -> Page:
            query = select(table).order_by(table.c.id.desc()).limit(limit + 1)
            if before is not None:
                query = query.where(table.c.id < before)
            if where is not None:
                query = query.where(where)
            rows = [dict(row) for row in connection.execute(query).mappings()]
            more = len(rows) > limit
            rows = rows[:limit]
            return Page(rows=rows, before=rows[-1]["id"] if more else None)

        return self.run(work)

    def get(self, table: Table, entry: int) -> dict[str, Any] | None:
        """One entry; None where there is none. Blocks.

        Raises:
            StoreError: it cannot be read.
        """

        def work(connection: Connection) -> dict[str, Any] | None:
            row = connection.execute(select(table).where(table.c.id == entry)).mappings().first()
            return None if row is None else dict(row)

        return self.run(work)

    def count(self, table: Table, *, since: float) -> int:
        """Entries at or after a Unix time. Blocks.

        Raises:
            StoreError: they cannot be counted.
        """

        def work(connection: Connection) -> int:
            query = select(func.count()).select_from(table).where(table.c.at >= since)
            return int(connection.execute(query).scalar_one())

        return self.run(work)

    def newest_policy(self, *origins: str) -> dict[str, Any] | None:
        """The newest policy version, of certain origins if any are given. Blocks.

        Raises:
            StoreError: it cannot be read.
        """

        def work(connection: Connection) -> dict[str, Any] | None:
            query = select(POLICY_VERSIONS).order_by(POLICY_VERSIONS.c.id.desc()).limit(1)
            if origins:
                query = query.where(POLICY_VERSIONS.c.origin.in_(origins))
            row = connection.execute(query).mappings().first()
            return None if row is None else dict(row)

        return self.run(work)

    def run(self, work: Callable[[Connection], Found]) -> Found:
        """Do something with a connection, in a transaction of its own. Blocks.

        Raises:
            StoreError: it is not done.
        """
        try:
            if not self._migrated:
                self._migrate()
            with self._engine.begin() as connection:
                result = work(connection)
        except SQLAlchemyError as error:
            raise self._failed(error) from None
        self._answers()
        return result

    def _migrate(self) -> None:
        try:
            if self._engine.dialect.name == "sqlite" and self._engine.url.database:
                Path(self._engine.url.database).parent.mkdir(parents=True, exist_ok=True)
            upgrade(self._engine)
        except Exception as error:  # noqa: BLE001
            # Alembic and drivers have errors of their own, and none may stop the service.
            raise self._broke(error) from None
        self._migrated = True
        self._answers()

    def _answers(self) -> None:
        # One that is only read is found well by whoever reads.
        if not self._behind:
            self._broken = None

    def _failed(self, error: SQLAlchemyError) -> StoreError:
        # The base of a driver's errors is what SQLAlchemy itself says of a value.
        if isinstance(error, DataError | IntegrityError) or type(error) is StatementError:
            return StoreError(_failing(error), passing=False)
        return self._broke(error)

    def _broke(self, error: Exception) -> StoreError:
        said = StoreError(_failing(error), passing=True)
        if threading.current_thread() is self._thread:
            if not self._behind:
                _log.warning("%s; what is to be written is kept until it can be", said)
            self._behind = True  # before the other is: whoever reads may find it well
        self._broken = type(error).__name__
        if self._engine.dialect.name == "postgresql":
            # A server that is no longer the primary stays read-only for who is connected to it.
            self._engine.dispose()
        return said

    def _write(self) -> None:
        most = _LARGEST_BATCH
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closing)
                batch = list(islice(self._waiting, most))
                closing = self._closing
            if not batch:
                return
            refused: Exception | None = None
            try:
                self.run(partial(_do, batch=batch))
            except StoreError as error:
                if error.passing:
                    if closing:
                        _log.warning("%d entries of the history are lost", len(self._waiting))
                        return
                    with self._changed:
                        self._changed.wait_for(lambda: self._closing, self._retry_s)
                    continue
                refused = error
            except Exception as error:  # noqa: BLE001 - a driver's, of a value that it cannot send
                refused = error
            self._on_again()
            if refused is not None:
                if len(batch) > 1:
                    most = 1  # one of them is refused: the others shall not wait for it
                    continue
                _log.warning("an entry of the history is refused: %s", refused)
            most = most if len(batch) == 1 and len(self._waiting) > 1 else _LARGEST_BATCH
            with self._changed:
                self._lost += refused is not None
                for entry in batch:
                    # Newer ones may have pushed some out meanwhile.
                    if self._waiting and self._waiting[0] is entry:
                        self._waiting.popleft()
                self._changed.notify_all()

    def _on_again(self) -> None:
        if self._behind:
            self._behind = False
            self._broken = None
            _log.warning("the history is written again")


def _failing(error: Exception) -> str:
    return f"the history's database fails: {type(error).__name__}"


def _insert(connection: Connection, table: Table, values: dict[str, Any]) -> None:
    connection.execute(insert(table).values(**values))


def _do(connection: Connection, batch: list[Work]) -> None:
    for work in batch:
        work(connection)
