"""A policy calibrated on a journal: thresholds that fit its traffic, and the traffic as baseline.

What fits is worked out in `core.fit`. The text of the policy stays as it is, comments included,
but for the thresholds and the baseline; `docs/how-to/fit-a-policy-to-your-traffic.md` shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ruamel.yaml.comments import CommentedMap

from .alert_sentences import with_threshold
from .core.errors import InputError, PolicyError
from .core.fit import Traffic, fitted
from .core.journal import Journal
from .core.policy import Baseline, Policy, Rule
from .core.stretches import Stretches, served
from .policy_file import default_policy, default_text, parse_policy, rule_places
from .policy_show import shown_threshold
from .policy_text import rewritten, threshold_table
from .units import show_seconds

__all__ = ["Fitted", "check_follows", "fit_policy", "names_of", "traffic_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A policy before and after.

    Attributes:
        text: of the fitted policy.
        before, after: as policies; rules stand in the same order.
        kept: why the baseline was kept as it was, or "".
    """

    text: str
    before: Policy
    after: Policy
    kept: str = ""


def traffic_of(journals: Sequence[Journal]) -> Traffic:
    """The ordinary traffic of a journal's files, oldest first; goes through them.

    Raises:
        InputError: a file does not go on where the one before it ends, or there is too little
            traffic to judge by; the message says what is needed.
        JournalError: a line is wrong.
    """
    policy = journals[0].policy
    stretches = Stretches(policy)
    before: Journal | None = None
    tick: object = None
    for journal in journals:
        if before is not None:
            check_follows(journal, before, tick)
        before, tick = journal, _tick_before(journal)
        for entry in journal:
            stretches.observe(entry.observations)
            tick = entry.observations.tick
    traffic = Traffic(stretches.closed, policy)
    if traffic.missing:
        raise InputError(traffic.missing, where=names_of(journals))
    return traffic


def names_of(journals: Sequence[Journal]) -> str:
    """What a journal's files are called, for a person."""
    first, last = journals[0], journals[-1]
    return first.where if first is last else f"{first.where} to {last.where}"


def _tick_before(journal: Journal) -> object:
    """The last tick before a journal's first; None: it begins afresh."""
    return None if journal.state is None else journal.state.get("tick")


def check_follows(journal: Journal, before: Journal, tick: object) -> None:
    """Check that a journal goes on where another one ends, and serves normal mode as that did.

    Args:
        journal: the later one.
        before: the earlier one.
        tick: the last one of the earlier.

    Raises:
        InputError: it does not.
    """
    predecessor = _tick_before(journal)
    if predecessor != tick:
        begins = "begins afresh" if predecessor is None else f"goes on from tick {predecessor}"
        raise InputError(
            f"{begins}, and {before.where} ends at tick {tick}; expected the files of one journal, "
            "oldest first, and none left out",
            where=journal.where,
        )
    if served(journal.policy) != served(before.policy):
        raise InputError(
            f"another normal mode or length of ticks than in {before.where}; expected the same, "
            "for traffic is judged by one: leave out the files before",
            where=journal.where,
        )


def fit_policy(
    traffic: Traffic,
    journals: Sequence[Journal],
    text: str | None = None,
    where: str = "policy",
    *,
    base: Path | None = None,
    to: Path | None = None,
) -> Fitted:
    """Calibrate a policy on the traffic of a journal.

    Args:
        traffic: what `traffic_of` made of the journal's files.
        journals: those; the last one names the workload.
        text: of a policy file; None: of the policy that ships.
        where: what errors call it.
        base: directory of that file, where relative paths start.
        to: the same of the fitted one; None: the same.

    Raises:
        InputError: calls are too few for one of its rules.
        PolicyError: the policy is wrong.
    """
    if text is None:
        text, where, before = default_text(), "the default policy", default_policy()
    else:
        before = parse_policy(text, where, base=base)
    try:
        thresholds = fitted(before, traffic)
    except ValueError as error:
        raise InputError(str(error), where=names_of(journals)) from None
    baseline = _baseline(traffic, before, Path(journals[-1].where).name)
    rules = [
        replace(r, threshold=thresholds[r.name], at_rest=None) if r.name in thresholds else r
        for r in before.rules
    ]
    places = rule_places(text, where)

    def made(baseline: Baseline | None, kept: str = "") -> Fitted:
        refitted = _rewritten(text, places, rules, baseline)
        after = parse_policy(refitted, f"{where}, fitted", base=to or base)
        return Fitted(text=refitted, before=before, after=after, kept=kept)

    if baseline is None:
        return made(None, "the journal holds no tokens")
    try:
        return made(baseline)
    except PolicyError as error:
        # Modes that differ on the traffic they were made for need not differ on any.
        return made(None, f"with the journal's, {error.problem}")


def _baseline(traffic: Traffic, before: Policy, workload: str) -> Baseline | None:
    whole = traffic.whole
    answered = max(1, whole.answered)
    if min(whole.prompt_tokens, whole.output_tokens) < answered or not whole.latency:
        return None
    return Baseline(
        workload=workload,
        requests_per_s=_rounded((whole.offered or whole.started) / traffic.seconds),
        prompt_tokens=round(whole.prompt_tokens / answered),
        output_tokens=round(whole.output_tokens / answered),
        thinking_tokens=round(whole.thinking_tokens / answered),
        latency_p95_s=_rounded(whole.latency.quantile(0.95)),
        model=before.usual_model or None,
    )


def _rounded(value: float) -> float:
    """Three figures: more would only look exact."""
    return float(f"{value:.3g}")


def _rewritten(
    text: str,
    places: Mapping[str, tuple[str | int, ...]],
    rules: list[Rule],
    baseline: Baseline | None,
) -> str:
    """The same text with other thresholds and another baseline."""

    def change(tree: Any) -> None:
        if not places:
            tree["thresholds"] = threshold_table(rules)
        for rule in rules:
            shown = shown_threshold(rule)
            match places.get(rule.name):
                case ("thresholds", level, signal):
                    tree["thresholds"][level][signal] = shown
                case ("alerts", place):
                    alert = tree["alerts"][place]
                    alert["condition"] = with_threshold(alert["condition"], shown)
                case ("rules", place):
                    tree["rules"][place]["above"] = shown
        if baseline is not None:
            _measure(tree, baseline)

    return rewritten(text, change)


def _measure(tree: Any, baseline: Baseline) -> None:
    """Put a baseline into a policy's text, or into the place of the one that is there."""
    if not isinstance(tree.get("baseline"), dict):
        tree["baseline"] = CommentedMap()
    measured = tree["baseline"]
    for entry in fields(baseline):
        value = getattr(baseline, entry.name)
        if entry.name != "latency_p95_s" and value is not None:
            measured[entry.name] = value
    measured["latency_p95"] = show_seconds(baseline.latency_p95_s or 0.0)
