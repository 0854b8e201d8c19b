"""One receiver for all tests of a worker; each test begins with an empty one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.telemetry.receiver import Receiver, receiver


@pytest.fixture(scope="session")
def _agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("agent") / "log") as found:
        yield found


@pytest.fixture
def agent(_agent: Receiver) -> Receiver:
    """The receiver, empty."""
    _agent.clear()
    return _agent
