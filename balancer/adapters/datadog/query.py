"""Reads metric monitor queries: `percentile(last_5m):p95:latency{service:x} > 2`.

    monitor    = head ":" expression comparator number
    head       = time "(" window ")" | change "(" time "(" window ")" "," shift ")"
    expression = term { ("+" | "-") term }
    term       = factor { ("*" | "/") factor }
    factor     = "-" factor | number | "(" expression ")" | function "(" arguments ")" | series
    series     = space ":" metric "{" scope "}" [ "by" "{" keys "}" ] { "." modifier "(" … ")" }
    scope      = "*" | filters, with commas, or with AND, OR, NOT, IN and parentheses

Datadog takes garbage here and says nothing until the monitor never fires, so every name is
checked: what is unknown is refused with its position and the nearest name that is known.
"""

from __future__ import annotations

import re
from typing import Final

from .cursor import Cursor, QueryError
from .query_tree import (
    Arithmetic,
    Expression,
    FunctionCall,
    Modifier,
    MonitorQuery,
    Negative,
    Number,
    Series,
    Word,
)
from .scope import check_scope

__all__ = ["QueryError", "parse_expression", "parse_query"]

_DEEPEST: Final = 40

_TIMES: Final = ("avg", "sum", "min", "max", "percentile")
_CHANGES: Final = ("change", "pct_change")
_SPACES: Final = ("avg", "sum", "min", "max", "count")
_PERCENTILES: Final = ("p50", "p75", "p90", "p95", "p99", "p99.9")
_COMPARATORS: Final = (">=", "<=", "==", "!=", ">", "<")
_MODIFIERS: Final = {
    "as_count": (0, 0),
    "as_rate": (0, 0),
    "rollup": (1, 2),
    "fill": (1, 2),
    "weighted": (0, 0),
}
_FUNCTIONS: Final = (
    *("abs", "log2", "log10", "exclude_null", "default_zero", "count_nonzero", "count_not_null"),
    *("cumsum", "integral", "derivative", "diff", "dt", "monotonic_diff"),
    *("per_second", "per_minute", "per_hour", "ewma_3", "ewma_5", "ewma_7", "ewma_10", "ewma_20"),
    *("median_3", "median_5", "median_7", "median_9", "autosmooth", "robust_trend", "trend_line"),
    *("clamp_min", "clamp_max", "cutoff_min", "cutoff_max", "moving_rollup", "timeshift"),
    *("hour_before", "day_before", "week_before", "month_before", "calendar_shift"),
    *("top", "anomalies", "outliers", "forecast", "piecewise_constant"),
)
_LONGEST: Final = {"m": 10_080, "h": 168, "d": 7, "w": 1, "mo": 1}

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SPACE_NAME = re.compile(r"p\d+(?:\.\d+)?|[A-Za-z_][A-Za-z0-9_]*")
_METRIC = re.compile(r"[A-Za-z][A-Za-z0-9_.]*")
_NUMBER = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?")
_WINDOW = re.compile(r"last_(\d+)(mo|m|h|d|w)(?![A-Za-z0-9_])")
_SHIFT = re.compile(r"(?:\d+[mhd]|1w)_ago")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_NAMED = re.compile(r"[a-z_]+=(?:'[^']*'|\d+(?:\.\d+)?|true|false)")
_KEY = re.compile(r"[A-Za-z@][A-Za-z0-9_.\-/@]*")


def parse_query(text: str) -> MonitorQuery:
    """The query of a metric monitor.

    Raises:
        QueryError: the column, what was found, what was expected, and the nearest name.
    """
    return _Reader(text).monitor()


def parse_expression(text: str) -> Expression:
    """A query as dashboards and timeseries requests have it: without window and threshold.

    Raises:
        QueryError: as for `parse_query`.
    """
    reader = _Reader(text)
    expression = reader.expression()
    reader.end("an operator or the end")
    return expression


class _Reader(Cursor):
    def monitor(self) -> MonitorQuery:
        self.blank()
        begin = self.at
        change = shift = None
        time = self.reads(_NAME)
        if time in _CHANGES:
            change = time
            self.needs("(")
            self.blank()
            begin = self.at
            time = self.reads(_NAME)
        if time is None or time not in _TIMES or (change and time == "percentile"):
            names = (*_TIMES, *_CHANGES)
            self.fail(f"a time aggregation ({', '.join(names)})", begin, names)
        self.needs("(", " and a window such as last_5m")
        window = self.window()
        self.needs(")")
        if change is not None:
            self.needs(",", " and how long ago, such as 5m_ago")
            shift = self.reads(_SHIFT)
            if shift is None:
                self.fail("how long ago, such as 5m_ago")
            self.needs(")")
        self.needs(":", " after the window")
        self.blank()
        begin = self.at
        expression = self.expression()
        self.blank()
        comparator = next((sign for sign in _COMPARATORS if self.takes(sign)), None)
        if comparator is None:
            self.fail(f"an operator or a comparator ({', '.join(_COMPARATORS)})")
        threshold = self.number("a threshold, which is a number")
        self.end("the end of the query after its threshold")
        return MonitorQuery(
            aggregation=time,
            window=window,
            expression=expression,
            comparator=comparator,
            threshold=threshold,
            change=change,
            shift=shift,
        )

    def window(self) -> str:
        self.blank()
        begin = self.at
        match = _WINDOW.match(self.text, begin)
        if match is None:
            self.fail("a window such as last_5m, last_1h or last_1d")
        most = _LONGEST[match[2]]
        if not 1 <= int(match[1][:9]) <= most:
            self.fail(f"a window of 1 to {most:,}{match[2]}", begin)
        self.at = match.end()
        return match[0]

    def number(self, expected: str) -> float:
        negative = self.takes("-")
        text = self.reads(_NUMBER)
        if text is None or float(text) == float("inf"):
            self.fail(expected)
        return -float(text) if negative else float(text)

    def expression(self) -> Expression:
        left = self.term()
        while True:
            sign = "+" if self.takes("+") else "-" if self.takes("-") else None
            if sign is None:
                return left
            left = Arithmetic(left, sign, self.term())

    def term(self) -> Expression:
        left = self.factor()
        while True:
            sign = "*" if self.takes("*") else "/" if self.takes("/") else None
            if sign is None:
                return left
            left = Arithmetic(left, sign, self.factor())

    def factor(self) -> Expression:
        self.depth += 1
        if self.depth > _DEEPEST:
            self.fail(f"at most {_DEEPEST} levels of nesting")
        try:
            if self.takes("-"):
                return Negative(self.factor())
            if self.takes("("):
                inside = self.expression()
                self.needs(")")
                return inside
            text = self.reads(_NUMBER)
            return Number(float(text)) if text is not None else self.named()
        finally:
            self.depth -= 1

    def named(self) -> Expression:
        self.blank()
        begin = self.at
        name = self.reads(_SPACE_NAME)
        if name is None:
            self.fail("a series such as avg:metric{*}, a function or a number")
        if self.sees("("):
            if name not in _FUNCTIONS:
                self.fail("a function that Datadog has", begin, _FUNCTIONS)
            return self.call(name)
        if name not in _SPACES and not re.fullmatch(r"p(?:\d{1,2}(?:\.\d{1,2})?)", name):
            functions = (*_SPACES, *_PERCENTILES)
            self.fail(f"a space aggregation ({', '.join(functions)})", begin, functions)
        self.needs(":", " and a metric")
        return self.series(name)

    def call(self, name: str) -> FunctionCall:
        self.needs("(")
        arguments: list[Expression | Word] = [self.expression()]
        while self.takes(","):
            word = self.reads(_NAMED) or self.reads(_QUOTED)
            if word is None and not re.match(r"\s*(?:p\d|\w+\s*[:(])", self.text[self.at :]):
                word = self.reads(_NAME)
            arguments.append(Word(word) if word is not None else self.expression())
        self.needs(")", f" after the arguments of {name}")
        return FunctionCall(name, tuple(arguments))

    def series(self, space: str) -> Series:
        metric = self.reads(_METRIC)
        if metric is None or metric.endswith("."):
            self.fail("the name of a metric")
        self.needs("{", " and a scope, such as {*} or {service:x}")
        begin = self.at
        close = self.text.find("}", begin)
        if close < 0:
            self.at = len(self.text)
            self.fail("'}' after the scope")
        scope = self.text[begin:close].strip()
        problem = check_scope(scope)
        if problem is not None:
            raise QueryError(f"column {begin + 1}: scope {problem}", column=begin + 1)
        self.at = close + 1
        return Series(
            space=space, metric=metric, scope=scope, by=self.groups(), modifiers=self.modifiers()
        )

    def groups(self) -> tuple[str, ...]:
        before = self.at
        if self.reads(_NAME) != "by":
            self.at = before
            return ()
        self.needs("{", " and tag keys")
        keys = []
        while True:
            key = self.reads(_KEY)
            if key is None:
                self.fail("a tag key")
            keys.append(key)
            if not self.takes(","):
                self.needs("}")
                return tuple(keys)

    def modifiers(self) -> tuple[Modifier, ...]:
        modifiers: list[Modifier] = []
        while self.takes("."):
            begin = self.at
            name = self.reads(_NAME)
            if name is None or name not in _MODIFIERS:
                self.fail(f"one of {', '.join(_MODIFIERS)}", begin, _MODIFIERS)
            self.needs("(")
            arguments: list[str] = []
            while not self.takes(")"):
                if arguments:
                    self.needs(",")
                argument = self.reads(re.compile(r"[A-Za-z_]+|'[a-z]+'|\d+(?:\.\d+)?"))
                if argument is None:
                    self.fail("an argument")
                arguments.append(argument)
            low, high = _MODIFIERS[name]
            if not low <= len(arguments) <= high:
                count = str(low) if low == high else f"{low} to {high}"
                self.fail(f"{count} arguments of {name}", begin)
            modifiers.append(Modifier(name, tuple(arguments)))
        return tuple(modifiers)
