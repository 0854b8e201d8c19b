"""No more is spent than was agreed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.policy_file import default_policy
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.clock import ManualClock
from loadtests.scene import Scene
from loadtests.spending import GEMINI, Guard, GuardedBalancer, Spending, real_gemini

ASKED = Asked(prompt_tokens=100, output_cap_tokens=1000)
WORST = 400 * 300 + 1000 * 2500
"""Nano-dollars of an attempt: twice the prompt and an instruction, and the whole cap."""
ENVIRONMENT = {"GEMINI_API_KEY": "key"}


def guarded(cap_nano_usd: int) -> tuple[GuardedBalancer, Guard, list[bool]]:
    """A balancer with a guard, and whether that was exhausted."""
    stopped: list[bool] = []
    settings = CallSettings(model="gemini-3.5-flash-lite")
    balancer = GuardedBalancer(default_policy(), settings=settings, clock=ManualClock())
    guard = Guard(cap_nano_usd, balancer.policy.catalog, lambda: stopped.append(True))
    balancer.guard = guard
    balancer.listeners.calls.add(guard.ended)
    return balancer, guard, stopped


def test_an_attempt_starts_only_if_its_worst_case_fits() -> None:
    """Beside the worst case of all that are under way."""
    balancer, guard, stopped = guarded(2 * WORST + WORST // 2)
    requests = [balancer.request(index=number, asked=ASKED) for number in range(3)]
    started = [request.start() is not None for request in requests]
    assert started == [True, True, False]
    assert guard.spent_nano_usd == 2 * WORST
    assert not stopped


def test_what_an_answer_did_not_cost_can_be_spent_again() -> None:
    """Known costs take the place of the worst case."""
    real = 100 * 300 + 10 * 2500
    balancer, guard, _ = guarded(WORST + 2 * real)
    for number in range(3):
        with balancer.request(index=number, asked=ASKED) as request:
            attempt = request.start()
            assert attempt is not None
            attempt.finish(Outcome(prompt_tokens=100, output_tokens=10))
    assert guard.spent_nano_usd == 3 * real


@pytest.mark.parametrize("kind", ["timeout", "reset"])
def test_what_nobody_saw_is_booked_at_its_worst(kind: str) -> None:
    """The upstream may have worked on it to its end."""
    balancer, guard, stopped = guarded(WORST + WORST // 2)
    with balancer.request(index=0, asked=ASKED) as request:
        attempt = request.start()
        assert attempt is not None
        attempt.finish(Outcome(kind=kind))
    assert guard.spent_nano_usd == WORST
    assert balancer.request(index=1, asked=ASKED).start() is None
    assert stopped


def test_the_cap_holds_while_calls_go_through_unchanged() -> None:
    """The kill switch lets go of the budget, and not of the guard."""
    balancer, guard, _ = guarded(WORST)
    balancer.bypass(on=True, reason="test")
    assert balancer.request(index=0, asked=ASKED).start() is not None
    assert balancer.request(index=1, asked=ASKED).start() is None
    assert guard.spent_nano_usd <= guard.cap_nano_usd


def test_an_attempt_without_a_number_or_a_price_never_starts() -> None:
    """Nobody could tell what it costs."""
    balancer, _, _ = guarded(1000 * WORST)
    assert balancer.request(asked=ASKED).start() is None
    unknown = Asked(model="gemini-99", prompt_tokens=1, output_cap_tokens=1)
    balancer.bypass(on=True, reason="the caller's own model is called")
    assert balancer.request(index=2, asked=unknown).start() is None


def test_the_guard_is_told_through_the_directory(tmp_path: Path) -> None:
    """And tells what was spent the same way."""
    catalog = default_policy().catalog
    assert Guard.told(tmp_path, catalog, bool) is None
    Spending(cap_nano_usd=5, url=GEMINI, api_key="k").tell(tmp_path)
    guard = Guard.told(tmp_path, catalog, bool)
    assert guard is not None
    assert guard.cap_nano_usd == 5
    assert "k" not in (tmp_path / "spend.json").read_text().replace("cap_nano_usd", "")


@pytest.mark.parametrize("cap_usd", [None, 0.0, -1.0, float("nan"), 1e9])
def test_a_cap_is_required(cap_usd: float | None) -> None:
    """One that is above 0 and can be meant."""
    with pytest.raises(InputError, match="--spend-cap"):
        real_gemini(Scene(source="steady"), cap_usd, ENVIRONMENT)


def test_the_real_api_answers_in_real_time() -> None:
    """Other speeds are refused."""
    with pytest.raises(InputError, match="--speed 1"):
        real_gemini(Scene(source="steady", speed=10.0), 1.0, ENVIRONMENT)


def test_a_key_is_required() -> None:
    """The message names the variable."""
    with pytest.raises(InputError, match="GEMINI_API_KEY"):
        real_gemini(Scene(source="steady"), 1.0, {})


def test_the_question_says_where_what_and_how_much() -> None:
    """And what is not played."""
    found = real_gemini(Scene(source="latency_spike"), 2.5, ENVIRONMENT)
    assert found.url == GEMINI
    assert found.cap_usd == 2.5
    for words in ("generativelanguage.googleapis.com", "60 minutes", "$2.5", "slow model"):
        assert words in found.question


def test_runs_share_a_cap() -> None:
    """What one spent the next cannot."""
    spending = Spending(cap_nano_usd=100, url=GEMINI, api_key="k")
    assert spending.less(60).cap_nano_usd == 40
    with pytest.raises(InputError, match="used up"):
        spending.less(100)
