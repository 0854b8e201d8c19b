"""Telemetry of a live Balancer: listens to it, keeps the totals, and lets one thread send."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Self

from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk.metrics.export import MetricsData
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import set_span_in_context

from balancer import metrics
from balancer.core.decisions import Decision
from balancer.core.errors import InputError, MisuseError
from balancer.core.fit import Finding
from balancer.core.observations import Observations
from balancer.core.pricing import NANO_USD
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Passage, RequestRecord, Score
from balancer.runtime.flights import Ended, Over
from balancer.runtime.sessions import IDLE_S, MOST_SESSIONS, Sessions
from balancer.version import VERSION

from .batches import Batch
from .costs import record_costs
from .destination import Destination, destination, disabled
from .genai import record_calls
from .logs import Events, LogHandler
from .otlp import metrics_data
from .outbox import LogBox, SpanBox
from .resource import new_resource
from .sender import Sender
from .spans import CallSpans, ModeSpans
from .tally import Tally

__all__ = ["Telemetry"]

INTERVAL_VARIABLE = "OTEL_METRIC_EXPORT_INTERVAL"
DEFAULT_INTERVAL_S = 10.0
MOST_WAITING = 4_096


class Telemetry:
    """Reports what a Balancer sees and decides, over OTLP.

    Use it as a context manager around the Balancer's, or `start` it, and `close` it after the
    Balancer was closed: so the last tick is reported too. Metrics cost the callers nothing: they
    come from what the ticker adds up anyway. Spans cost their caller about 35 microseconds, or 10
    where they are not sampled (`OTEL_TRACES_SAMPLER`).

    Args:
        balancer: what to report of.
        to: exporters; None is by the standard environment variables.
        service: name of the service; None is `OTEL_SERVICE_NAME`, or "open-balancer".
        attributes: of the resource, beside the usual ones.
        provider: "gcp.gemini", or "gcp.vertex_ai".
        traces: whether to make spans.
        aliases: whether metrics go out under their promised names too.
        interval_s: wall seconds between two reports of metrics; None is
            `OTEL_METRIC_EXPORT_INTERVAL` (milliseconds), or 10 s.
        session_idle_s: scenario seconds without a request, after which a session is over.
        most_sessions: at once; beyond it, the one that was silent longest is over.

    Raises:
        InputError: a variable of the environment that cannot be used.
    """

    def __init__(
        self,
        balancer: Balancer,
        to: Destination | None = None,
        *,
        service: str | None = None,
        attributes: Mapping[str, str] | None = None,
        provider: str = "gcp.gemini",
        traces: bool = True,
        aliases: bool = True,
        interval_s: float | None = None,
        session_idle_s: float = IDLE_S,
        most_sessions: int = MOST_SESSIONS,
    ) -> None:
        self._balancer = balancer
        self._provider = provider
        self._traces = traces
        self._listens = self._closed = False
        resource = self._resource = new_resource(service, attributes)
        self._began_ns = time.time_ns()
        self._lock = threading.Lock()
        # A balancer that goes on from a snapshot did not change its mode just now.
        self._mode = balancer.decision.mode
        self._tally = Tally(balancer.policy, left=balancer.ledger.left_nano_usd, mode=self._mode)
        self._sessions = Sessions(session_idle_s, most_sessions)
        self._ending: deque[str] = deque()
        self._misfits: tuple[Finding, ...] = ()
        self._mistakes: Mapping[str, int] = {}
        self._handed: deque[Callable[[], None]] = deque()
        self._cpu = (time.process_time(), time.monotonic())
        spans, logs = SpanBox(MOST_WAITING), LogBox(MOST_WAITING)
        self._tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._tracers.add_span_processor(spans)
        self._loggers = LoggerProvider(resource=resource, shutdown_on_exit=False)
        self._loggers.add_log_record_processor(logs)
        self._events = Events(self._loggers)
        self._handler = LogHandler(self._events)
        tracer = self._tracers.get_tracer("open-balancer", VERSION)
        self._modes = ModeSpans(tracer, self._at_ns)
        self._calls = CallSpans(tracer, self._at_ns, provider)
        self._sender = Sender(
            destination() if to is None else to,
            resource,
            self._tally.series,
            self._lock,
            spans,
            logs,
            interval_s=_interval_s() if interval_s is None else interval_s,
            aliases=aliases,
        )

    @property
    def brownout_trace(self) -> str:
        """Id of the trace of the brownout under way, in hexadecimal; "" where none is sent."""
        return self._modes.trace

    @property
    def sender(self) -> Sender:
        """What sends, for its counts of drops and failures."""
        return self._sender

    def totals(self) -> MetricsData:
        """Everything that was counted so far, under the metrics' own names."""
        with self._lock:
            self._take_all()
            return metrics_data(
                self._tally.series,
                self._resource,
                start_ns=self._began_ns,
                now_ns=time.time_ns(),
                aliases=False,
            )

    def start(self) -> Telemetry:
        """Listen to the Balancer, and send; nothing where `OTEL_SDK_DISABLED` says so. Again does
        nothing.

        Raises:
            MisuseError: it was closed.
        """
        if self._closed:
            raise MisuseError("this telemetry was closed; make another one")
        if self._listens or disabled():
            return self
        self._listens = True
        self._balancer.listeners.ticks.add(self._observe)
        self._balancer.listeners.ended.add(self._ended)
        self._balancer.listeners.over.add(self._over)
        self._balancer.watch_drops("telemetry", lambda: self._sender.dropped)
        if self._traces:
            self._balancer.listeners.requests.add(self._request)
        self._balancer.listeners.scores.add(self._scored)
        self._balancer.listeners.passages.add(self._passed)
        logging.getLogger("balancer").addHandler(self._handler)
        self._sender.start()
        return self

    def close(self, timeout_s: float = 5.0) -> None:
        """Send what is left, for at most so long, and stop listening. Again does nothing."""
        if self._closed:
            return
        self._closed = True
        listeners = (self._observe, self._ended, self._over, self._request, self._scored)
        for listener in (*listeners, self._passed):
            self._balancer.listeners.remove(listener)
        with self._lock:
            self._take_all()
            self._end_sessions(self._sessions.close())
        logging.getLogger("balancer").removeHandler(self._handler)
        self._modes.close(self._balancer.clock.now_s())
        self._sender.close(timeout_s)

    def end_session(self, session: str) -> None:
        """A session is over: its tokens are reported once its last request was added up."""
        self._ending.append(session)

    def __enter__(self) -> Self:
        """See `start`."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """See `close`."""
        self.close()

    # --- listeners ----------------------------------------------------------------------

    def _at_ns(self, at_s: float) -> int:
        clock = self._balancer.clock
        return time.time_ns() - round(clock.wall_s(clock.now_s() - at_s) * 1e9)

    def _observe(self, observations: Observations, decision: Decision) -> None:
        policy = self._balancer.policy
        with self._lock:
            self._take_all()
            self._tally.use(policy)
            self._tally.observe(observations, decision)
            self._tally.series.set(metrics.CPU, self._cpu_share())
            self._tell_misfits()
            self._tell_faults()
            self._tell_priority()
            self._tell_budgets()
            self._end_sessions(self._sessions.silent(self._balancer.clock.now_s()))
            for _ in range(len(self._ending)):
                tokens = self._sessions.end(self._ending.popleft())
                self._end_sessions([] if tokens is None else [tokens])
        at_s = (observations.tick + 1) * policy.tick_s
        span = self._modes.observe(at_s, decision)
        if decision.mode is not self._mode:
            before, self._mode = self._mode, decision.mode
            reasons = "; ".join(reason.text for reason in decision.reasons)
            self._events.emit(
                "open_balancer.mode.change",
                f"{before.label} to {decision.mode.label}: {reasons}",
                {
                    metrics.MODE_FROM: before.label,
                    metrics.MODE_TO: decision.mode.label,
                    "open_balancer.reasons": reasons,
                },
                level=logging.WARNING if decision.mode > before else logging.INFO,
                at_ns=self._at_ns(at_s),
                context=None if span is None else set_span_in_context(span),
            )

    def _ended(self, batch: Sequence[Ended], nano_usd: Sequence[int]) -> None:
        self._hand_over(partial(self._take_calls, batch, nano_usd))

    def _over(self, batch: Sequence[Over]) -> None:
        self._hand_over(partial(self._take_requests, batch))

    def _hand_over(self, take: Callable[[], None]) -> None:
        # A finaliser may run this in the midst of whoever holds the lock: never wait for it.
        self._handed.append(take)
        if self._lock.acquire(blocking=False):
            try:
                self._take_all()
            finally:
                self._lock.release()

    def _take_all(self) -> None:
        for _ in range(len(self._handed)):
            self._handed.popleft()()

    def _take_calls(self, batch: Sequence[Ended], nano_usd: Sequence[int]) -> None:
        series, calls = self._tally.series, Batch(batch, nano_usd)
        record_calls(series, calls, self._balancer.clock.speed, self._provider, ())
        record_costs(series, *calls.plain(), ())
        self._tally.given_up += calls.given_up

    def _take_requests(self, batch: Sequence[Over]) -> None:
        now_s = self._balancer.clock.now_s()
        modes, costs = [over[0] for over in batch], [over[1] for over in batch]
        record_costs(self._tally.series, modes, costs, ())
        for _, _, tokens, session in batch:
            if session is not None:
                gone = self._sessions.add(session, tokens, now_s)
                self._end_sessions([] if gone is None else [gone])

    def _end_sessions(self, tokens: Sequence[int]) -> None:
        for used in tokens:
            self._tally.series.record(metrics.SESSION_TOKENS, used)

    def _request(self, record: RequestRecord) -> None:
        span = self._calls(record)
        if not record.answered:
            last = record.calls[-1].outcome if record.calls else None
            why = record.refusal or (last.kind if last is not None and last.kind else "abandoned")
            self._events.emit(
                "open_balancer.request.failed",
                f"request without an answer: {why}",
                {
                    metrics.MODE: record.mode.label,
                    metrics.PRIORITY: record.priority.name.lower(),
                    metrics.ERROR_TYPE: why,
                },
                level=logging.WARNING,
                context=set_span_in_context(span),
            )

    def _scored(self, score: Score) -> None:
        with self._lock:
            self._tally.score(score.quality)

    def _passed(self, passage: Passage) -> None:
        self._hand_over(partial(self._take_passage, passage))

    def _take_passage(self, passage: Passage) -> None:
        series, kind = self._tally.series, (metrics.PASSED_KIND, passage.kind)
        failure = passage.failure
        error = () if failure is None else ((metrics.ERROR_TYPE, failure),)
        series.count(metrics.PASSED, 1, (kind, *error))
        series.count(metrics.PASSED_COST, passage.nano_usd / 1e9, (kind,))
        if passage.slow_or_whole:
            series.record(metrics.PASSED_DURATION, passage.seconds, (kind,))

    def _tell_misfits(self) -> None:
        before, self._misfits = self._misfits, self._balancer.misfits
        if self._misfits is before:
            return
        found: dict[str, float | None] = {finding.rule.name: None for finding in before}
        found |= {each.rule.name: each.seen / each.rule.threshold for each in self._misfits}
        for rule, value in found.items():
            self._tally.series.set(metrics.MISFIT, value, ((metrics.RULE, rule),))

    def _tell_faults(self) -> None:
        """Whose fault it was, where it was not the upstream's."""
        series, status = self._tally.series, self._balancer.status()
        series.set(metrics.EDITS_WITHDRAWN, len(status.withdrawn))
        series.set(metrics.PROJECTS_CLOSED, len(status.closed))
        series.set(metrics.BYPASS, int(bool(status.bypass)))
        if status.fleet is not None:
            series.set(metrics.FLEET_ALONE, int(status.fleet.place == "alone"))
            series.set(metrics.FLEET_LEADS, int(status.fleet.place == "leader"))
            series.set(metrics.FLEET_REPLICAS, status.fleet.replicas)
        before, self._mistakes = self._mistakes, status.mistakes
        for caller, count in status.mistakes.items():
            more = count - before.get(caller, 0)
            series.count(metrics.MISTAKES, more, ((metrics.CALLER, caller),))

    def _tell_priority(self) -> None:
        """What the budgets of the priority tier still afford."""
        limits = self._balancer.policy.priority_budgets
        lefts = self._balancer.ledger.priority_left_nano_usd()
        for limit, left in zip(limits, lefts, strict=False):
            window = (metrics.BUDGET_WINDOW, f"{limit.window_s:g}s")
            self._tally.series.set(metrics.PRIORITY_LEFT, left / NANO_USD, (window,))

    def _tell_budgets(self) -> None:
        """How much of each hard budget is used and reserved, and until when."""
        series, now_s = self._tally.series, self._balancer.clock.now_s()
        for each in self._balancer.budgets():
            if each.priority:
                continue
            key = () if each.key is None else ((metrics.BUDGET_KEY, each.key),)
            named = (*key, (metrics.BUDGET_WINDOW, f"{each.window_s:g}s"))
            series.set(metrics.BUDGET_USED, each.used / NANO_USD, named)
            series.set(metrics.BUDGET_RESERVED, each.reserved / NANO_USD, named)
            free_s = 0.0 if each.free_s is None else max(0.0, each.free_s - now_s)
            series.set(metrics.BUDGET_FREE, free_s, named)

    def _cpu_share(self) -> float:
        before, now = self._cpu, (time.process_time(), time.monotonic())
        self._cpu = now
        span_s = max(now[1] - before[1], 1e-3)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1
        return (now[0] - before[0]) / span_s / cores


def _interval_s() -> float:
    said = os.environ.get(INTERVAL_VARIABLE, "").strip()
    if not said:
        return DEFAULT_INTERVAL_S
    try:
        interval_s = int(said) / 1000.0
    except ValueError:
        interval_s = 0.0
    if not 0.1 <= interval_s <= 3600.0:
        raise InputError(
            f"found {said!r}, expected milliseconds from 100 to 3600000", where=INTERVAL_VARIABLE
        )
    return interval_s
