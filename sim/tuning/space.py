"""The search space of a tuning: which numbers of a policy file, and between which values.

A file names paths of a policy file, each with its range:

    thresholds.soft.latency_p95: {from: 8s, to: 30s, log: true}
    thresholds.hard.latency_p95: {times: thresholds.soft.latency_p95, from: 1.2, to: 2.5}
    ladder.hold: {from: 30s, to: 5m, step: 30s}

With `times` the value is so many times that of another path of the space: thresholds come in order
whatever is drawn. `docs/how-to/tune-a-policy.md` tells the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic import Field as Entry

from balancer.core.errors import InputError, PolicyError, nearest
from balancer.core.policy import Policy
from balancer.documents import Document, parse, read_text
from balancer.schema_errors import explain
from balancer.units import Multiple, parse_factor

from .fields import COST, FACTS, MULTIPLE, Field, Fields, Unit

__all__ = ["Dimension", "Drawn", "Space", "check_space", "read_space", "rounded"]

DIGITS = 3
"""Of a value that is drawn: more would only look exact."""


def rounded(value: float, *, whole: bool = False) -> float:
    """A value that is drawn: so many digits, or a whole number."""
    return float(round(value)) if whole else float(f"{value:.{DIGITS}g}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A number that is tuned.

    Attributes:
        path: of its key in a policy file.
        unit: of its amounts.
        low, high: ends of what is drawn: an amount, or with `times` a factor.
        step: between values that are drawn; None: any.
        log: drawn evenly in its logarithm.
        times: path of the dimension whose amount the factor is of; "": none.
    """

    path: str
    unit: Unit
    low: float
    high: float
    step: float | None = None
    log: bool = False
    times: str = ""

    @property
    def whole(self) -> bool:
        """Whether what is drawn is a whole number."""
        return self.unit.whole and not self.times

    def nearest(self, value: float) -> float:
        """The value that can be drawn that is nearest."""
        value = min(max(value, self.low), self.high)
        if self.step is not None:
            most = int((self.high - self.low) / self.step + 1e-9)
            value = self.low + min(round((value - self.low) / self.step), most) * self.step
        return float(round(value)) if self.whole else value


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A policy that was drawn.

    Attributes:
        values: amounts that are set, by path, in their units.
        text: of the policy file; "" where they make none.
        policy: the same; None: it cannot be one.
    """

    values: Mapping[str, float]
    text: str
    policy: Policy | None


class Space:
    """Dimensions of a policy file.

    Args:
        fields: of the policy that is tuned.
        dimensions: of different paths; what `times` names comes first.
    """

    __slots__ = ("dimensions", "fields")

    def __init__(self, fields: Fields, dimensions: Sequence[Dimension]) -> None:
        self.fields = fields
        self.dimensions = tuple(dimensions)

    def amounts(self, drawn: Mapping[str, float]) -> dict[str, float]:
        """Values by path, of what was drawn for each dimension."""
        found: dict[str, float] = {}
        for each in self.dimensions:
            value = drawn[each.path]
            if each.times:
                value *= found[each.times]
            if each.unit.whole or each.times:
                value = rounded(value, whole=each.unit.whole)
            elif each.step is None:
                value = min(max(rounded(value), each.low), each.high)
            else:
                # Steps of 0.1 add up to 0.30000000000000004.
                value = float(f"{value:.12g}")
            found[each.path] = value
        return found

    def draw(self, drawn: Mapping[str, float]) -> Drawn:
        """The policy of what was drawn for each dimension, by path."""
        values = self.amounts(drawn)
        try:
            text = self.text(values)
            return Drawn(values=values, text=text, policy=self.fields.parsed(text))
        except (PolicyError, ValueError):
            return Drawn(values=values, text="", policy=None)

    def text(self, values: Mapping[str, float], name: str = "") -> str:
        """The policy file with other values, by path, and perhaps another name."""
        units = {each.path: each.unit for each in self.dimensions}
        shown = {path: units[path].show(value) for path, value in values.items()}
        return self.fields.with_values(shown, name=name)

    @property
    def today(self) -> dict[str, float]:
        """What today's policy says, by path, in the units of the space; where it says anything."""
        found = {each.path: self.fields.present(each.path, each.unit) for each in self.dimensions}
        return {path: value for path, value in found.items() if value is not None}

    @property
    def present(self) -> dict[str, float]:
        """What can be drawn that is nearest to today's policy.

        The top, where it says nothing, or nothing can be a factor of what it says.
        """
        today = self.today
        found: dict[str, float] = {}
        amounts: dict[str, float] = {}
        for each in self.dimensions:
            whole = amounts[each.times] if each.times else 1.0
            told = each.path in today and whole > 0.0
            found[each.path] = each.nearest(today[each.path] / whole) if told else each.high
            amounts[each.path] = found[each.path] * whole
        return found

    def ends(
        self, of: Sequence[Dimension] | None = None
    ) -> Iterator[tuple[str, Mapping[str, float]]]:
        """Corners that say whether the space is sound, each with the path it is about, or "".

        Args:
            of: dimensions whose ends are wanted, the others as they are; None: all.
        """
        present = self.present
        for each in self.dimensions if of is None else of:
            for value in (each.low, each.nearest(each.high)):
                yield each.path, {**present, each.path: value}
        yield "", {each.path: each.low for each in self.dimensions}
        yield "", {each.path: each.nearest(each.high) for each in self.dimensions}


class DimensionEntry(BaseModel):
    """A line of a space file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: Any = Entry(alias="from")
    high: Any = Entry(alias="to")
    step: Any = None
    log: bool = False
    times: str | None = None


def read_space(path: Path, fields: Fields) -> Space:
    """The space of a file.

    Args:
        path: of the file.
        fields: of the policy that is tuned.

    Raises:
        InputError: one sentence with file and line: an empty space, a path that the policy does
            not have or that is no number, a range that contradicts itself, a link to nothing, or
            values of which no policy can be made.
    """
    document = parse(read_text(path, InputError), str(path), InputError)
    if not isinstance(document.values, dict) or not document.values:
        raise InputError(
            "names nothing to tune; expected paths of a policy file, such as "
            "thresholds.soft.latency_p95: {from: 8s, to: 30s}",
            where=str(path),
        )
    found = {each: _dimension(each, document, fields) for each in document.values}
    space = Space(fields, list(_in_order(found, document)))
    check_space(space, document)
    return space


def check_space(space: Space, document: Document) -> None:
    """Refuse a space whose ends are no policies.

    Raises:
        InputError: which end, and why.
    """
    for path, drawn in space.ends():
        values = space.amounts(drawn)
        try:
            space.fields.parsed(space.text(values))
        except (PolicyError, ValueError) as error:
            problem = getattr(error, "problem", str(error))
            dimension = next((each for each in space.dimensions if each.path == path), None)
            at = "its ends" if path else "the ends of all ranges together"
            if dimension is not None:
                at = f"at {dimension.unit.show(values[path])}"
            raise InputError(
                f"{f'{path}: ' if path else ''}{at}, no policy comes of it: {problem} (`times` "
                "ties a value to another, so that both keep their order)",
                where=document.where((path,) if path else ()),
            ) from None


def _dimension(path: str, document: Document, fields: Fields) -> Dimension:
    where = document.where((path,))
    field = _field(path, fields, where)
    values = document.values[path]
    if not isinstance(values, dict):
        raise InputError(
            f"{path}: found {values!r:.64}, expected a range such as {{from: 8s, to: 30s}}",
            where=where,
        )
    try:
        entry = DimensionEntry.model_validate(values)
    except ValidationError as error:
        raise explain(error, DimensionEntry, document.part((path,)), InputError) from None
    unit = _unit(field, entry)

    def read(key: str, found: object) -> float:
        try:
            return parse_factor(found) if entry.times is not None else unit.parse(found)
        except ValueError as error:
            raise InputError(f"{path}: {key}: {error}", where=document.where((path, key))) from None

    low, high = read("from", entry.low), read("to", entry.high)
    step = None if entry.step is None else read("step", entry.step)
    problem = _contradiction(entry, low, high, step)
    if isinstance(low, Multiple) != isinstance(high, Multiple):
        problem = "one end is in dollars and the other a multiple of the baseline's cost"
    if problem:
        raise InputError(f"{path}: {problem}", where=where)
    return Dimension(
        path=path,
        unit=unit,
        low=float(low),
        high=float(high),
        step=step,
        log=entry.log,
        times=entry.times or "",
    )


def _unit(field: Field, entry: DimensionEntry) -> Unit:
    if field.unit not in (COST, MULTIPLE) or entry.times is not None:
        return field.unit
    return MULTIPLE if str(entry.low).strip().startswith(("x", "×")) else COST


def _field(path: str, fields: Fields, where: str) -> Field:
    if path in fields:
        return fields[path]
    if path in fields.words or path.split(".", maxsplit=1)[0] in FACTS:
        what = "is no number" if path in fields.words else "says how things are, not what to do"
        raise InputError(f"{path} {what}; expected a number that a policy chooses", where=where)
    likely = nearest(path, fields)
    raise InputError(
        f"the policy has no number {path!r}{likely}"
        + ("" if likely else f"; known, among others: {', '.join(list(fields)[:6])}, ladder.hold"),
        where=where,
    )


def _contradiction(entry: DimensionEntry, low: float, high: float, step: float | None) -> str:
    shown = f"from {entry.low} to {entry.high}"
    if low > high or (low == high and entry.times is None):
        return f"{shown} is no range; expected from below to"
    if entry.log and step is not None:
        return "has both log and step; expected one of them"
    if entry.log and low <= 0.0:
        return f"{shown} has no logarithm at 0; start above it, or leave log out"
    if step is not None and not step > 0.0:
        return f"found a step of {entry.step}, expected more than 0"
    if step is not None and step > high - low:
        return f"a step of {entry.step} is larger than the range {shown}"
    return ""


def _in_order(found: Mapping[str, Dimension], document: Document) -> Iterator[Dimension]:
    """What others are tied to before them, and costs that are tied to a cost in its form."""
    done: dict[str, Dimension] = {}
    waiting = dict(found)
    while waiting:
        ready = [each for each in waiting.values() if not each.times or each.times in done]
        for each in ready:
            tied = done.get(each.times)
            made = each
            if tied is not None:
                _check_alike(each, tied, document)
                made = Dimension(
                    path=each.path, unit=tied.unit if each.unit in (COST, MULTIPLE) else each.unit,
                    low=each.low, high=each.high, step=each.step, log=each.log, times=each.times,
                )  # fmt: skip
            done[each.path] = made
            del waiting[each.path]
            yield made
        if not ready:
            path, each = next(iter(waiting.items()))
            known = [other for other in found if other != path]
            tied_to = "itself, in a circle" if each.times in found else f"{each.times!r}"
            likely = "" if each.times in found else nearest(each.times, known)
            raise InputError(
                f"{path} is tied to {tied_to}{likely}; expected another path of this file that is "
                "drawn by itself",
                where=document.where((path, "times")),
            )


def _check_alike(each: Dimension, tied: Dimension, document: Document) -> None:
    money = {COST.name, MULTIPLE.name}
    if each.unit.name != tied.unit.name and not {each.unit.name, tied.unit.name} <= money:
        raise InputError(
            f"{each.path} ({each.unit.name}) is tied to {tied.path} ({tied.unit.name}); expected "
            "one of the same unit",
            where=document.where((each.path, "times")),
        )
