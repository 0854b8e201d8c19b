"""Notices of what the controller does, in words a person can act on."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Literal

from balancer.core.modes import PRIORITIES, Mode
from balancer.core.strategy import Strategy
from balancer.units import show_seconds, show_share

from .notice import Level, Notice

__all__ = [
    "STORY",
    "Change",
    "Step",
    "notice_of",
    "trial_notice",
    "what_users_notice",
    "with_times",
]

STORY: Final = "brownout"
"""Key of all changes of mode, and of all incidents: when they come fast, they are one story."""

Step = Literal["none", "opened", "changed", "waiting", "closed"]

_LEVELS: Final[dict[Mode, Level]] = {
    Mode.NORMAL: "resolved",
    Mode.SOFT: "info",
    Mode.HARD: "warning",
    Mode.EMERGENCY: "critical",
}
_LONGEST_REASONS: Final = 1500
_TICK: Final = re.compile(r"\b(at|until) tick (\d+)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change of mode, with what is known around it.

    Attributes:
        at: Unix time.
        before, after: the modes.
        reasons: why, as the controller says it.
        since: Unix time at which normal was left; None when it is not known.
        strategy: what the mode does to calls.
        normal: what normal does to them.
        incident: what became of an incident with it; one that is waiting has nobody.
        incident_key: names the incident, or "".
        worst: deepest mode of the incident.
        shadow: it is only journalled; calls are not changed.
    """

    at: float
    before: Mode
    after: Mode
    reasons: tuple[str, ...]
    since: float | None
    strategy: Strategy
    normal: Strategy
    incident: Step = "none"
    incident_key: str = ""
    worst: Mode | None = None
    shadow: bool = False


def with_times(text: str, *, now: float, now_tick: int, tick_s: float) -> str:
    """A controller's reason with times of the clock in place of its ticks.

    Args:
        text: of the reason.
        now: Unix time.
        now_tick: the tick it is.
        tick_s: wall seconds of a tick.
    """

    def clock(match: re.Match[str]) -> str:
        return f"{match[1]} {_time(now + (int(match[2]) - now_tick) * tick_s)}"

    return _TICK.sub(clock, text)


def notice_of(change: Change, service: str) -> Notice:
    """What people are told of a change of mode."""
    lines = [f"Why: {'; '.join(change.reasons)[:_LONGEST_REASONS] or 'no reason was given'}"]
    if change.after is not Mode.NORMAL and change.since is not None:
        lines.append(f"Not normal since: {_time(change.since)}")
    if change.shadow:
        lines.append("Shadow mode: this is only journalled, and calls are not changed.")
    else:
        lines.append(f"For users: {what_users_notice(change.strategy, change.normal)}")
    if change.incident_key:
        lines.append(f"Incident: {change.incident_key}")
    return Notice(
        kind="mode" if change.incident == "none" else "incident",
        level=_LEVELS[change.after],
        title=f"{service}: {_title(change)}",
        text="\n".join(lines),
        at=change.at,
        key=STORY,
    )


def _title(change: Change) -> str:
    before, after = change.before.label, change.after.label
    if change.incident == "opened":
        return f"incident opened, {after} brownout"
    if change.incident == "changed":
        way = "worse" if change.after > change.before else "better"
        return f"incident gets {way}, {after} brownout (was {before})"
    if change.incident == "waiting":
        return f"nobody has taken up the incident, {after} brownout"
    lasted = ""
    if change.since is not None:
        lasted = f" after {_duration(change.at - change.since)}"
    if change.incident == "closed":
        worst = change.before if change.worst is None else change.worst
        return f"incident over{lasted}, back to normal (worst was {worst.label})"
    if change.after is Mode.NORMAL:
        return f"back to normal{lasted} (was {before})"
    return f"{after} brownout (was {before})"


_STEPS = {
    "asked": "the model asked for",
    "one cheaper": "a model one step cheaper",
    "two cheaper": "a model two steps cheaper",
    "three cheaper": "a model three steps cheaper",
}


def _model(strategy: Strategy) -> str:
    return _STEPS.get(strategy.models[0], strategy.models[0])


def what_users_notice(strategy: Strategy, normal: Strategy) -> str:
    """How answers differ from those in normal mode."""
    if strategy == normal:
        return "answers as usual"
    effects = []
    if strategy.models[0] != normal.models[0]:
        instead = f" instead of {normal.model}" if normal.named_models else ""
        effects.append(f"answers come from {_model(strategy)}{instead}")
    if strategy.thinking == 0 and normal.thinking != 0:
        effects.append("no thinking")
    elif strategy.thinking is not None and strategy.thinking != normal.thinking:
        unit = " tokens" if isinstance(strategy.thinking, int) else ""
        shown = "as the model likes" if strategy.thinking == -1 else f"{strategy.thinking}{unit}"
        effects.append(f"thinking: {shown}")
    cap = strategy.output_cap_tokens
    if cap is not None and cap != normal.output_cap_tokens:
        effects.append(f"shorter answers, at most {cap} tokens")
    elif strategy.instruction and strategy.instruction != normal.instruction:
        effects.append("shorter answers")
    if normal.tools and not strategy.tools:
        effects.append("no tools")
    turns = strategy.history_turns
    if turns is not None and turns != normal.history_turns:
        effects.append(f"only the last {turns} turns of a conversation")
    if strategy.timeout_s is not None and strategy.timeout_s != normal.timeout_s:
        effects.append(f"calls given up after {show_seconds(strategy.timeout_s)}")
    effects += _shedding(strategy)
    return "; ".join(effects) or "answers as usual"


def _shedding(strategy: Strategy) -> list[str]:
    shares = [
        f"{show_share(strategy.shed[priority])} of {priority.label} priority refused"
        for priority in PRIORITIES
        if strategy.shed[priority] > 0
    ]
    if shares and strategy.static_fallback:
        shares.append("who is refused gets a static answer")
    return shares


def trial_notice(service: str) -> Notice:
    """A notice that says it is none."""
    now = time.time()
    return Notice(
        kind="test",
        level="info",
        title=f"{service}: test notice",
        text="If you can read this, notices of open-balancer arrive here. Nothing has happened.",
        at=now,
        key="test",
    )


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _duration(seconds: float) -> str:
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{round(whole / 60)} min"
    return f"{whole / 3600:.1f} h"
