"""A mock Gemini in a process of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import InputError
from sim.mock_gemini.process import spawn

from .caller import call

pytestmark = pytest.mark.slow


def test_it_answers_once_it_is_spawned_and_is_gone_once_it_is_stopped() -> None:
    """Under its own address, with a token of its own."""
    with spawn(speed=50.0, overrides=["workload.arrivals.rate=0.1"]) as mock:
        assert call(mock.addresses).status == 200
        assert mock.admin.counters()["total"]["outcomes"] == {"answer": 1}
    with pytest.raises(ConnectionRefusedError):
        call(mock.addresses)
    with pytest.raises(InputError, match="does not answer"):
        mock.admin.health()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"scenario": "stedy"}, "no scenario is called 'stedy' .did you mean 'steady'"),
        ({"speed": 0}, "speed 0: expected a number above 0"),
        ({"host": "192.0.2.1"}, "cannot listen on 192.0.2.1"),
    ],
    ids=["scenario", "speed", "host"],
)
def test_what_cannot_be_played_is_said_where_it_was_asked_for(
    asked: dict[str, object], message: str
) -> None:
    """One message, and no process is left."""
    with pytest.raises(InputError, match=message):
        spawn(**asked)  # type: ignore[arg-type]


def test_a_shared_processor_exists_in_the_simulator_only(tmp_path: Path) -> None:
    """How long a call takes there depends on calls still to come."""
    path = tmp_path / "shared.yaml"
    path.write_text(
        "scenario: shared\ntitle: shared\n"
        "upstream: {kind: queue, discipline: processor_sharing, servers: 1}\n"
    )
    with pytest.raises(InputError, match="exists in the simulator only"):
        spawn(path)
