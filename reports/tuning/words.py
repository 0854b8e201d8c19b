"""What a tuning found, in words and short numbers: for its page and a terminal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from balancer.records.interval import Interval
from balancer.records.tuning import Change, Objective, Policy, Tuning

from ..amounts import NOTHING, POINTS, THIN, amount, counted, difference
from ..comparison.words import plus_minus
from ..metrics import metric

__all__ = [
    "answer",
    "constraints",
    "dimension",
    "effect",
    "effort",
    "gap",
    "heading",
    "is_better",
    "label",
    "name_of",
    "short",
    "told_apart",
    "value",
    "way",
]

PRICE: Final = ("quality", "degraded_share")
"""What a policy gives up: told beside whatever it gains."""

FORMS: Final = {"ratio": ", of today's", "worth": ", of what could be"}


def name_of(tuning: Tuning, trial: int) -> str:
    """What a policy is called in a report: its place in the front, from 1, or "today"."""
    return next((str(place) for place, each in tuning.found if each.trial == trial), "today")


def label(metric_name: str) -> str:
    """What a metric is called."""
    return metric(metric_name).label.removesuffix(" (assumed)").removesuffix(", billed")


def heading(objective: Objective) -> str:
    """What an objective is called over its figures."""
    return f"{label(objective.metric)}{FORMS.get(objective.form, '')}"


def short(objective: Objective) -> str:
    """What it is called inside a sentence."""
    text = label(objective.metric)
    return text[:1].lower() + text[1:]


def dimension(path: str) -> str:
    """A number of a policy by its path: `thresholds.soft.latency_p95` is "soft latency p95"."""
    first, _, rest = path.partition(".")
    kept = rest if first in {"thresholds", "modes", "constants"} and rest else path
    return kept.replace(".", " ").replace("_", " ")


def value(found: Interval, objective: Objective) -> str:
    """An estimate of an objective with the reach of its interval: "0.938 ±0.012"."""
    if objective.form == "ratio" and math.isfinite(found.estimate):
        # Nothing special happens near 100 %, as it does to availability.
        shown = f"{found.estimate * 100:.1f}{THIN}%"
    else:
        shown = amount(found.estimate, objective.unit)
    spread = plus_minus(found, shown, objective.unit)
    return f"{shown} {spread}" if spread else shown


def told_apart(change: Interval) -> bool:
    """Whether a change is more than noise: its interval holds no zero."""
    return change.low > 0 or change.high < 0


def way(change: Change) -> str:
    """What a change is to a user: "good", "bad", or "" where it is noise."""
    if not told_apart(change.change):
        return ""
    return "good" if (change.change.estimate > 0) == (change.of.better == "higher") else "bad"


def effect(change: Change) -> str:
    """A change with its sign, or that there is none: "cost −12 ±3 %"."""
    interval, name = change.change, short(change.of)
    unit = "relative" if change.of.form == "ratio" else change.of.unit
    if not math.isfinite(interval.estimate):
        return f"{name} undefined"
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return f"{name} {difference(interval.estimate, unit)}, from too few runs to say how surely"
    if not told_apart(interval):
        most = max(abs(interval.low), abs(interval.high))
        if most == 0:
            return f"{name} unchanged"
        within = difference(most, unit).removeprefix("+")
        return f"{name} unchanged within ±{within}"
    shown = difference(interval.estimate, unit)
    spread = plus_minus(interval, shown, unit)
    if not spread:
        return f"{name} {shown}"
    suffix = next((each for each in (POINTS, f"{THIN}%") if shown.endswith(each)), "")
    return f"{name} {shown.removesuffix(suffix)} {spread}{suffix}"


def answer(tuning: Tuning) -> str:
    """What came out: what the proposed policy gives, and what it costs."""
    policy = tuning.proposed
    if policy is None:
        kept = constraints(tuning)
        return f"No policy that was tried keeps {kept}" if kept else "No policy was found"
    if not policy.changes:
        return "Nothing was found that is better than today's policy"
    changes = _told(tuning, policy.effects)
    parts = {
        kind: [effect(each) for each in changes if way(each) == kind] for kind in ("good", "bad")
    }
    rest = [effect(each) for each in changes if not way(each)]
    name = f"Policy {name_of(tuning, policy.trial)}"
    if not (parts["good"] or parts["bad"]):
        return f"{name} cannot be told from today's policy by these runs: {_list(rest)}"
    text = f"{name} gives {_list(parts['good'])}" if parts["good"] else f"{name} gives nothing"
    if parts["bad"]:
        text += f" for {_list(parts['bad'])}"
    if rest:
        text += f"; {_list(rest)}"
    return text


def _told(tuning: Tuning, effects: Sequence[Change]) -> list[Change]:
    """What is said first: the objectives, and what was given up for them, objective or not."""
    return [each for each in effects if each.of in tuning.objectives or each.of.metric in PRICE]


def is_better(tuning: Tuning) -> bool:
    """Whether the proposed policy surely gives something."""
    policy = tuning.proposed
    if policy is None:
        return False
    return any(way(each) == "good" for each in policy.effects if each.of in tuning.objectives)


def gap(tuning: Tuning) -> str:
    """What is left of it where it was not tuned; "" without such scenarios."""
    policy = tuning.proposed
    if policy is None or not tuning.held_out:
        return ""
    parts = [effect(each) for each in _told(tuning, policy.effects_held_out)]
    count = len(tuning.held_out)
    where = f"In the {count} scenarios" if count > 1 else "In the scenario"
    return f"{where} held out: {_list(parts)}" if parts else ""


def constraints(tuning: Tuning) -> str:
    """What was demanded; "" where nothing was."""
    return _list(tuning.constraints)


def effort(tuning: Tuning) -> str:
    """How much was simulated."""
    parts = [counted(tuning.trials, "trial")]
    if tuning.raced:
        parts.append(f"{amount(tuning.raced, 'count')} of them given up early")
    if tuning.invalid:
        parts.append(f"{amount(tuning.invalid, 'count')} more that were no policies")
    hours = amount(tuning.simulated_hours, "count")
    parts.append(f"{hours}{THIN}hours simulated")
    return ", ".join(parts)


def objective_values(policy: Sequence[Interval], objectives: Sequence[Objective]) -> list[str]:
    """Objectives of a policy, each with its interval."""
    return [value(interval, each) for interval, each in zip(policy, objectives, strict=True)]


def setting(policy: Policy, path: str) -> str:
    """A number of a policy as its file says it."""
    return next((each.text for each in policy.settings if each.path == path), NOTHING)


def _list(parts: Sequence[str]) -> str:
    """a, b and c."""
    *first, last = parts or [""]
    return f"{', '.join(first)} and {last}" if first else last
