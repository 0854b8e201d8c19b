"""What people read."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.adapters.notify.words import STORY, Change, notice_of, what_users_notice, with_times
from balancer.core.modes import Mode
from balancer.core.strategy import Strategy
from balancer.policy_file import default_policy

POLICY = default_policy()
NORMAL = POLICY.strategies[Mode.NORMAL]
AT = 1_795_000_000.0
CHANGE = Change(
    at=AT,
    before=Mode.SOFT,
    after=Mode.HARD,
    reasons=("hard: latency_p95 6.2 s > 5 s over 2m",),
    since=AT - 840.0,
    strategy=POLICY.strategies[Mode.HARD],
    normal=NORMAL,
)


def test_a_notice_says_why_since_when_and_what_users_notice() -> None:
    """In the controller's own words."""
    notice = notice_of(CHANGE, "shop")
    assert (notice.kind, notice.level, notice.key, notice.at) == ("mode", "warning", STORY, AT)
    assert notice.title == "shop: hard brownout (was soft)"
    assert notice.text == (
        "Why: hard: latency_p95 6.2 s > 5 s over 2m\n"
        "Not normal since: 2026-11-18 10:52:40 UTC\n"
        "For users: answers come from a model two steps cheaper; no thinking; shorter "
        "answers, at most 1024 tokens; only the last 6 turns of a conversation; "
        "calls given up after 30s"
    )


@pytest.mark.parametrize(
    ("differs", "title", "level"),
    [
        ({"incident": "opened"}, "incident opened, hard brownout", "warning"),
        (
            {"incident": "changed", "after": Mode.EMERGENCY},
            "incident gets worse, emergency brownout (was soft)",
            "critical",
        ),
        (
            {"incident": "changed", "before": Mode.EMERGENCY, "after": Mode.SOFT},
            "incident gets better, soft brownout (was emergency)",
            "info",
        ),
        (
            {"incident": "closed", "after": Mode.NORMAL, "worst": Mode.EMERGENCY},
            "incident over after 14 min, back to normal (worst was emergency)",
            "resolved",
        ),
        ({"after": Mode.NORMAL}, "back to normal after 14 min (was soft)", "resolved"),
        (
            {"after": Mode.NORMAL, "since": AT - 8.0},
            "back to normal after 8 s (was soft)",
            "resolved",
        ),
        ({"after": Mode.NORMAL, "since": None}, "back to normal (was soft)", "resolved"),
    ],
)
def test_titles(differs: dict[str, object], title: str, level: str) -> None:
    """One line that says it all, on a phone."""
    change = replace(CHANGE, **differs)  # type: ignore[arg-type]
    notice = notice_of(change, "shop")
    assert (notice.title, notice.level) == (f"shop: {title}", level)
    assert notice.kind == ("incident" if change.incident != "none" else "mode")


def test_shadow_mode_is_told_as_what_it_is() -> None:
    """Nobody should think that users notice."""
    text = notice_of(replace(CHANGE, shadow=True), "shop").text
    assert "Shadow mode" in text and "For users" not in text


def test_an_incident_is_named() -> None:
    """So that people find it."""
    assert (
        "Incident: 20261118T110640Z"
        in notice_of(
            replace(CHANGE, incident="opened", incident_key="20261118T110640Z"), "shop"
        ).text
    )


def test_what_is_refused_is_said_by_priority() -> None:
    """The default policy's emergency."""
    said = what_users_notice(POLICY.strategies[Mode.EMERGENCY], NORMAL)
    assert said.endswith(
        "100% of low priority refused; 50% of normal priority refused; "
        "who is refused gets a static answer"
    )
    assert "no tools" in said


@pytest.mark.parametrize(
    ("strategy", "said"),
    [
        (Strategy(), "answers as usual"),
        (Strategy(model="a", thinking=-1), "answers come from a; thinking: as the model likes"),
        (Strategy(thinking=512), "thinking: 512 tokens"),
        (Strategy(thinking="low"), "thinking: low"),
        (Strategy(instruction="Be brief."), "shorter answers"),
        (Strategy(retries=0, temperature=0.1), "answers as usual"),
    ],
)
def test_only_what_users_could_notice_is_said(strategy: Strategy, said: str) -> None:
    """Of a policy that leaves normal to the caller."""
    assert what_users_notice(strategy, Strategy()) == said


def test_a_reason_tells_the_time_and_no_tick() -> None:
    """What a tick is nobody outside knows; other numbers stay."""
    text = "hard: override until tick 1060: drill 7, alert raised at tick 940"
    told = with_times(text, now=1_790_845_200.0, now_tick=1000, tick_s=1.0)
    assert told == (
        "hard: override until 2026-10-01 09:01:00 UTC: drill 7, "
        "alert raised at 2026-10-01 08:59:00 UTC"
    )
