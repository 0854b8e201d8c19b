"""Five processes and a store whose packets the kernel drops: each goes on alone, keeps to the
budget, and rejoins. Live, because what is tried is the kernel's, and its silence takes seconds.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.waiting import until

from .conftest import SERVER, Server
from .live import Nodes, keeps_its_word, together
from .namespaces import Network, network

pytestmark = pytest.mark.live

REPLICAS = 5
CUT_S = 12.0
"""That a partition lasts."""

Apart = tuple[Network, Nodes]


@pytest.fixture
def apart(tmp_path: Path) -> Iterator[Apart]:
    """A network, and processes in it that are together."""
    if SERVER is None:
        pytest.skip("no redis-server or valkey-server on this machine")
    with network(REPLICAS) as net, tempfile.TemporaryDirectory(prefix="fleet") as home:
        store = Server(Path(home), *net.options, within=net.at_store())
        store.url = net.url
        try:
            with together(store, tmp_path, [net.at(each) for each in range(REPLICAS)]) as nodes:
                yield net, nodes
        finally:
            store.stop()


def calls(nodes: Nodes) -> list[int]:
    """That each has begun so far, granted or not."""
    return [int(str(node.ask()["calls"])) for node in nodes.all]


def lasts(nodes: Nodes, places: list[str]) -> None:
    """A partition does, all stand so, and everybody goes on calling."""
    until(lambda: sorted(map(str, nodes.places())) == sorted(places), f"they stand {places}")
    before, end_s = calls(nodes), time.monotonic() + CUT_S
    until(lambda: time.monotonic() > end_s, "the partition lasts")
    assert sorted(map(str, nodes.places())) == sorted(places)
    assert all(after > was for was, after in zip(before, calls(nodes), strict=True))


def test_replicas_that_the_kernel_cuts_off_go_on_alone_and_rejoin(
    apart: Apart, record_property: Callable[[str, object], None]
) -> None:
    """One hears nothing, of another only the answers are lost; then the leader, and then all."""
    net, nodes = apart
    leader = nodes.all.index(nodes.leader())
    first, second, *_ = (each for each in range(REPLICAS) if each != leader)
    net.cut(first)
    net.mute(second)
    lasts(nodes, ["alone", "alone", "follower", "follower", "leader"])
    assert {nodes.places()[each] for each in (first, second)} == {"alone"}
    net.cut(first, heal=True)
    net.mute(second, heal=True)
    nodes.until_together()

    # The leader, in full work: another leads, and the two do not decide one tick twice.
    leader = nodes.all.index(nodes.leader())
    net.cut(leader)
    lasts(nodes, ["alone", "follower", "follower", "follower", "leader"])
    assert nodes.places()[leader] == "alone"
    net.cut(leader, heal=True)
    nodes.until_together()

    # Everybody.
    for each in range(REPLICAS):
        net.cut(each)
    lasts(nodes, ["alone"] * REPLICAS)
    for each in range(REPLICAS):
        net.cut(each, heal=True)
    nodes.until_together()

    # One that waits for the store waits as long as that does not answer.
    assert max(keeps_its_word(nodes, record_property)) < CUT_S
