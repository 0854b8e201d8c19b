"""The history in PostgreSQL, where a server is installed to try it with."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Float, MetaData, String, Table, create_engine, select, text
from sqlalchemy.pool import NullPool

from balancer.service.history import Store
from balancer.service.history.migrate import downgrade, revision, upgrade
from balancer.service.history.tables import (
    ACKNOWLEDGED,
    AUDIT,
    ESCALATED,
    INCIDENTS,
    METADATA,
    MODE_CHANGES,
    NOTES,
    ORDERS,
    TOLD,
)
from balancer.service.incidents.gathering import gather
from balancer.service.incidents.rows import incident_of, open_rows, put, traced
from balancer.service.integrations.datadog.mirror_state import CLOSED, Mirrored, MirrorState
from balancer.service.integrations.escalation import Escalation
from tests.service.datadog.test_mirror import EPISODE, OVER
from tests.service.test_history import held_of_hidden
from tests.waiting import free_port, until

pytestmark = pytest.mark.slow

if TYPE_CHECKING:
    from balancer.service.incidents.incident_tracker import IncidentTracker
    from balancer.service.integrations.notifications import Notifying

ORDER = {"at": 1.0, "kind": "override", "mode": "soft", "until": 61.0, "reason": "a drill"}


def binaries() -> Path | None:
    """Where the server's programs are."""
    for place in (*Path("/usr/lib/postgresql").glob("*/bin"), Path("/usr/local/bin")):
        if (place / "initdb").exists():
            return place
    found = shutil.which("initdb")
    return Path(found).parent if found else None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Of an empty database on a server of its own."""
    pytest.importorskip("psycopg")
    place = binaries()
    if place is None:
        pytest.skip("no PostgreSQL server is installed")
    # Not among pytest's own directories, which only their owner may enter.
    directory = Path(tempfile.mkdtemp(prefix="open-balancer-"))
    # The server refuses to run as root; where its own user is missing, nobody will do.
    user: list[str] = []
    if os.geteuid() == 0:
        import pwd

        if shutil.which("runuser") is None:
            pytest.skip("a PostgreSQL server does not run as root, and there is no runuser")
        known = {entry.pw_name for entry in pwd.getpwall()}
        name = "postgres" if "postgres" in known else "nobody"
        user = ["runuser", "-u", name, "--"]
        shutil.chown(directory, name)
    port = free_port()
    data = directory / "data"

    def run(*command: str) -> None:
        subprocess.run([*user, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")

    run(str(place / "initdb"), "-D", str(data), "-A", "trust", "-U", "tester")
    options = f"-c listen_addresses=127.0.0.1 -c fsync=off -p {port} -k {directory}"
    control = str(place / "pg_ctl")
    run(control, "-D", str(data), "-o", options, "-l", str(directory / "log"), "-w", "start")
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        run(control, "-D", str(data), "-m", "fast", "-w", "stop")
        shutil.rmtree(directory)


def test_processes_that_start_together_take_turns(url: str) -> None:
    """Each finds the tables there."""

    def opened(_number: int) -> Store:
        store = Store(url)
        store.open()
        return store

    with ThreadPoolExecutor(4) as pool:
        stores = list(pool.map(opened, range(4)))
    assert [store.broken for store in stores] == [None] * 4
    for store in stores:
        store.close()


def test_what_is_written_is_read(url: str) -> None:
    """An entry that does not fit is counted as lost, and holds up no other."""
    store = Store(url)
    store.open()
    store.add(ORDERS, **ORDER)
    store.add(ORDERS, **{**ORDER, "kind": "k" * 40})
    store.add(ORDERS, **{**ORDER, "reason": "the last"})
    store.add(MODE_CHANGES, at=1.0, tick=1, from_mode="normal", to_mode="soft", reasons=["why"])
    assert store.flush()
    assert [row["reason"] for row in store.page(ORDERS, limit=9).rows] == ["the last", "a drill"]
    assert store.page(MODE_CHANGES, limit=9).rows[0]["reasons"] == ["why"]
    assert store.lost == 1
    store.close()


def test_a_server_that_is_only_read_loses_nothing(url: str) -> None:
    """As after a failover: whoever reads finds it well, and what waits is written later."""
    server = create_engine(
        url.replace("postgresql:", "postgresql+psycopg:"),
        isolation_level="AUTOCOMMIT",
        poolclass=NullPool,
    )

    def say(words: str) -> None:
        with server.connect() as connection:
            connection.execute(text(f"ALTER SYSTEM {words}"))
            connection.execute(text("SELECT pg_reload_conf()"))

    def only_read() -> bool:
        with server.connect() as connection:
            return bool(connection.execute(text("SHOW transaction_read_only")).scalar() == "on")

    before = Store(url)
    before.open()
    before.close()
    say("SET default_transaction_read_only = on")
    until(only_read, "the server is only read")
    store = Store(url, retry_s=0.02)
    store.open()
    since = 1e6
    store.add(ORDERS, **{**ORDER, "at": since})
    until(lambda: store.broken, "the store cannot write")
    assert store.count(ORDERS, since=since) == 0
    assert store.problem == "not written: InternalError"
    say("RESET default_transaction_read_only")
    assert store.flush()
    until(lambda: not store.problem, "the store is well again")
    assert store.count(ORDERS, since=since) == 1
    store.close()
    server.dispose()


def test_a_table_that_is_gone_is_no_fault_of_an_entry(url: str) -> None:
    """It is kept until there is one again."""
    store = Store(url, retry_s=0.02)
    store.open()
    store.run(lambda connection: connection.execute(text("ALTER TABLE orders RENAME TO put_away")))
    store.add(ORDERS, **{**ORDER, "at": 2e6})
    until(lambda: store.broken, "the store cannot write")
    assert (store.broken, store.lost) == ("ProgrammingError", 0)
    store.run(lambda connection: connection.execute(text("ALTER TABLE put_away RENAME TO orders")))
    assert store.flush()
    assert store.count(ORDERS, since=2e6) == 1
    store.close()


def test_no_entry_is_lost_because_of_its_text(url: str) -> None:
    """PostgreSQL takes no null, which SQLite does."""
    assert held_of_hidden(url) == (0, "a\ufffdb\ufffd", ["a\ufffdb\ufffd"])


def test_incidents_and_what_datadog_knows_of_them_are_kept(url: str) -> None:
    """Scenario seconds and the epoch to the bit: they find the journal again."""
    store = Store(url)
    store.open()
    opened = replace(EPISODE, epoch=1_763_800_000.123456789, opened_s=0.1 + 0.2)
    store.run(lambda connection: put(connection, opened, 1.0))
    store.run(lambda connection: put(connection, OVER, 2.0))
    assert store.run(open_rows) == []
    store.run(lambda connection: put(connection, opened, 3.0))
    (row,) = store.run(open_rows)
    assert incident_of(row) == opened
    known = MirrorState(store, lambda: opened.opened_at)
    assert known.get(opened.key) is None
    assert [found.key for found in known.unfinished(opened.owner)] == [opened.key]
    known.note(opened.key, Mirrored(number="abc", told="hard"))
    again = MirrorState(store, lambda: opened.opened_at)
    assert again.get(opened.key) == Mirrored(number="abc", told="hard")
    known.note(opened.key, Mirrored(number="abc", told=CLOSED))
    assert again.unfinished(opened.owner) == []
    found = store.run(lambda connection: gather(connection, 1, opened, 10))
    assert (found.modes, found.left_out) == ([], 0)
    store.close()


def test_who_was_told_and_who_took_it_up_are_kept(url: str) -> None:
    """With the way a change came and the incident's trace, and told again from the same rows."""
    store = Store(url)
    store.open()
    opened = replace(EPISODE, key="told-again", opened_at=1000.0, began_at=999.0)
    store.run(lambda connection: put(connection, opened, 1000.0))
    store.run(lambda connection: traced(connection, opened.key, "6c9d" * 8))
    row = next(each for each in store.run(open_rows) if each["key"] == opened.key)
    assert row["trace"] == "6c9d" * 8
    for told_at, problem in ((1001.0, ""), (None, "answered 404")):
        store.add(TOLD, at=1000.0, told_at=told_at, channel="slack hooks.slack.com #3fa9",
                  level="warning", title="incident opened", problem=problem,
                  owner=opened.owner)  # fmt: skip
    store.add(AUDIT, at=1.0, who="otto", role="operator", what="note", before="", after="x",
              owner=opened.owner, origin="api")  # fmt: skip
    assert store.flush()
    assert store.lost == 0
    now = [1000.0 + 900.0]
    tracker = SimpleNamespace(current=opened)
    again: list[int] = []
    notifying = SimpleNamespace(
        reach=lambda _steps: None, tell_again=lambda _incident, _at_s, step: again.append(step)
    )
    escalation = Escalation(store, cast("IncidentTracker", tracker), cast("Notifying", notifying),
                            after_s=900.0, steps=["a", "b"], clock=lambda: now[0])  # fmt: skip
    escalation.tend()
    escalation.tend()
    assert again == [0]
    store.add_now(NOTES, incident=row["id"], at=now[0], who="otto", kind=ACKNOWLEDGED, text="")
    now[0] += 9000.0
    escalation.tend()
    assert again == [0]
    found = store.run(lambda connection: gather(connection, row["id"], opened, 10))
    assert [(each["told_at"], each["problem"]) for each in found.told] == [
        (1001.0, ""), (None, "answered 404"),
    ]  # fmt: skip
    assert [each["kind"] for each in found.notes] == [ESCALATED, ACKNOWLEDGED]
    assert store.page(AUDIT, limit=1).rows[0]["origin"] == "api"
    store.close()


def test_what_an_earlier_version_wrote_is_taken_along(url: str) -> None:
    """Revision 0004 gives it the console as its origin, and no trace; and takes both away again."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    upgrade(engine)
    downgrade(engine, "0003")
    changed = {"at": 7.0, "who": "otto", "role": "admin", "what": "log in", "before": "",
               "after": "", "owner": "me"}  # fmt: skip
    before = Table("audit", MetaData(), autoload_with=engine)
    assert "origin" not in before.c
    incidents = Table("incidents", MetaData(), autoload_with=engine)
    values = {column.name: 1.0 for column in incidents.c if isinstance(column.type, Float)}
    words = {column.name: "hard" for column in incidents.c if isinstance(column.type, String)}
    with engine.begin() as connection:
        connection.execute(before.insert().values(**changed))
        connection.execute(incidents.delete())
        connection.execute(incidents.insert().values(**values, **words, changes=0, shadow=False))
    upgrade(engine)
    with engine.connect() as connection:
        rows = connection.execute(select(AUDIT).where(AUDIT.c.at == 7.0)).mappings().all()
        assert [row["origin"] for row in rows] == ["console"]
        assert connection.execute(select(INCIDENTS.c.trace)).scalars().all() == [""]
    engine.dispose()


def test_every_step_goes_back(url: str) -> None:
    """Down to nothing and up again, to what the code expects."""
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    upgrade(engine)
    downgrade(engine)
    assert revision(engine) is None
    upgrade(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    engine.dispose()
