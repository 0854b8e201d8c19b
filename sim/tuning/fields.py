"""The numbers of a policy file that may be tuned: each by its path, with its unit and its value.

What a file may say is read from `balancer.policy_schema`, so a key that is added there can be
tuned. What only says how things are (the baseline and prices) is no choice, and not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from balancer.alert_sentences import with_threshold
from balancer.core.modes import MODES, Priority
from balancer.core.policy import SIGNALS, Policy, Rule
from balancer.core.rules import AT_REST
from balancer.core.strategy import Strategy, settings_of
from balancer.documents import Key
from balancer.policy_file import default_text, parse_policy, rule_places
from balancer.policy_schema import WINDOWS_S, ConstantsEntry, LadderEntry, StrategyEntry
from balancer.policy_strategy import KINDS, parse_thinking
from balancer.policy_text import rewritten, threshold_table
from balancer.units import (
    parse_cost,
    parse_count,
    parse_factor,
    parse_seconds,
    parse_share,
    parse_tokens,
    parse_usd,
    refuse_truth,
    show_factor,
    show_seconds,
    show_share,
    show_usd,
)

__all__ = ["FACTS", "Field", "Fields", "Unit", "policy_fields"]

FACTS = ("baseline", "prices")
"""Keys that say how things are, not what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """How amounts of one kind are read and written.

    Attributes:
        name: of the kind.
        parse: an amount as people write it to a number; raises ValueError.
        show: a number as the scalar that a policy file has.
        whole: there are no parts of one.
    """

    name: str
    parse: Callable[[object], float]
    show: Callable[[float], str | int | float]
    whole: bool = False


def _plain(found: object) -> float:
    refuse_truth(found)
    if not isinstance(found, int | float):
        raise ValueError(f"found {found!r:.64}, expected a plain number such as 1.5")  # noqa: TRY004 - as every parser
    return float(found)


def _tokens(found: object) -> float:
    tokens = parse_thinking(found)
    if not isinstance(tokens, int) or tokens < 0:
        raise ValueError(f"found {found!r:.64}, expected tokens such as 1024")
    return float(tokens)


SECONDS = Unit(name="seconds", parse=parse_seconds, show=show_seconds)
SHARE = Unit(name="share", parse=parse_share, show=show_share)
USD = Unit(name="usd", parse=parse_usd, show=show_usd)
COST = Unit(name="cost", parse=parse_cost, show=show_usd)
MULTIPLE = Unit(name="multiple", parse=parse_cost, show=show_factor)
"""Of what the baseline costs."""
COUNT = Unit(name="count", parse=parse_count, show=int, whole=True)
TOKENS = Unit(name="tokens", parse=parse_tokens, show=int, whole=True)
THINKING = Unit(name="tokens", parse=_tokens, show=int, whole=True)
FACTOR = Unit(name="factor", parse=parse_factor, show=float)
NUMBER = Unit(name="number", parse=_plain, show=float)

_READ_BY: Mapping[Any, Unit] = {
    parse_seconds: SECONDS,
    parse_share: SHARE,
    parse_usd: USD,
    parse_cost: COST,
    parse_count: COUNT,
    parse_tokens: TOKENS,
    parse_thinking: THINKING,
    parse_factor: FACTOR,
    refuse_truth: NUMBER,
}
"""The unit of a key, by the function that its schema reads it with."""

_OF_SIGNAL: Mapping[str, Unit] = {
    "seconds": SECONDS,
    "share": SHARE,
    "usd_per_hour": COST,
    "usd": COST,
    "tokens_per_minute": TOKENS,
    "requests": COUNT,
    "times": FACTOR,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A number of a policy file.

    Attributes:
        path: of its key.
        unit: of amounts.
        present: what is in force; None: nothing is set.
        rule: whose threshold it is; None for everything else.
    """

    path: str
    unit: Unit
    present: float | None
    rule: Rule | None = None


class Fields(Mapping[str, Field]):
    """What may be tuned of a policy file, by path, and how the file says other values.

    Args:
        text: of the policy file.
        where: what errors call it.
        base: directory that relative paths in it start from.

    Raises:
        PolicyError: the policy is wrong.
    """

    __slots__ = ("_base", "_found", "_inherited", "policy", "text", "where")

    def __init__(self, text: str, where: str = "policy", *, base: Path | None = None) -> None:
        self.text, self.where, self._base = text, where, base
        self.policy: Policy = parse_policy(text, where, base=base)
        places = rule_places(text, where)
        self._inherited = not places
        places = places or rule_places(default_text())
        self._found = {each.path: each for each in _fields(self.policy, places)}

    def __getitem__(self, path: str) -> Field:
        return self._found[path]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def present(self, path: str, unit: Unit) -> float | None:
        """What is in force, in a unit that the field may have; None: nothing is set.

        A cost is told in dollars and in multiples of the baseline's alike.
        """
        field = self[path]
        if field.rule is None or field.unit is unit:
            return field.present
        usd = field.rule.threshold
        if unit is not MULTIPLE:
            return usd
        at_rest = self.policy.at_rest().get(field.rule.signal)
        # Three digits say all that an expected cost does.
        return None if at_rest is None else float(f"{usd / at_rest:.3g}")

    def with_values(self, shown: Mapping[str, str | int | float], *, name: str = "") -> str:
        """The file's text with other values, comments kept; to be read from anywhere.

        Args:
            shown: scalars by path.
            name: that the policy gets; "": the one it has.
        """

        def change(tree: Any) -> None:
            if self._inherited and any(path.startswith("thresholds.") for path in shown):
                # A file that has thresholds of its own inherits none.
                tree["thresholds"] = threshold_table(self.policy.rules)
            if self._base is not None and isinstance(tree.get("prices"), str):
                # The text may be written elsewhere, where a relative path leads elsewhere.
                tree["prices"] = str((self._base / tree["prices"]).resolve())
            for path, value in shown.items():
                self._complete(tree, path)
                _put(tree, path.split("."), value)
            if name:
                if "name" in tree:
                    tree["name"] = name
                else:
                    tree.insert(0, "name", name)

        return rewritten(self.text, change)

    def _complete(self, tree: Any, path: str) -> None:
        """Write down the other priorities' shares, which a mode that names one inherits no more."""
        mode, shed, _ = path.partition(".shed.")
        if not shed:
            return
        at = tree
        for part in (*mode.split("."), "shed"):
            at = at.get(part) if isinstance(at, dict) else None
        if at is None:
            for priority in Priority:
                each = f"{mode}.shed.{priority.label}"
                _put(tree, each.split("."), show_share(self[each].present or 0.0))

    def parsed(self, text: str) -> Policy:
        """The policy of a text of this file with other values.

        Raises:
            PolicyError: it cannot be.
        """
        return parse_policy(text, self.where, base=self._base)

    @property
    def words(self) -> tuple[str, ...]:
        """Paths of what a policy file may say that is no number."""
        return (
            "name",
            "law",
            *(
                f"modes.{mode.label}.{row.key}"
                for mode in MODES
                for row in settings_of(Strategy)
                if not KINDS[row.kind].number
            ),
        )


def policy_fields(text: str | None, where: str = "policy", *, base: Path | None = None) -> Fields:
    """Of a policy's text; None: of the policy that ships."""
    if text is None:
        return Fields(default_text(), "the default policy")
    return Fields(text, where, base=base)


def _put(tree: Any, path: Sequence[str], value: str | float) -> None:
    *parents, last = path
    at = tree
    for part in parents:
        if isinstance(at, list):
            at = at[int(part)]
            continue
        if at.get(part) is None:
            at[part] = {}
        at = at[part]
    at[last] = with_threshold(at[last], str(value)) if last == "condition" else value


def _fields(policy: Policy, places: Mapping[str, Key]) -> Iterator[Field]:
    for rule in policy.rules:
        if rule.name in places:
            yield from _of_rule(rule, places[rule.name])
    for mode in MODES:
        strategy = policy.strategies[mode]
        yield from _of_entry(StrategyEntry, strategy, f"modes.{mode.label}")
        for priority in reversed(Priority):
            path = f"modes.{mode.label}.shed.{priority.label}"
            yield Field(path=path, unit=SHARE, present=strategy.shed[priority])
    yield from _of_entry(LadderEntry, policy.ladder, "ladder")
    for law, entry in ConstantsEntry.model_fields.items():
        constants = getattr(policy.constants, law)
        model = entry.annotation
        assert isinstance(model, type) and issubclass(model, BaseModel)
        yield from _of_entry(model, constants, f"constants.{law}")
    names = {window_s: name for name, window_s in WINDOWS_S.items()}
    for limit in policy.budgets:
        if limit.key is None and limit.window_s in names:
            path = f"budget.{names[limit.window_s]}"
            yield Field(path=path, unit=USD, present=limit.usd)
    yield Field(path="tick", unit=SECONDS, present=policy.tick_s)


def _of_rule(rule: Rule, place: Key) -> Iterator[Field]:
    path = ".".join(map(str, place))
    last = {"alerts": ".condition", "rules": ".above"}.get(str(place[0]), "")
    unit, present = _OF_SIGNAL[SIGNALS[rule.signal]], rule.threshold
    if rule.at_rest is not None:
        unit, present = MULTIPLE, rule.at_rest
    elif rule.signal in AT_REST:
        unit = COST
    yield Field(path=path + last, unit=unit, present=present, rule=rule)
    if place[0] == "rules":
        yield Field(path=f"{path}.window", unit=SECONDS, present=rule.window_s)
        yield Field(path=f"{path}.sustained", unit=SECONDS, present=rule.sustained_s)
        if rule.objective is not None:
            yield Field(path=f"{path}.objective", unit=SHARE, present=rule.objective)
        if rule.short_window_s is not None:
            yield Field(path=f"{path}.short_window", unit=SECONDS, present=rule.short_window_s)


def _of_entry(model: type[BaseModel], value: object, path: str) -> Iterator[Field]:
    """Numbers of one mapping of a file; a value calls them the same, but for the unit."""
    for key, entry in model.model_fields.items():
        unit = next((_READ_BY[each] for each in _readers(entry) if each in _READ_BY), None)
        if unit is None:
            continue
        present = next(
            getattr(value, key + suffix)
            for suffix in ("", "_s", "_tokens")
            if hasattr(value, key + suffix)
        )
        known = isinstance(present, int | float) and present >= 0
        yield Field(path=f"{path}.{key}", unit=unit, present=float(present) if known else None)


def _readers(entry: FieldInfo) -> Iterator[Any]:
    yield from (getattr(each, "func", None) for each in entry.metadata)
    yield from _within(entry.annotation)


def _within(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from (getattr(each, "func", None) for each in annotation.__metadata__)
    for inner in get_args(annotation):
        if get_origin(annotation) is not dict:
            yield from _within(inner)
