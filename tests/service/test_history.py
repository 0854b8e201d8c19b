"""The history's database: tables up and down, writes that wait for nobody, and outages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from sqlite3 import ProgrammingError
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine, Table, create_engine, inspect, text

from balancer.core.errors import InputError
from balancer.service.history import Store, StoreError
from balancer.service.history.migrate import downgrade, head, revision, upgrade
from balancer.service.history.tables import METADATA, MODE_CHANGES, ORDERS, POLICY_VERSIONS
from tests.waiting import GIVE_UP_S, until

pytestmark = pytest.mark.slow

HIDDEN: tuple[tuple[Table, dict[str, Any]], ...] = (
    (ORDERS, {"at": 1.0, "kind": "bypass", "reason": "a\0b\ud800"}),
    (
        MODE_CHANGES,
        {"at": 1.0, "tick": 1, "from_mode": "soft", "to_mode": "hard", "reasons": ["a\0b\ud800"]},
    ),
)
"""Rows of which no database, or no driver, takes the text."""
ORDER = {"at": 1.0, "kind": "override", "mode": "soft", "until": 61.0, "reason": "a drill"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """An empty database."""
    engine = create_engine(f"sqlite:///{tmp_path / 'empty.sqlite3'}")
    yield engine
    engine.dispose()


@pytest.fixture
def url(tmp_path: Path) -> str:
    """Of a database that is not there yet, in a directory that is not either."""
    return f"sqlite:///{tmp_path / 'new' / 'history.sqlite3'}"


def test_an_empty_database_is_brought_up_to_what_the_code_expects(engine: Engine) -> None:
    """No table, column or index differs from those the code uses."""
    upgrade(engine)
    assert revision(engine) == head() == "0004"
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_bringing_it_up_again_keeps_what_it_holds(engine: Engine) -> None:
    """Every start does."""
    upgrade(engine)
    with engine.begin() as connection:
        connection.execute(ORDERS.insert().values(**ORDER))
    upgrade(engine)
    with engine.connect() as connection:
        assert connection.execute(ORDERS.select()).mappings().one()["reason"] == "a drill"


def test_every_step_goes_back(engine: Engine) -> None:
    """Down to nothing and up again."""
    upgrade(engine)
    downgrade(engine)
    assert revision(engine) is None
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    upgrade(engine)
    assert set(METADATA.tables) <= set(inspect(engine).get_table_names())


def test_processes_that_start_together_take_turns(url: str, tmp_path: Path) -> None:
    """Each finds the tables there, and none fails."""
    script = (
        "import sys; from balancer.service.history import Store\n"
        "store = Store(sys.argv[1]); store.open(); sys.exit(store.broken is not None)"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, url]) for _ in range(3)]
    assert [process.wait(GIVE_UP_S) for process in running] == [0, 0, 0]


def test_what_was_added_is_read_page_by_page_newest_first(url: str) -> None:
    """With ids to go on from."""
    store = Store(url)
    store.open()
    for number in range(5):
        store.add(ORDERS, **{**ORDER, "reason": str(number)})
    assert store.flush()
    first = store.page(ORDERS, limit=2)
    assert [row["reason"] for row in first.rows] == ["4", "3"]
    last = store.page(ORDERS, limit=3, before=first.before)
    assert [row["reason"] for row in last.rows] == ["2", "1", "0"]
    assert last.before is None
    assert store.count(ORDERS, since=0.5) == 5
    store.close()


def test_closing_writes_what_is_waiting(url: str) -> None:
    """And a new store finds it."""
    store = Store(url)
    store.open()
    for tick in range(100):
        store.add(
            MODE_CHANGES, at=1.0, tick=tick, from_mode="normal", to_mode="soft", reasons=["why"]
        )
    store.close()
    again = Store(url)
    again.open()
    assert again.page(MODE_CHANGES, limit=1).rows[0]["tick"] == 99
    again.close()


def test_a_database_that_is_away_holds_nobody_up_and_misses_nothing_later(tmp_path: Path) -> None:
    """It says so while it lasts."""
    blocked = tmp_path / "place"
    blocked.write_text("a file where a directory should be")
    store = Store(f"sqlite:///{blocked / 'history.sqlite3'}", retry_s=0.02)
    store.open()
    assert store.broken
    store.add(ORDERS, **ORDER)
    with pytest.raises(StoreError):
        store.page(ORDERS, limit=1)
    blocked.unlink()
    assert store.flush()
    assert store.broken is None
    assert len(store.page(ORDERS, limit=10).rows) == 1
    store.close()


def test_an_entry_that_is_refused_does_not_hold_up_the_others(url: str) -> None:
    """It is counted as lost."""
    store = Store(url, retry_s=0.02)
    store.open()
    store.add(ORDERS, **ORDER)
    store.add(ORDERS, **{**ORDER, "reason": None})
    store.add(ORDERS, **{**ORDER, "reason": "the last"})
    assert store.flush()
    assert [row["reason"] for row in store.page(ORDERS, limit=9).rows] == ["the last", "a drill"]
    assert store.lost == 1
    store.close()


def test_a_file_that_is_torn_while_it_is_open_is_broken_and_misses_nothing_later(
    url: str, tmp_path: Path
) -> None:
    """It is no outage to SQLite, which says of the file that it is no database."""
    store = Store(url, retry_s=0.02)
    store.open()
    store.add(ORDERS, **ORDER)
    assert store.flush()
    store.page(ORDERS, limit=1)
    file = tmp_path / "new" / "history.sqlite3"
    whole = file.read_bytes()
    for rest in file.parent.glob("history.sqlite3-*"):
        rest.unlink()
    file.write_bytes(b"\x07" * len(whole))
    store.add(ORDERS, **{**ORDER, "reason": "the last"})
    until(lambda: store.broken, "the store finds its file torn")
    assert (store.broken, store.lost) == ("DatabaseError", 0)
    assert store.problem == "not written: DatabaseError"
    with pytest.raises(StoreError):
        store.page(ORDERS, limit=1)
    file.write_bytes(whole)
    assert store.flush()
    until(lambda: not store.problem, "the store is well again")
    assert [row["reason"] for row in store.page(ORDERS, limit=9).rows] == ["the last", "a drill"]
    store.close()


def test_a_file_that_is_no_database_is_named_from_the_start(tmp_path: Path) -> None:
    """And what was added is written once there is one."""
    file = tmp_path / "history.sqlite3"
    file.write_bytes(b"\x07" * 5000)
    store = Store(f"sqlite:///{file}", retry_s=0.02)
    store.open()
    assert store.broken == "DatabaseError"
    store.add(ORDERS, **ORDER)
    file.unlink()
    assert store.flush()
    assert (store.problem, len(store.page(ORDERS, limit=9).rows)) == ("", 1)
    store.close()


def test_what_can_only_be_read_is_broken_though_it_is_read(url: str) -> None:
    """Whoever reads it meanwhile changes nothing about that."""
    store = Store(url, retry_s=0.02)
    store.open()
    engine = create_engine(url)
    with engine.begin() as connection:
        failing = "CREATE TRIGGER still BEFORE INSERT ON orders BEGIN INSERT INTO gone VALUES (1);"
        connection.execute(text(f"{failing} END"))
    store.add(ORDERS, **ORDER)
    until(lambda: store.broken, "the store cannot write")
    assert store.page(ORDERS, limit=1).rows == []
    assert store.broken == "OperationalError"
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER still"))
    engine.dispose()
    assert store.flush()
    until(lambda: not store.broken, "the store is well again")
    assert (store.lost, len(store.page(ORDERS, limit=9).rows)) == (0, 1)
    store.close()


def test_who_reads_in_the_moment_that_writing_fails_does_not_find_it_well(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the status in between would say that nothing is wrong."""
    store = Store(url, retry_s=0.02)
    store.open()
    broke = Store._broke
    seen: list[str | None] = []

    def meanwhile(failing: Store, error: Exception) -> StoreError:
        found = broke(failing, error)
        with ThreadPoolExecutor(1) as reader:
            reader.submit(failing.page, MODE_CHANGES, limit=1).result(GIVE_UP_S)
        seen.append(failing.broken)
        return found

    monkeypatch.setattr(Store, "_broke", meanwhile)
    store.run(lambda connection: connection.execute(text("ALTER TABLE orders RENAME TO away")))
    store.add(ORDERS, **ORDER)
    until(lambda: seen, "the store cannot write")
    assert seen[0] == "OperationalError"
    store.run(lambda connection: connection.execute(text("ALTER TABLE away RENAME TO orders")))
    assert store.flush()
    store.close()


def test_what_the_driver_cannot_send_does_not_end_the_writing(url: str) -> None:
    """It raises errors of Python's own, which the database knows nothing of."""
    store = Store(url, retry_s=0.02)
    store.open()
    store.add(MODE_CHANGES, at=1.0, tick=2**70, from_mode="normal", to_mode="soft", reasons=[])
    store.later(lambda _connection: 1 / 0)
    store.add(ORDERS, **ORDER)
    assert store.flush()
    assert (store.lost, store.problem) == (2, "2 entries were given up")
    assert len(store.page(ORDERS, limit=9).rows) == 1
    store.close()


def held_of_hidden(url: str) -> tuple[int, Any, Any]:
    """What a database holds of `HIDDEN`: how many were lost, a reason, and a list of them."""
    store = Store(url)
    store.open()
    for table, values in HIDDEN:
        store.add(table, **values)
    assert store.flush()
    reason = store.page(ORDERS, limit=1).rows[0]["reason"]
    reasons = store.page(MODE_CHANGES, limit=1).rows[0]["reasons"]
    store.close()
    return store.lost, reason, reasons


def test_no_entry_is_lost_because_of_its_text(url: str) -> None:
    """Whatever way it came; what cannot be held is shown to be missing."""
    assert held_of_hidden(url) == (0, "a\ufffdb\ufffd", ["a\ufffdb\ufffd"])


def test_an_outage_keeps_the_newest_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded."""
    monkeypatch.setattr("balancer.service.history.store._MOST_WAITING", 10)
    store = Store(f"sqlite:///{tmp_path / 'later.sqlite3'}")
    for number in range(25):
        store.add(ORDERS, **{**ORDER, "reason": str(number)})
    assert store.lost == 15
    store.open()
    assert store.flush()
    assert [row["reason"] for row in store.page(ORDERS, limit=99).rows][-1] == "15"
    store.close()


def test_the_newest_policy_of_an_origin_is_found(url: str) -> None:
    """The file's, for one, to tell whether the file has changed."""
    store = Store(url)
    store.open()
    policy = {"at": 1.0, "name": "p", "reason": "", "text": "name: p"}
    first = store.add_now(POLICY_VERSIONS, origin="file", **policy)
    second = store.add_now(POLICY_VERSIONS, origin="api", **policy)
    newest, file = store.newest_policy(), store.newest_policy("file")
    assert newest is not None and newest["id"] == second
    assert file is not None and file["id"] == first
    assert store.get(POLICY_VERSIONS, 99) is None
    store.close()


@pytest.mark.parametrize(
    ("url", "problem"),
    [("nonsense", "is no URL"), ("oracle9://x/y", "is not one we know")],
)
def test_a_url_that_cannot_be_meant_is_refused_at_the_start(url: str, problem: str) -> None:
    """Without repeating it: it may hold a password."""
    with pytest.raises(InputError, match=problem):
        Store(url)


def test_readers_do_not_wait_for_the_writer(url: str) -> None:
    """The database is in WAL mode."""
    store = Store(url)
    store.open()
    engine = create_engine(url)
    with engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar_one() == "wal"
    engine.dispose()
    store.close()


def test_nothing_keeps_the_database_open(url: str) -> None:
    """Not even a thread that reads while the history is closed."""
    store = Store(url)
    store.open()
    store.flush()

    def close_meanwhile(connection: Connection) -> object:
        store.close()
        return connection.connection.dbapi_connection

    driver = store.run(close_meanwhile)
    with pytest.raises(ProgrammingError, match="closed database"):
        driver.execute("SELECT 1")  # type: ignore[attr-defined]
