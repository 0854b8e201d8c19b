"""The history in PostgreSQL, where a server is installed to try it with."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from balancer.service.history import Store
from balancer.service.history.migrate import downgrade, revision, upgrade
from balancer.service.history.tables import METADATA, MODE_CHANGES, ORDERS
from balancer.service.incidents.gathering import gather
from balancer.service.incidents.rows import incident_of, open_rows, put
from balancer.service.integrations.datadog.mirror_state import CLOSED, Mirrored, MirrorState
from tests.service.datadog.test_mirror import EPISODE, OVER

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
    # The server refuses to run as root.
    user: list[str] = []
    if os.geteuid() == 0:
        user = ["runuser", "-u", "postgres", "--"]
        shutil.chown(directory, "postgres")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
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
