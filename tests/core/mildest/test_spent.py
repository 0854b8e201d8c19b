"""A mode of which no model of its own is left today is no remedy where requests fail."""

from __future__ import annotations

import pytest

from balancer.core.laws.mildest import Mildest
from balancer.core.laws.spent import LEAST_REFUSALS, MOST_MODELS, Spent
from balancer.core.modes import Mode
from balancer.core.observations import NO_FAILURES, ModeObservations
from tests.core.builders import failures, served
from tests.core.loop import Health, Loop, World, always, during
from tests.core.mildest.rungs import (
    BROKEN,
    EMERGENCY,
    FAILING,
    FAULT,
    HARD,
    NORMAL,
    SLOW,
    SOFT,
    assert_goes_on,
    loop,
    memory,
    probes,
)

GONE = Health(failing=1.0, kind="quota_day")
SPAN = 100
LONG = range(100, 5000)
WITHOUT_SIBLINGS = {"soft": GONE, "hard": GONE, "emergency": GONE}


def of(mode: Mode, model: str, *, answered: int = 0, **kinds: int) -> ModeObservations:
    """What a model did for a mode in a tick."""
    failed = failures(**kinds) if kinds else NO_FAILURES
    seen = served(mode, latencies=[1.0] * answered)
    return seen._replace(model=model, finished=answered + sum(failed), failures=failed)


def after(*ticks: tuple[ModeObservations, ...]) -> Spent:
    """What is remembered after such ticks, from 0 on."""
    spent = Spent(SPAN)
    for tick, entries in enumerate(ticks):
        spent.observe(tick, entries)
    return spent


REFUSED = (
    of(NORMAL, "big", answered=1),
    of(SOFT, "small", quota_day=LEAST_REFUSALS),
    of(SOFT, "big", answered=2),
)


def test_a_mode_whose_model_refuses_for_the_day_is_spent() -> None:
    """Though normal's model answers for it."""
    spent = after(REFUSED)
    assert spent.of(SOFT, 0)
    assert not spent.of(HARD, 0), "nobody has asked its model"
    assert not spent.of(NORMAL, 0)


def test_a_refusal_or_two_say_nothing() -> None:
    """A fault that hits a part of the calls says it too; in a row they say so, tick by tick."""
    once = (of(SOFT, "small", quota_day=1),)
    assert not after(*[once] * (LEAST_REFUSALS - 1)).of(SOFT, 1)
    assert after(*[once] * LEAST_REFUSALS).of(SOFT, 2)


@pytest.mark.parametrize("answered", [0, 1])
@pytest.mark.parametrize("day", [0, 5])
def test_any_other_end_strikes_it_out(answered: int, day: int) -> None:
    """Whoever refuses for the day refuses everybody."""
    other = of(SOFT, "small", answered=answered, overloaded=1 - answered, quota_day=day)
    assert not after(REFUSED, (other,)).of(SOFT, 1)
    assert after(REFUSED, (of(SOFT, "small", quota_day=1),)).of(SOFT, 1)
    assert after(REFUSED, (of(SOFT, "small"),)).of(SOFT, 1), "nothing has ended"


def test_another_model_of_the_mode_s_own_that_is_left_will_do() -> None:
    """Its callers may ask for several."""
    assert not after(REFUSED, (of(SOFT, "tiny", answered=1),)).of(SOFT, 1)
    assert after(REFUSED, (of(NORMAL, "tiny", answered=1),), (of(SOFT, "tiny", answered=1),)).of(
        SOFT, 2
    )


def test_it_is_worth_a_look_after_an_hour() -> None:
    """Days end, and quotas are raised."""
    spent = after(REFUSED)
    assert spent.of(SOFT, SPAN)
    assert not spent.of(SOFT, SPAN + 1)


def test_callers_who_name_ever_new_models_fill_nothing() -> None:
    """So many are remembered of a mode, and no more."""
    spent = after(
        *((of(SOFT, f"model-{number}", quota_day=1),) for number in range(2 * MOST_MODELS))
    )
    assert len(spent.asked[SOFT]) == len(spent.refused) == MOST_MODELS


def test_where_siblings_are_gone_for_the_day_failing_requests_stay_in_normal() -> None:
    """One look says so; a quarter of an hour later the next mode is looked at, and not the same."""
    run = loop(during(LONG, normal=FAILING, **WITHOUT_SIBLINGS)).run(1500)
    assert run.path == [SOFT, NORMAL, HARD, NORMAL]
    assert probes(run) == []
    assert run.texts[1] == "normal: no mode that was tried is better; next try in 15 min"


def test_one_that_only_fails_is_tried_again() -> None:
    """A 503 passes."""
    run = loop(during(LONG, normal=FAILING, soft=BROKEN, hard=BROKEN, emergency=BROKEN)).run(1500)
    assert [text for _, text in probes(run)] == ["normal: probing soft with 5.0% of requests"]


def test_who_came_because_requests_were_late_stays_until_it_is_known_to_be_no_better() -> None:
    """Two requests that fail say too little where the mode may be quicker."""
    failing, late = (
        loop(during(LONG, normal=health, **WITHOUT_SIBLINGS), per_tick=(0, 0.2, 0))
        for health in (Health(failing=1.0), Health(latency_s=6.0))
    )
    stays = []
    for run in (failing, late):
        entered = run.until(SOFT)
        stays.append(run.until(NORMAL) - entered)
    assert stays[0] < stays[1]


def test_where_requests_are_late_it_is_tried_on_a_share() -> None:
    """By normal's model it may be quicker, as it asks for less; so long after that nobody knows."""
    run = loop(during(LONG, normal=SLOW, **WITHOUT_SIBLINGS)).run(2900)
    assert run.path == [SOFT, NORMAL]
    tick, text = next(found for found in probes(run) if found[0] > 2000)
    assert (tick > 2800, text) == (True, "normal: probing soft with 5.0% of requests")


def in_emergency(world: World, *, shedding: bool = False, failing: bool = False) -> Loop:
    """All have just come there; normal answered none, and the models of soft and hard are spent."""
    run = loop(world).run(100)
    law: Mildest = run.controller._law._law  # type: ignore[attr-defined]
    for mode in (SOFT, HARD):
        law.spent.asked[mode].append(f"of {mode.label}")
        law.spent.refused[f"of {mode.label}"] = LEAST_REFUSALS, 99
    law.ill.found(99, NORMAL, 1.0, most=1, hold=2000)
    law._enter(99, EMERGENCY, (), shedding=shedding)
    law.failing = failing
    return run.run(1)


def test_no_probe_is_spent_on_it_while_users_suffer() -> None:
    """One that serves well has requests to spare for a look."""
    ill = in_emergency(always(emergency=Health(failing=0.3))).run(400)
    assert (ill.now.mode, probes(ill)) == (EMERGENCY, [])
    well = in_emergency(always()).run(400)
    assert "probing soft" in probes(well)[0][1]


@pytest.mark.parametrize(("shedding", "stays"), [(False, False), (True, True)])
def test_a_mode_that_sheds_is_not_left_in_vain(shedding: bool, stays: bool) -> None:
    """Fewer ask the model that is left, which may be what it needs; only comparing says more."""
    run = in_emergency(always(emergency=GONE), shedding=shedding, failing=True).run(13)
    assert (run.now.mode is EMERGENCY) is stays


def test_it_is_remembered_over_a_restart() -> None:
    """Whenever that is."""
    world = during(FAULT, normal=FAILING, **WITHOUT_SIBLINGS)
    for stop in (105, 111, 300):
        assert_goes_on(world, stop, 900)
    run = loop(always(normal=FAILING, **WITHOUT_SIBLINGS)).run(50)
    assert memory(run)["spent"]["refused"]
