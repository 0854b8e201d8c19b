"""A balancer that runs on takes up prices and ends when the day turns."""

from __future__ import annotations

import logging
import time
from datetime import date
from pathlib import Path

import pytest

from balancer.core.modes import Mode
from balancer.policy_file import default_policy, parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import Clock, ManualClock, today
from balancer.runtime.ends import ends

NAMED = "modes: {soft: {model: gemini-2.5-flash, thinking: 1024}}\nbaseline: null"
STEADY = "gemini-4-argon"


def balancer(day: str, text: str = NAMED, **more: object) -> tuple[Balancer, ManualClock]:
    """Begun on a day, of the calendar that the test turns."""
    clock = ManualClock()
    clock.day = day
    return Balancer(parse_policy(text), clock=clock, **more), clock  # type: ignore[arg-type]


def test_a_price_and_an_end_come_with_their_day_without_a_restart(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At the first tick of the day, and said once."""
    caplog.set_level(logging.WARNING, "balancer")
    found, clock = balancer("2026-11-30")
    assert found.catalog.card(STEADY).price[1] == 2_000_000_000
    assert "gemini-2.5-flash (modes.soft) ends on 2026-12-01, in 1 day" in caplog.text
    caplog.clear()
    for _ in range(3):
        clock.advance(1.0)
        found.tick()
    assert caplog.text == ""
    clock.day = "2026-12-01"
    clock.advance(1.0)
    found.tick()
    assert found.catalog.as_of == found.policy.catalog.as_of == "2026-12-01"
    assert found.catalog.card(STEADY).price[1] == 4_000_000_000
    assert found.catalog.card("gemini-2.5-flash").name == "gemini-3.5-flash-lite"
    (said,) = caplog.records
    assert "ended on 2026-12-01: gemini-3.5-flash-lite serves it" in said.getMessage()


def test_calls_are_priced_as_of_the_day(tmp_path: Path) -> None:
    """And a day on which nothing changes begins no new journal."""
    found, clock = balancer("2026-11-29", journal=tmp_path / "journal.jsonl")

    def bill() -> int:
        call = found.begin(model=STEADY)
        found.finish(call, prompt_tokens=1_000_000)
        clock.advance(1.0)
        decision = found.tick()
        assert decision is not None
        return sum(seen)

    seen: list[int] = []
    found.listeners.ticks.add(
        lambda observed, _: seen.__setitem__(
            slice(None), [each.nano_usd for each in observed.served]
        )
    )
    assert bill() == 2_000_000_000
    clock.day = "2026-11-30"
    assert bill() == 2_000_000_000
    assert len(list(tmp_path.glob("journal*"))) == 1
    clock.day = "2026-12-01"
    assert bill() == 4_000_000_000
    assert len(list(tmp_path.glob("journal*"))) == 2
    found.close()


def test_a_policy_that_today_makes_none_of_is_kept_and_priced_as_of_today(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """An application starts and goes on all the same."""
    text = (
        "modes:\n"
        "  normal: {model: gemini-4-neon, thinking: null, fallback_models: []}\n"
        "  soft: {model: gemini-4-argon, thinking: LOW, output_cap: 40000, fallback_models: []}\n"
        "baseline: {workload: w, requests_per_s: 1, prompt_tokens: 1000, output_tokens: 200, "
        "thinking_tokens: 1}\n"
    )
    found, clock = balancer("2026-11-30", text)
    clock.day = "2026-12-01"
    clock.advance(1.0)
    found.tick()
    assert "would be refused now, and is kept" in caplog.text
    assert found.catalog.card(STEADY).price[1] == 4_000_000_000
    assert found.policy.catalog.card(STEADY).price[1] == 2_000_000_000
    again, _ = balancer("2026-12-02", text)
    assert again.catalog.card(STEADY).price[1] == 4_000_000_000


def test_a_policy_that_is_put_in_force_is_dated_too() -> None:
    """Policies are read as of the day of the table."""
    found, _ = balancer("2026-12-02")
    found.use(default_policy())
    assert found.policy.catalog.as_of == found.catalog.as_of == "2026-12-02"
    assert found.status().mode is Mode.NORMAL


def test_a_clock_without_a_calendar_holds_the_policy_s_day() -> None:
    """As in a load test, which plays a scenario of its own day."""
    policy = default_policy().on("2026-12-02")
    found = Balancer(policy, clock=ManualClock())
    assert found.policy is policy
    assert found.catalog.as_of == "2026-12-02"


def test_wall_time_is_of_the_calendar_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever zone the machine is in."""
    monkeypatch.setattr(time, "time", lambda: 1_796_083_199.0)
    assert today() == "2026-11-30"
    monkeypatch.setattr(time, "time", lambda: 1_796_083_200.0)
    assert today() == "2026-12-01"
    assert Clock().day == default_policy().catalog.as_of


def test_the_end_of_a_model_says_what_changes() -> None:
    """Who serves it, at what price, how it is told to think, and what each mode sends for it."""
    policy = parse_policy(
        "modes:\n  normal: {model: gemini-2.5-pro, thinking: 2048}\n"
        "  soft: {model: gemini-3.1-flash-lite, thinking: LOW}\nbaseline: null"
    )
    found = {
        end.model: end for end in ends(policy, policy.catalog, date.fromisoformat("2026-11-28"))
    }
    assert list(found) == ["gemini-2.5-pro"]
    pro = found["gemini-2.5-pro"]
    assert (pro.days, pro.served_by, pro.ended) == (3, "gemini-3.8-flash", False)
    assert (pro.usd, pro.usd_then) == ((1.25, 10.0), (0.75, 3.75))
    assert "normal sends LOW for 2048 tokens" in pro.thinking
    later = ends(policy, policy.catalog, date.fromisoformat("2027-05-07"))
    assert [end.model for end in later] == ["gemini-2.5-pro", "gemini-3.1-flash-lite"]
    assert later[1].text.endswith(
        "ended on 2027-05-07: nothing is known to serve it; name another model"
    )
    assert "at $1.5 in and $7.5 out instead of $1.25 in and $10 out" in later[0].text


def test_an_application_is_told_of_rules_that_never_fire(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """At its start, once, and with the policy's name; of one that is taken up later then."""
    caplog.set_level(logging.WARNING, "balancer")
    found, clock = balancer("2026-06-01", "name: mine\nthresholds: {soft: {latency_p95: 500s}}")
    (said,) = caplog.messages
    assert said.startswith("policy 'mine': rule 'soft latency_p95'") and "never be passed" in said
    clock.advance(1.0)
    found.tick()
    found.use(parse_policy("name: other\nthresholds: {soft: {latency_p95: 2s}}"))
    assert len(caplog.messages) == 2
    assert caplog.messages[1].startswith("policy 'other': latency_p95 at rest")
