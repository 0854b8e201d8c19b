"""A policy calibrated on a journal: thresholds that fit its traffic, and the traffic as baseline.

What fits is worked out in `core.fit`. The text of the policy stays as it is, comments included,
but for the thresholds and the baseline; what is made of the default policy has a name and a header
of its own. `docs/how-to/fit-a-policy-to-your-traffic.md` shows it.
"""

from __future__ import annotations

import math
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

__all__ = ["Fitted", "as_paid", "check_follows", "fit_policy", "names_of", "traffic_of"]


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


def as_paid(policy: Policy, journals: Sequence[Journal]) -> Policy:
    """A policy at the prices that a journal's calls were paid at, the last of its files.

    As it is, where the journal does not say the day, or prices of that day make none of it.
    """
    day = journals[-1].policy.catalog.as_of
    try:
        return policy.on(day) if day else policy
    except PolicyError:
        return policy


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
    name: str = "",
    source: str = "",
) -> Fitted:
    """Calibrate a policy on the traffic of a journal.

    Args:
        traffic: what `traffic_of` made of the journal's files.
        journals: those; the last one names the workload, and says whose prices were paid.
        text: of a policy file; None: of the policy that ships.
        where: what errors call it.
        base: directory of that file, where relative paths start.
        to: the same of the fitted one; None: the same.
        name: of the policy, where it is made of the one that ships; "": that of the workload.
        source: the file that the workload is called after; "": the last journal.

    Raises:
        InputError: calls are too few for one of its rules.
        PolicyError: the policy is wrong.
    """
    source = source or Path(journals[-1].where).name
    if text is None:
        text = _renamed(default_text(), name or Path(source).stem, source)
        where, before = "the default policy", default_policy()
    else:
        before = parse_policy(text, where, base=base)
    try:
        thresholds = fitted(before, traffic)
    except ValueError as error:
        raise InputError(str(error), where=names_of(journals)) from None
    baseline = _baseline(traffic, before, source)
    places = rule_places(text, where)

    def made(baseline: Baseline | None, kept: str = "") -> Fitted:
        try:
            usual = before if baseline is None else replace(before, baseline=baseline)
            costs = as_paid(usual, journals).at_rest()
        except PolicyError:
            # Reading the text, below, says where as well.
            costs = {}
        rules = [
            _with(rule, thresholds[rule.name], costs.get(rule.signal))
            if rule.name in thresholds
            else rule
            for rule in before.rules
        ]
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


def _renamed(text: str, name: str, source: str) -> str:
    """The default policy's text as that of another one, which its header does not speak of."""
    lines = text.splitlines(keepends=True)
    begin = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    header = (
        f"# The default policy, fitted to {' '.join(source.split())}: thresholds and baseline are\n"
        "# those of its traffic while nothing is wrong, all else is as it ships.\n"
    )

    def change(tree: Any) -> None:
        tree["name"] = name

    return rewritten(header + "".join(lines[begin:]), change)


def _with(rule: Rule, threshold: float, usual: float | None) -> Rule:
    """A rule with another threshold; a multiple stays one, so that it follows prices."""
    if rule.at_rest is None or not usual:
        return replace(rule, threshold=threshold, at_rest=None)
    # Three figures, and not below what fits.
    digits = 2 - math.floor(math.log10(threshold / usual))
    multiple = math.ceil(round(threshold / usual * 10**digits, 6)) / 10**digits
    return replace(rule, threshold=threshold, at_rest=multiple)


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
