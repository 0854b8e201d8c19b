"""Rules: enter a mode when a signal exceeds a threshold."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import PolicyError, nearest
from .histogram import edge_s, snap
from .modes import Mode

__all__ = [
    "AT_REST",
    "LONGEST_WINDOW_S",
    "SIGNALS",
    "SPEND_WINDOW_S",
    "Rule",
    "check_monotone",
    "check_rule",
    "shown",
    "window_of",
]

SIGNALS: dict[str, str] = {
    "latency_p50": "seconds",
    "latency_p95": "seconds",
    "latency_p99": "seconds",
    "ttft_p95": "seconds",
    "error_rate": "share",
    "token_cost_per_hour": "usd_per_hour",
    "tokens_per_minute": "tokens_per_minute",
    "spend_10m": "usd",
    "queue_depth": "requests",
    "memory": "share",
    "burn_rate": "times",
}
"""Signals a rule may watch, with the unit of its threshold."""

AT_REST = ("token_cost_per_hour", "spend_10m")
"""Signals whose threshold may be a multiple of what the policy's baseline costs."""

LONGEST_WINDOW_S = 6 * 3600.0
"""Longest window: what takes longer to show is no matter for a brownout."""

SPEND_WINDOW_S = 600.0
"""The window of `spend_10m`, which is that of a project's spend limit."""


def window_of(signal: str, window_s: float = 60.0) -> float:
    """Window of a rule that names none, of which others than `spend_10m` may choose."""
    return SPEND_WINDOW_S if signal == "spend_10m" else window_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """Enter a mode when a signal exceeds a threshold.

    Attributes:
        name: how reasons call it.
        signal: one of `SIGNALS`.
        level: the mode it asks for, soft or worse.
        threshold: in the signal's unit; latencies are judged at the nearest histogram edge.
        window_s: the signal is taken over this many seconds.
        sustained_s: it must have been exceeded on every tick for this long.
        jump: enter `level` at once and not rung by rung (see `docs`: what it costs).
        objective: burn_rate only: the share of attempts that should succeed.
        short_window_s: burn_rate only: the second window, in which it must be exceeded too.
        at_rest: of signals in `AT_REST`: the threshold is so many times what the policy's baseline
            costs, at the prices of the day; the policy works it out.
    """

    name: str
    signal: str
    level: Mode
    threshold: float
    window_s: float = 60.0
    sustained_s: float = 0.0
    jump: bool = False
    objective: float | None = None
    short_window_s: float | None = None
    at_rest: float | None = None

    @property
    def cut(self) -> int:
        """Histogram edge a latency threshold is judged at."""
        return snap(self.threshold)

    @property
    def effective_threshold(self) -> float:
        """The threshold as it is judged: for a latency, the snapped edge."""
        return edge_s(self.cut) if SIGNALS[self.signal] == "seconds" else self.threshold


def check_rule(rule: Rule, tick_s: float) -> None:
    """Refuse a rule that cannot be what its author meant.

    Raises:
        PolicyError: the message says how to fix it.
    """
    where = f"rule {rule.name!r}"
    if rule.signal not in SIGNALS:
        raise PolicyError(
            f"unknown signal {rule.signal!r}{nearest(rule.signal, SIGNALS)}; "
            f"known: {', '.join(SIGNALS)}",
            where=where,
        )
    if rule.level == Mode.NORMAL:
        raise PolicyError("a rule enters soft, hard or emergency, never normal", where=where)
    unit = SIGNALS[rule.signal]
    low, high = {
        "seconds": (0.001, 16_000.0),
        "share": (1e-6, 0.999999),
        "usd_per_hour": (1e-9, 1e9),
        "usd": (1e-9, 1e9),
        "tokens_per_minute": (1, 1e12),
        "requests": (0, 1e9),
        "times": (0.001, 1e6),
    }[unit]
    if not (low <= rule.threshold <= high):
        raise PolicyError(
            f"threshold {rule.threshold!r} ({unit}) is outside {low:g} to {high:g}", where=where
        )
    for name, window in (
        ("window", rule.window_s),
        ("short window", rule.short_window_s if rule.short_window_s is not None else tick_s),
    ):
        if not (tick_s <= window <= LONGEST_WINDOW_S):
            raise PolicyError(
                f"{name} {window!r} s is outside one tick ({tick_s:g} s) to "
                f"{LONGEST_WINDOW_S:g} s; lengthen it or shorten the tick",
                where=where,
            )
    if rule.window_s != window_of(rule.signal, rule.window_s):
        raise PolicyError(
            f"{rule.signal} is what was billed in {SPEND_WINDOW_S:g} s; found a window of "
            f"{rule.window_s:g} s, leave it out",
            where=where,
        )
    if not (0 <= rule.sustained_s <= LONGEST_WINDOW_S):
        raise PolicyError(
            f"sustained for {rule.sustained_s!r} s; expected 0 to {LONGEST_WINDOW_S:g} s",
            where=where,
        )
    if rule.signal == "burn_rate":
        if rule.objective is None or not (0 < rule.objective < 1):
            raise PolicyError(
                f"burn_rate needs an objective between 0 and 1, such as 99.9%; "
                f"found {rule.objective!r}",
                where=where,
            )
        if rule.threshold * (1 - rule.objective) >= 1:
            raise PolicyError(
                f"a burn of {rule.threshold:g} times the error budget of {rule.objective:.4%} "
                "would need more errors than calls; lower the threshold",
                where=where,
            )
        if rule.short_window_s is not None and rule.short_window_s > rule.window_s:
            raise PolicyError("the short window is longer than the window", where=where)
    elif rule.objective is not None or rule.short_window_s is not None:
        raise PolicyError("objective and short window belong to burn_rate only", where=where)


def check_monotone(rules: tuple[Rule, ...]) -> None:
    """Refuse a worse mode entered at a lower threshold under the same conditions.

    Raises:
        PolicyError: the message names both.
    """
    for milder in rules:
        for worse in rules:
            same = (milder.signal, milder.window_s, milder.sustained_s, milder.objective) == (
                worse.signal,
                worse.window_s,
                worse.sustained_s,
                worse.objective,
            )
            if same and milder.level < worse.level and worse.threshold <= milder.threshold:
                raise PolicyError(
                    f"{worse.level.label} is entered at "
                    f"{shown(worse.threshold, worse.signal)}, not above the "
                    f"{milder.level.label} threshold {shown(milder.threshold, milder.signal)} of "
                    f"{milder.signal}; raise it",
                    where=f"rule {worse.name!r}",
                )


def shown(value: float, signal: str) -> str:
    """A value of a signal with its unit, for a person: "6.2 s", "5.0%", "$120/h"."""
    unit = SIGNALS[signal]
    if unit == "seconds":
        return f"{value:.3g} s"
    if unit == "share":
        return f"{value:.3%}" if value < 0.001 else f"{value:.1%}"
    if unit == "usd_per_hour":
        return f"${value:,.2f}/h" if value < 100 else f"${value:,.0f}/h"
    if unit == "usd":
        return f"${value:,.2f}"
    if unit == "tokens_per_minute":
        return f"{value:,.0f} tokens/min"
    if unit == "times":
        return f"{value:.3g}x"
    return f"{value:,.0f}"
