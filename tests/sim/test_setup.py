"""From scenario and policy to the kernel's arrays."""

from __future__ import annotations

import numpy as np
import pytest

from balancer.core.errors import ScenarioError
from balancer.core.policy import Strategy
from balancer.prices import default_catalog
from scenarios.loader import calibrated_profiles
from sim.setup import aligned, model_names, new_upstream, new_world
from sim.upstream import CALL
from sim.world import SLOT

from .worlds import FLASH, LITE, policy, requests, scenario


def test_every_model_with_a_price_has_a_profile() -> None:
    """And no other has one."""
    assert set(calibrated_profiles()) == {card.name for card in default_catalog().cards}


def test_models_are_those_that_may_be_called_by_name() -> None:
    """The client's and the policy's, once each."""
    under = policy(Strategy(fallback_models=(LITE,)), hard=Strategy(model="gemini-2.5-pro"))
    assert model_names(scenario(), under) == (FLASH, LITE, "gemini-2.5-pro")


def test_a_model_without_a_profile_is_refused() -> None:
    """With a hint what to do."""
    with pytest.raises(ScenarioError, match="no profile says how 'gemini-9' behaves"):
        new_upstream(scenario(), policy(), 1, ("gemini-9",))


def test_a_plan_of_too_many_models_is_refused() -> None:
    """The kernel has eight places."""
    long = policy(Strategy(fallback_models=(LITE,) * 8))
    with pytest.raises(ScenarioError, match="normal names 9 models"):
        new_world(scenario(), long, requests(), 1, (FLASH, LITE), keep_latencies=False)


def test_more_models_than_a_slot_has_bits_are_refused() -> None:
    """One bit says of each whether it is out for the day."""
    models = tuple(map(str, range(33)))
    with pytest.raises(ScenarioError, match="name 33 models; the simulator takes 32"):
        new_world(scenario(), policy(), requests(), 1, models, keep_latencies=False)


@pytest.mark.parametrize("count", [1, 3, 1024])
def test_what_a_call_touches_lies_in_whole_lines_of_the_cache(count: int) -> None:
    """A slot in one, a call in two."""
    for record, size in ((SLOT, 64), (CALL, 128)):
        array = aligned(count, record)
        assert record.itemsize == size
        assert (
            len(array) == count and array.ctypes.data % 64 == 0 and not array.view(np.uint8).any()
        )


@pytest.mark.parametrize(
    ("starts_at", "first_midnight_s"),
    [
        pytest.param(None, 86_400.0, id="midnight"),
        pytest.param("2026-11-22T00:00:00-08:00", 86_400.0, id="pacific"),
        pytest.param("2026-11-22T12:00:00+00:00", 20 * 3600.0, id="utc"),
        pytest.param("2026-11-22T12:00:00", 20 * 3600.0, id="taken for utc"),
        pytest.param("2026-11-01T00:00:00-07:00", 25 * 3600.0, id="clocks go back"),
    ],
)
def test_days_turn_at_midnight_pacific(starts_at: str | None, first_midnight_s: float) -> None:
    """Daylight saving included."""
    upstream = new_upstream(scenario(starts_at=starts_at), policy(), 1, (FLASH,))
    assert upstream.midnights[0] == first_midnight_s
