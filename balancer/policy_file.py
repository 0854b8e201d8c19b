"""Policy files: YAML with units to a `Policy`, and back.

A file says only what differs from the default policy (`default_policy.yaml`):

- any of `thresholds`, `alerts` and `rules` replaces all of the default's rules;
- a mode under `modes`, `ladder` and `constants` start from the default's and change key by key,
  where null clears a key of a mode, leaving to the caller what it set;
- `budget` and `baseline` replace the default's as a whole (null: none);
- `prices` adds to, or replaces models of, the price table that ships.

`docs/reference/policy.md` lists every key.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, NoReturn

from pydantic import ValidationError

from .alert_sentences import durations_in
from .bare_numbers import bare_durations, is_bare, told_bare
from .core.catalog import Catalog
from .core.errors import PolicyError
from .core.modes import MODES, Mode
from .core.policy import Baseline, BudgetLimit, Policy, Rule, Strategy
from .core.rules import SIGNALS, window_of
from .documents import Document, Key, parse, read_text
from .policy_schema import (
    WINDOWS_S,
    BaselineEntry,
    BudgetEntry,
    BudgetsEntry,
    PolicyEntry,
)
from .policy_show import show_policy
from .policy_strategy import Entry, strategy_of
from .prices import default_catalog, load_prices, with_table
from .schema_errors import explain
from .units import Multiple

__all__ = [
    "Tell",
    "bare_numbers",
    "default_model",
    "default_policy",
    "default_text",
    "load_policy",
    "parse_policy",
    "policy_from_elsewhere",
    "policy_of",
    "rule_places",
    "show_policy",
]

_DEFAULT = "default_policy.yaml"

logger = logging.getLogger("balancer")

Tell = Callable[[str], object]
"""Is told a warning."""


def load_policy(path: str | Path | None = None, *, tell: Tell | None = None) -> Policy:
    """Policy from a file; None is the default policy.

    Args:
        path: of the file.
        tell: is told, a sentence each, of durations without a unit; None: the log is.

    Raises:
        PolicyError: one sentence naming the file, the line, what was found and expected.
    """
    if path is None:
        return default_policy()
    document = parse(read_text(Path(path), PolicyError), str(path), PolicyError)
    policy = policy_of(document, base=Path(path).parent)
    for text in bare_numbers(document):
        (logger.warning if tell is None else tell)(text)
    return policy


def bare_numbers(document: Document) -> Iterator[str]:
    """Durations without a unit in the document of a policy, with both readings, a sentence each."""
    entry, document = _read(document)
    yield from bare_durations(document, PolicyEntry)
    for place, line in enumerate(entry.rules):
        above = document.values["rules"][place]["above"]
        if SIGNALS[line.signal] == "seconds" and is_bare(above):
            yield told_bare(document, ("rules", place, "above"), above)
    for place, alert in enumerate(document.values.get("alerts", ())):
        for amount in durations_in(alert["condition"]):
            if is_bare(amount):
                yield told_bare(document, ("alerts", place, "condition"), amount)


def parse_policy(text: str, where: str = "policy", *, base: Path | None = None) -> Policy:
    """Policy from YAML text.

    Args:
        text: the YAML.
        where: what errors call it.
        base: directory that a relative path under `prices` starts from; None: the current.

    Raises:
        PolicyError: see `load_policy`.
    """
    return policy_of(parse(text, where, PolicyError), base=base)


def policy_from_elsewhere(text: str, where: str, name: str) -> Policy:
    """Policy from YAML text of somebody who has no business with this machine's files.

    Args:
        text: the YAML.
        where: what errors call it.
        name: of a policy that has none of its own.

    Raises:
        PolicyError: see `load_policy`; or its prices name a file.
    """
    document = parse(text, where, PolicyError)
    said = document.values if isinstance(document.values, dict) else {}
    # A file's policy may name another file; what came over the network must not.
    if isinstance(said.get("prices"), str):
        raise PolicyError(
            "prices names a file, and none is read for those who ask over the network; write the "
            "table itself",
            where=document.where(("prices",)),
        )
    policy = policy_of(document)
    return policy if "name" in said else replace(policy, name=name)


def policy_of(document: Document, *, base: Path | None = None) -> Policy:
    """Policy from a document that was read already, such as a part of a scenario.

    Raises:
        PolicyError: see `load_policy`.
    """
    return _build(document, default_policy(), base)


@cache
def default_policy() -> Policy:
    """The policy that ships: normal at rest on the calibrated conversation workload.

    As of the day of the model table, as every policy that is read: `Policy.on` gives another day.
    """
    blank = Policy(
        name="blank",
        rules=(),
        strategies=(Strategy(), Strategy(), Strategy(), Strategy()),
        catalog=default_catalog(),
    )
    return _build(parse(default_text(), _DEFAULT, PolicyError), blank, None)


def default_model() -> str:
    """The model that callers of the default policy ask for."""
    return default_policy().usual_model


def default_text() -> str:
    """The file of the policy that ships."""
    return files("balancer").joinpath(_DEFAULT).read_text(encoding="utf-8")


def rule_places(text: str, where: str = "policy") -> dict[str, Key]:
    """Where each rule of a policy's text stands, by its name; none where all are inherited.

    The items of a file that is a list of alerts stand under `alerts`.

    Raises:
        PolicyError: see `load_policy`.
    """
    entry, document = _read(parse(text, where, PolicyError))
    rules, keys = _rules(entry, document)
    return dict(zip((rule.name for rule in rules), keys.values(), strict=True))


def _read(document: Document) -> tuple[PolicyEntry, Document]:
    if isinstance(document.values, dict) and "scenario" in document.values:
        raise PolicyError(
            "found a scenario, expected a policy; a scenario is run: open-balancer run FILE",
            where=document.where(("scenario",)),
        )
    if isinstance(document.values, list) and document.values:
        document = _under(document, "alerts")
    try:
        return PolicyEntry.model_validate(document.values), document
    except ValidationError as error:
        raise explain(error, PolicyEntry, document, PolicyError) from None


def _build(document: Document, parent: Policy, base: Path | None) -> Policy:
    entry, document = _read(document)
    rules, keys = _rules(entry, document)
    said = entry.model_fields_set
    try:
        return Policy(
            name=entry.name or Path(document.name).stem,
            rules=rules if {"thresholds", "alerts", "rules"} & said else parent.rules,
            strategies=_strategies(entry, parent),
            catalog=_catalog(entry, parent.catalog, base),
            law=entry.law or parent.law,
            ladder=_merged(entry.ladder, parent.ladder),
            constants=_merged(entry.constants, parent.constants),
            budgets=tuple(_budgets(entry.budget)) if "budget" in said else parent.budgets,
            priority_budgets=(
                tuple(_limits(entry.budget.priority if entry.budget else None))
                if "budget" in said
                else parent.priority_budgets
            ),
            baseline=_baseline(entry, parent),
            tick_s=parent.tick_s if entry.tick is None else entry.tick,
        )
    except PolicyError as error:
        _point_at_line(error, document, keys)


def _under(document: Document, name: str) -> Document:
    """The document as the value of one key."""
    return replace(
        document,
        values={name: document.values},
        lines={(name, *key): line for key, line in document.lines.items()},
    )


def _point_at_line(error: PolicyError, document: Document, rules: dict[str, Key]) -> NoReturn:
    """Raise a policy's own error again, with the line it is about and what stands there."""
    about = error.where
    key: Key = rules.get(about) or tuple(about.split(".")) if about else ()
    named = about if about in rules else document.dotted(key)
    problem = f"{named}: {error.problem}" if named else error.problem
    place = _written_at(key, document)
    written = document.value(place)
    if written is not None and str(written) not in problem:
        problem += f" (written {written})" if place == key else f" ({place[-1]}: {written})"
    raise PolicyError(problem, where=document.where(place)) from None


def _written_at(key: Key, document: Document) -> Key:
    """The key, or the other side of a conflict with what was inherited."""
    if key[:1] != ("modes",) or key[:2] in document.lines:
        return key
    others: tuple[Key, ...] = (("ladder", "hold"), ("law",)) if key[-1] == "timeout" else ()
    others = (*others, ("modes",), ("baseline",), ("prices",))
    return next((other for other in others if other in document.lines), key)


def _rules(entry: PolicyEntry, document: Document) -> tuple[tuple[Rule, ...], dict[str, Key]]:
    """Rules of all three forms, and where each stands, by the name the core's errors use."""
    found: list[tuple[Rule, Key]] = []
    for level in ("soft", "hard", "emergency"):
        table = getattr(entry.thresholds, level)
        for signal in type(table).model_fields:
            threshold = getattr(table, signal)
            if threshold is not None:
                rule = Rule(
                    name=f"{level} {signal}",
                    signal=signal,
                    level=Mode[level.upper()],
                    threshold=float(threshold),
                    window_s=window_of(signal),
                    at_rest=_multiple(threshold),
                )
                found.append((rule, ("thresholds", level, signal)))
    for index, alert in enumerate(entry.alerts):
        rule = Rule(
            name=alert.alert,
            signal=alert.condition.signal,
            level=alert.action,
            threshold=float(alert.condition.threshold),
            at_rest=_multiple(alert.condition.threshold),
            window_s=window_of(alert.condition.signal, alert.condition.window_s),
            sustained_s=alert.condition.sustained_s,
        )
        found.append((rule, ("alerts", index)))
    for index, line in enumerate(entry.rules):
        rule = Rule(
            name=line.name or f"{line.level} {line.signal}",
            signal=line.signal,
            level=Mode[line.level.upper()],
            threshold=float(line.above),
            at_rest=_multiple(line.above),
            window_s=window_of(line.signal) if line.window is None else line.window,
            sustained_s=line.sustained,
            jump=line.jump,
            objective=line.objective,
            short_window_s=line.short_window,
        )
        found.append((rule, ("rules", index)))
    keys: dict[str, Key] = {}
    for rule, key in found:
        about = f"rule {rule.name!r}"
        if about in keys:
            raise PolicyError(
                f"{about} stands here and at {document.where(keys[about])}; give each its name",
                where=document.where(key),
            )
        keys[about] = key
    return tuple(rule for rule, _ in found), keys


def _multiple(threshold: float) -> float | None:
    return float(threshold) if isinstance(threshold, Multiple) else None


def _strategies(
    entry: PolicyEntry, parent: Policy
) -> tuple[Strategy, Strategy, Strategy, Strategy]:
    normal, soft, hard, emergency = (
        strategy_of(getattr(entry.modes, mode.label), parent.strategies[mode]) for mode in MODES
    )
    return normal, soft, hard, emergency


def _merged(entry: Entry, parent: Any) -> Any:
    """Constants, law by law where there are several: those said, and the parent's for the rest."""
    changes: dict[str, Any] = {}
    for name in (field.name for field in fields(parent)):
        value = getattr(entry, name.removesuffix("_s"))
        if isinstance(value, Entry):
            value = _merged(value, getattr(parent, name))
        if value is not None:
            changes[name] = value
    return replace(parent, **changes)


def _budgets(entry: BudgetsEntry | None) -> Iterator[BudgetLimit]:
    if entry is None:
        return
    yield from _limits(entry)
    for key, limit in entry.per_key.items():
        yield from _limits(limit, key)


def _limits(limit: BudgetEntry | None, key: str | None = None) -> Iterator[BudgetLimit]:
    if limit is None:
        return
    for name, window_s in WINDOWS_S.items():
        usd = getattr(limit, name)
        if usd is not None:
            yield BudgetLimit(usd=usd, window_s=window_s, key=key)
    for window_s, usd in limit.windows.items():
        yield BudgetLimit(usd=usd, window_s=window_s, key=key)


def _baseline(entry: PolicyEntry, parent: Policy) -> Baseline | None:
    """The declared baseline; else the default's, whose P95 only its own normal mode has."""
    said: BaselineEntry | None = entry.baseline
    if said is not None:
        rest = said.model_dump(exclude={"latency_p95"})
        return Baseline(latency_p95_s=said.latency_p95, **rest)
    if "baseline" in entry.model_fields_set or parent.baseline is None:
        return None
    if strategy_of(entry.modes.normal, parent.strategies[0]) != parent.strategies[0]:
        return replace(parent.baseline, latency_p95_s=None)
    return parent.baseline


def _catalog(entry: PolicyEntry, catalog: Catalog, base: Path | None) -> Catalog:
    if isinstance(entry.prices, str):
        try:
            return load_prices((base or Path()) / entry.prices, catalog)
        except PolicyError as error:
            raise PolicyError(str(error), where="prices") from None
    try:
        return catalog if entry.prices is None else with_table(catalog, entry.prices)
    except PolicyError as error:
        raise PolicyError(error.problem, where="prices") from None
