"""Five processes on a real store, and what is done to them: they decide together, keep to one
budget, and nobody's call waits for the store.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from tests.waiting import until

from .conftest import Server
from .live import Nodes, keeps_its_word, together

pytestmark = pytest.mark.live


@pytest.fixture
def nodes(store: Server, tmp_path: Path) -> Iterator[Nodes]:
    """Five processes that are together."""
    with together(store, tmp_path) as found:
        yield found


def test_five_processes_decide_together_and_keep_to_one_budget(
    nodes: Nodes, record_property: Callable[[str, object], None]
) -> None:
    """Whatever is killed, stopped, paused, flushed and started again, in turn."""
    # The leader is killed, in full work: another closes its tick.
    before = len(nodes.ticks())
    nodes.kill(nodes.leader())
    nodes.until_together()
    ticks = nodes.ticks()[before - 1 :]
    assert max(later - earlier for earlier, later in pairwise(ticks)) <= 4
    assert "alone" not in nodes.places()

    # A follower is killed, and another process starts.
    nodes.kill(next(node for node in nodes.all if node is not nodes.leader()))
    nodes.all.append(nodes.start("n5"))
    nodes.until_together()

    # The leader stops for longer than its lease of the tick; it comes back as a follower.
    stopped = nodes.leader()
    stopped.send(signal.SIGSTOP)
    others = [node for node in nodes.all if node is not stopped]
    until(lambda: any(node.ask()["place"] == "leader" for node in others), "another leads")
    ten_s = time.monotonic() + 10.0
    until(lambda: time.monotonic() > ten_s, "it was stopped for ten seconds")
    stopped.send(signal.SIGCONT)
    nodes.until_together()

    # The store hangs: everybody is alone, nobody's call waits, and all come back.
    nodes.store.tell("CLIENT", "PAUSE", "12000", "ALL")
    until(lambda: set(nodes.places()) == {"alone"}, "all are alone")
    nodes.until_together()

    # The store loses everything, once what the dead have spent has left the window.
    nodes.store.tell("FLUSHALL")
    nodes.until_together()

    # It is killed, and starts again without a file.
    nodes.store.stop()
    until(lambda: set(nodes.places()) == {"alone"}, "all are alone")
    nodes.store.start()
    nodes.until_together()

    # What is spent in the end is spent by all, and calls have not waited for any of it.
    keeps_its_word(nodes, record_property)
