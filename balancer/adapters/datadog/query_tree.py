"""What a metric monitor's query says, as values. `str()` of each is the query again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = [
    "Arithmetic",
    "Expression",
    "FunctionCall",
    "Modifier",
    "MonitorQuery",
    "Negative",
    "Number",
    "Series",
    "Word",
    "series_of",
]


def show_number(number: float) -> str:
    """The number as people write it: without exponent where that is short."""
    if number == int(number) and abs(number) < 1e15:
        return str(int(number))
    return repr(number)


@dataclass(frozen=True, slots=True)
class Number:
    """A constant."""

    value: float

    def __str__(self) -> str:
        return show_number(self.value)


@dataclass(frozen=True, slots=True)
class Word:
    """A name or quoted text among the arguments of a function."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class Modifier:
    """What follows a series: `.as_count()`, `.rollup(sum, 60)`."""

    name: str
    arguments: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f".{self.name}({', '.join(self.arguments)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A metric over a scope.

    Attributes:
        space: how series are put together at one time: avg, sum, min, max, count, p95, …
        metric: its name.
        scope: what stands between the braces, as written: "*", "service:x,env:prod".
        by: tag keys that split it into groups.
        modifiers: in order.
    """

    space: str
    metric: str
    scope: str = "*"
    by: tuple[str, ...] = ()
    modifiers: tuple[Modifier, ...] = ()

    def has(self, modifier: str) -> bool:
        """Whether it is modified so."""
        return any(each.name == modifier for each in self.modifiers)

    def __str__(self) -> str:
        groups = f" by {{{','.join(self.by)}}}" if self.by else ""
        tail = "".join(map(str, self.modifiers))
        return f"{self.space}:{self.metric}{{{self.scope}}}{groups}{tail}"


@dataclass(frozen=True, slots=True)
class Negative:
    """An expression with its sign changed."""

    inside: Expression

    def __str__(self) -> str:
        return f"-{_held(self.inside, 3)}"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions put together by +, -, * or /."""

    left: Expression
    sign: str
    right: Expression

    def __str__(self) -> str:
        rank = _rank(self)
        return f"{_held(self.left, rank)} {self.sign} {_held(self.right, rank + 1)}"


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A function of expressions, numbers and words."""

    name: str
    arguments: tuple[Expression | Word, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.arguments))})"


Expression = Number | Series | Negative | Arithmetic | FunctionCall


def _rank(expression: Expression | Word) -> int:
    if isinstance(expression, Arithmetic):
        return 1 if expression.sign in "+-" else 2
    return 3


def _held(expression: Expression, rank: int) -> str:
    return str(expression) if _rank(expression) >= rank else f"({expression})"


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorQuery:
    """When a metric monitor alerts.

    Attributes:
        aggregation: over time: avg, sum, min, max or percentile.
        window: such as "last_5m".
        change: "change" or "pct_change", against `shift` ago; None: the value itself.
        shift: such as "5m_ago".
        expression: what is compared.
        comparator: >, >=, <, <=, == or !=.
        threshold: with what.
    """

    aggregation: str
    window: str
    expression: Expression
    comparator: str
    threshold: float
    change: str | None = None
    shift: str | None = None

    @property
    def window_minutes(self) -> int:
        """Length of the window."""
        number = "".join(filter(str.isdigit, self.window))
        unit = self.window.rpartition(number)[2]
        return int(number) * {"m": 1, "h": 60, "d": 1440, "w": 10_080, "mo": 43_200}[unit]

    def __str__(self) -> str:
        head = f"{self.aggregation}({self.window})"
        if self.change is not None:
            head = f"{self.change}({head},{self.shift})"
        limit = show_number(self.threshold)
        return f"{head}:{self.expression} {self.comparator} {limit}"


def series_of(expression: Expression | Word) -> Iterator[Series]:
    """All series in an expression, from left to right."""
    match expression:
        case Series():
            yield expression
        case Negative(inside):
            yield from series_of(inside)
        case Arithmetic(left, _, right):
            yield from series_of(left)
            yield from series_of(right)
        case FunctionCall(_, arguments):
            for argument in arguments:
                yield from series_of(argument)
        case _:
            pass
