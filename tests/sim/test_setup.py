"""From scenario and policy to the kernel's arrays."""

from __future__ import annotations

import numpy as np
import pytest

from balancer.core.errors import ScenarioError
from balancer.core.modes import MODES, Mode
from balancer.core.policy import Strategy
from balancer.prices import default_catalog
from scenarios.profiles import calibrated_profiles
from sim.plant.setup import aligned, model_names, new_world
from sim.plant.upstream_records import CALL
from sim.plant.upstream_setup import new_upstream
from sim.plant.world import SLOT

from .worlds import FLASH, LITE, policy, requests, scenario

PRO = "gemini-2.5-pro"


def test_every_model_of_a_family_has_a_profile() -> None:
    """And no other: the workload is of text."""
    family = {card.name for card in default_catalog().cards if card.family}
    assert set(calibrated_profiles()) == family


def test_models_are_those_that_may_be_called_by_name() -> None:
    """Those asked for and the policy's, once each; never a dearer one."""
    under = policy(Strategy(fallback_models=(LITE,)), hard=Strategy(model=PRO))
    assert model_names(scenario(), under) == (FLASH, LITE)
    mixed = scenario(workload={"models": {FLASH: 0.5, PRO: 0.5}})
    assert model_names(mixed, under) == (FLASH, LITE, PRO)


def test_a_model_without_a_profile_is_refused() -> None:
    """With a hint what to do."""
    with pytest.raises(ScenarioError, match="no profile says how 'gemini-9' behaves"):
        new_upstream(scenario(), policy(), 1, ("gemini-9",))


def test_a_plan_of_too_many_models_is_refused() -> None:
    """The kernel has eight places."""
    dearest = default_catalog().card("gemini-3.1-pro-preview")
    cheap = [
        card.name
        for card in default_catalog().cards
        if card.family and card.price[1:] < dearest.price[1:] and card.price[2] < 9 * 10**9
    ]
    long = policy(Strategy(fallback_models=tuple(cheap[:8])))
    asks = scenario(clients={"model": dearest.name})
    with pytest.raises(ScenarioError, match="normal names 9 models"):
        new_world(asks, long, requests(), 1, (dearest.name, *cheap), keep_latencies=False)


def test_plans_are_those_of_every_model_asked_for() -> None:
    """Mode by mode, one model after the other; what does not hang on the model is the same."""
    first, second, third = "gemini-3.8-flash", "gemini-3.5-flash-lite", "gemini-3.1-flash-lite"
    mixed = scenario(workload={"models": {second: 0.5, first: 0.5}})
    under = policy(Strategy(fallback_models=("one cheaper",)), hard=Strategy(model="three cheaper"))
    models = model_names(mixed, under)
    plans = new_world(mixed, under, requests(), 1, models, keep_latencies=False).plans
    chains = [[models[m] for m in plan["models"][: plan["length"]]] for plan in plans]
    assert len(chains) == 2 * len(MODES)
    assert chains[Mode.NORMAL] == [second, third]
    assert chains[len(MODES) + Mode.NORMAL] == [first, second]
    assert (chains[Mode.HARD], chains[len(MODES) + Mode.HARD]) == ([LITE], [LITE])
    for name in ("concise", "quality_ppm", "timeout_s", "retries", "static_fallback"):
        assert (plans[name][: len(MODES)] == plans[name][len(MODES) :]).all()


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
