"""What an expression of PromQL asks for, by a parser that is not ours."""

from __future__ import annotations

import promql_parser
from promql_parser import Expr, MatchOp, MatrixSelector, VectorSelector

from balancer.metrics import METRICS, Kind
from balancer.prometheus_names import Translation, metric_name

__all__ = ["known_names", "labels_of", "names_of", "parsed"]


def parsed(expression: str) -> list[VectorSelector]:
    """Every selector of an expression; Grafana's variables are filled in."""
    for variable, value in (("$__rate_interval", "1m"), ("$job", "shop"), ("$arm", "()")):
        expression = expression.replace(variable, value)
    found: list[VectorSelector] = []

    def visit(node: Expr) -> bool:
        if isinstance(node, MatrixSelector):
            found.append(node.vector_selector)
        elif isinstance(node, VectorSelector):
            found.append(node)
        return True

    promql_parser.walk(promql_parser.parse(expression), visit)
    assert found, expression
    return found


def names_of(expression: str) -> set[str]:
    """Names of the series that an expression asks for."""
    return {
        selector.name
        or next(
            matcher.value
            for matcher in selector.matchers.matchers
            if matcher.name == "__name__" and matcher.op == MatchOp.Equal
        )
        for selector in parsed(expression)
    }


def labels_of(expression: str) -> set[str]:
    """Labels that its selectors match."""
    return {
        matcher.name
        for selector in parsed(expression)
        for matcher in selector.matchers.matchers
        if matcher.name != "__name__"
    }


def known_names(translation: Translation) -> set[str]:
    """Every series that the metric table can give."""
    names = {metric_name(metric, translation): metric for metric in METRICS}
    parts = ("_bucket", "_sum", "_count")
    return set(names) | {
        name + part
        for name, metric in names.items()
        if metric.kind is Kind.HISTOGRAM
        for part in parts
    }
