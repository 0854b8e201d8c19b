"""The last day as the ticker saw it: by the tick for five minutes, by the minute for a day."""

from __future__ import annotations

import math
import threading
from collections import deque
from dataclasses import dataclass, replace

from ..core.decisions import Decision
from ..core.modes import MODES, Mode
from ..core.observations import Observations, merge_ticks

__all__ = ["Recent", "Span"]

MINUTE_S = 60.0
FINE_S = 300.0
DAY_MINUTES = 1440
_MOST_RECOVERIES = 1000

ByMode = tuple[int, int, int, int]
_NONE: ByMode = (0, 0, 0, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """What happened in a stretch of time.

    Attributes:
        seconds: of it that were seen; scenario seconds.
        observations: added up; None where no tick was seen.
        ticks: in each mode; of those closed together, all but the last in the mode before.
    """

    seconds: float = 0.0
    observations: Observations | None = None
    ticks: ByMode = _NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """What the ticker closed at once: a tick, and those before it that it came too late for.

    Attributes:
        ends_s, seconds: scenario seconds.
        observations: of them.
        before: the mode that held until its last tick.
        mode: decided then.
    """

    ends_s: float
    seconds: float
    observations: Observations
    before: Mode
    mode: Mode


class Recent:
    """Takes in every tick; asked now and then.

    A listener of the balancer: `add` runs on its ticker, everything else on other threads.

    Args:
        mode: that the balancer begins in, which may be one it was in before a restart.

    Attributes:
        activations: entries of a degraded mode from a milder one, since the start.
        changes: changes of mode since the start.
        recoveries_s: how long the last brownouts took, from leaving normal to being back.
        seen_s: scenario seconds since the start.
        left_normal_s: when normal was left, in scenario seconds; None in normal.
        since_s: when the mode was entered, in scenario seconds; None before the first change.
    """

    def __init__(self, mode: Mode = Mode.NORMAL) -> None:
        self._lock = threading.Lock()
        self._lines: deque[_Line] = deque()
        self._minutes: deque[tuple[int, Span]] = deque(maxlen=DAY_MINUTES)
        self._minute: list[_Line] = []
        self._joined: dict[float, tuple[int, Span]] = {}
        self._mode = mode
        self.seen_s = 0.0
        self.activations = 0
        self.changes = 0
        self.recoveries_s: deque[float] = deque(maxlen=_MOST_RECOVERIES)
        self.left_normal_s: float | None = None
        self.since_s: float | None = None

    def add(self, observations: Observations, decision: Decision, tick_s: float) -> None:
        """Take in a tick."""
        ends_s = (observations.tick + 1) * tick_s
        seconds = observations.ticks * tick_s
        with self._lock:
            line = _Line(
                ends_s=ends_s,
                seconds=seconds,
                observations=observations,
                before=self._mode,
                mode=decision.mode,
            )
            if self._lines and observations.tick <= self._lines[-1].observations.tick:
                # Another tick length, or a clock that was set: what was is no longer comparable.
                self._lines.clear()
                self._minute.clear()
                self._minutes.clear()
                self._joined.clear()
            self._change(decision.mode, ends_s)
            self.seen_s += seconds
            self._lines.append(line)
            while self._lines[0].ends_s <= ends_s - FINE_S:
                self._lines.popleft()
            number = _minute(line)
            if self._minute and _minute(self._minute[0]) != number:
                self._minutes.append((_minute(self._minute[0]), _sum(self._minute)))
                self._minute.clear()
            self._minute.append(line)

    def _change(self, mode: Mode, now_s: float) -> None:
        if mode == self._mode:
            return
        self.changes += 1
        self.since_s = now_s
        if mode > self._mode:
            self.activations += 1
        if self._mode == Mode.NORMAL:
            self.left_normal_s = now_s
        elif mode == Mode.NORMAL and self.left_normal_s is not None:
            self.recoveries_s.append(now_s - self.left_normal_s)
            self.left_normal_s = None
        self._mode = mode

    def last(self, seconds: float) -> Span:
        """The last so many scenario seconds; above five minutes in whole minutes."""
        with self._lock:
            if not self._lines:
                return Span()
            now_s = self._lines[-1].ends_s
            if seconds <= FINE_S:
                fine = [line for line in self._lines if line.ends_s > now_s - seconds]
                return _sum(fine)
            number = _minute(self._lines[-1])
            oldest = number - math.ceil(seconds / MINUTE_S)
            minute = list(self._minute)
            # Of the minutes that are over, nothing changes until the next one is.
            length, joined = self._joined.get(seconds, (None, Span()))
            spans = (
                [span for at, span in self._minutes if at > oldest] if length != number else None
            )
        if spans is not None:
            joined = _join(spans)
            with self._lock:
                self._joined[seconds] = number, joined
        return _join([joined, _sum(minute)])


def _minute(line: _Line) -> int:
    return math.floor((line.ends_s - line.seconds) / MINUTE_S + 1e-9)


def _sum(lines: list[_Line]) -> Span:
    if not lines:
        return Span()
    in_mode = [0] * len(MODES)
    for line in lines:
        in_mode[line.before] += line.observations.ticks - 1
        in_mode[line.mode] += 1
    normal, soft, hard, emergency = in_mode
    return Span(
        seconds=sum(line.seconds for line in lines),
        observations=_without_orders(merge_ticks(line.observations for line in lines)),
        ticks=(normal, soft, hard, emergency),
    )


def _join(spans: list[Span]) -> Span:
    with_calls = [span for span in spans if span.observations is not None]
    if not with_calls:
        return Span()
    normal, soft, hard, emergency = (sum(span.ticks[mode] for span in with_calls) for mode in MODES)
    return replace(
        with_calls[-1],
        seconds=sum(span.seconds for span in with_calls),
        observations=merge_ticks(
            span.observations for span in with_calls if span.observations is not None
        ),
        ticks=(normal, soft, hard, emergency),
    )


def _without_orders(observations: Observations) -> Observations:
    # A flood of alerts is the controller's business, and need not be kept for a day.
    return observations._replace(alerts=(), overrides=())
