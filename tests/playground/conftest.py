"""A service with a playground, for all tests of this folder: its workers take a while to start."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from sim.playground.page import playground_page
from sim.playground.playground import Playground
from tests.service.conftest import Service, serving

FEW = 3
"""Replications of an answer at rest."""
POLICY = """\
name: live
thresholds:
  soft: {latency_p95: 9s, error_rate: 5%}
  hard: {latency_p95: 20s, error_rate: 10%}
"""


@pytest.fixture(scope="session")
def playground() -> Iterator[Playground]:
    """The one that the service asks."""
    patch = pytest.MonkeyPatch()
    # What ten replications say is tested elsewhere; here it is that they are asked for and told.
    patch.setattr("sim.playground.playground.REPLICATIONS", FEW)
    found = Playground()
    yield found
    found.close()
    patch.undo()


@pytest.fixture(scope="session")
def service(playground: Playground, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Without a token: whoever is on this machine may play."""
    data = tmp_path_factory.mktemp("playground")
    balancer = Balancer(parse_policy(POLICY), journal=data / "journal.jsonl")
    pages = (playground_page(playground),)
    with serving(data, balancer=balancer, pages=pages, token=None) as found:
        yield found
