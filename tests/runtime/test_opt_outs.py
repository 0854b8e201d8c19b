"""What a caller's request is spared of, and what its scorer says."""

from __future__ import annotations

import dataclasses
import logging

import pytest

from balancer import wire
from balancer.core.catalog import ModelCard
from balancer.core.modes import Mode, Priority
from balancer.core.routes import RUNNING_TURN
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome, Score
from balancer.runtime.clock import ManualClock
from balancer.wire import edits

from .test_requests import FAST, SMALL, policy_with

CATALOG = default_policy().catalog
CARDS = [
    card
    for card in CATALOG.cards
    if card.outputs != {"embedding"} and CATALOG.serving(card) is card
]
NOBODY = default_policy().strategies[Mode.NORMAL].shed


def balancer(**changes: object) -> Balancer:
    """With a strategy in normal."""
    policy = policy_with(mode=Mode.NORMAL, **changes)
    return Balancer(policy, settings=CallSettings(model=FAST), clock=ManualClock())


def test_a_format_is_neither_capped_nor_answered_by_a_static_text() -> None:
    """Unless its caller says how much it needs."""
    live = balancer(output_cap_tokens=256, thinking=0, static_fallback="Busy.")
    request = live.request(asked=Asked(structured=True))
    attempt = request.start()
    assert attempt is not None
    assert (attempt.output_cap_tokens, request.static_fallback) == (None, None)
    attempt.finish(Outcome(kind="rejected"))
    request = live.request(asked=Asked(structured=True, min_output_tokens=100))
    attempt = request.start()
    assert attempt is not None
    assert attempt.output_cap_tokens == 256
    request.close()


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.name)
def test_a_plan_caps_what_it_would_cap_on_the_wire(card: ModelCard) -> None:
    """A hard budget holds that much, and no more is sent than was held: where a cap would only be
    filled with thoughts, or tear a picture, both leave it out.
    """
    own = Asked(model=card.name, needs=frozenset({RUNNING_TURN}))
    for mode, strategy in zip(Mode, default_policy().strategies, strict=True):
        policy = policy_with(mode=Mode.NORMAL, **dataclasses.asdict(strategy) | {"shed": NOBODY})
        with Balancer(policy, clock=ManualClock()).request(asked=own) as request:
            attempt = request.start()
            assert attempt is not None
            assert attempt.model == card.name
            served = policy.catalog.find(card.name)
            change = edits(strategy, served, wire.Asked(model=card.name))
            assert (mode, attempt.output_cap_tokens) == (mode, change.output_cap_tokens)


def test_a_model_of_which_only_a_price_is_known_goes_uncapped() -> None:
    """A cap might leave nothing but thoughts."""
    policy = policy_with(output_cap_tokens=256, thinking=0)
    unknown = ModelCard(name="", price=CARDS[0].price, budget=None, off=False)
    policy = dataclasses.replace(
        policy, catalog=dataclasses.replace(policy.catalog, unknown=unknown)
    )
    with Balancer(policy, clock=ManualClock()).request(asked=Asked(model="unheard-of")) as request:
        attempt = request.start()
        assert attempt is not None
        assert attempt.output_cap_tokens is None


@pytest.mark.parametrize(
    ("own", "planned", "left"),
    [(0, -1, None), (512, 1024, None), (2048, 1024, 1024), (None, 1024, 1024), (512, None, None)],
)
def test_a_plan_never_makes_a_call_think_more_than_its_caller_asked_for(
    own: int | None, planned: int | None, left: int | None
) -> None:
    """None leaves the caller's own."""
    live = balancer(thinking=planned)
    request = live.request(asked=Asked(model=FAST, thinking=own))
    attempt = request.start()
    assert attempt is not None
    assert attempt.thinking == left
    request.close()


@pytest.mark.parametrize(
    ("own_s", "planned_s", "left_s"),
    [(15.0, 60.0, 15.0), (90.0, 60.0, 60.0), (None, 60.0, 60.0), (15.0, None, 15.0)],
)
def test_the_shorter_deadline_of_caller_and_plan_holds(
    own_s: float | None, planned_s: float | None, left_s: float
) -> None:
    """The plan's replaces what the application has set up, and not what one call asks for."""
    live = balancer(timeout_s=planned_s)
    request = live.request(asked=Asked(model=FAST, timeout_s=own_s))
    attempt = request.start()
    assert attempt is not None
    assert attempt.timeout_s == left_s
    request.close()


def test_a_pinned_request_keeps_its_model() -> None:
    """What Google keeps for it is of that model."""
    live = balancer(model=SMALL, fallback_models=(SMALL,))
    request = live.request(asked=Asked(model=FAST, pinned=True))
    attempt = request.start()
    assert attempt is not None
    assert attempt.model == FAST
    request.close()


def test_a_request_knows_whether_its_plan_is_to_be_applied() -> None:
    """As it was when it was received."""
    live = balancer()
    assert live.request().enforced
    live.bypass(True, "test")
    assert not live.request().enforced


def test_scores_are_handed_on_and_a_broken_listener_harms_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is logged."""
    live = balancer()
    heard: list[Score] = []

    def broken(_: Score) -> None:
        raise RuntimeError("broken")

    live.listeners.scores.add(broken)
    live.listeners.scores.add(heard.append)
    score = Score(
        mode=Mode.SOFT, model=FAST, priority=Priority.LOW, key=None, index=None, quality=0.5
    )
    with caplog.at_level(logging.ERROR, "balancer"):
        live.scored(score)
    assert heard == [score]
    assert "score listener" in caplog.text
