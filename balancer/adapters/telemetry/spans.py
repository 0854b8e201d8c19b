"""Traces: a span for each LLM call with its attempts as events, and one for each stay in a mode.

Attributes are those of the GenAI conventions, which are still moving: `ATTRIBUTES` is the one
place that names them. Never a prompt, an answer or a key.
"""

from __future__ import annotations

from collections.abc import Callable

from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    Tracer,
    format_trace_id,
    set_span_in_context,
)

from balancer import metrics
from balancer.core.decisions import Decision
from balancer.core.modes import Mode
from balancer.runtime.calls import CallRecord, RequestRecord

__all__ = ["CallSpans", "ModeSpans"]

INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
CACHED_TOKENS = "gen_ai.usage.cache_read.input_tokens"
THINKING_TOKENS = "open_balancer.usage.thinking_tokens"
MAX_TOKENS = "gen_ai.request.max_tokens"
FIRST_CHUNK_S = "open_balancer.time_to_first_token"
COST_USD = "open_balancer.cost"
ATTEMPTS = "open_balancer.attempts"
ATTEMPT = "open_balancer.attempt"
REFUSAL = "open_balancer.refusal"
REASONS = "open_balancer.reasons"
TIER = "open_balancer.service_tier"
STATUS = "http.response.status_code"

Nanoseconds = Callable[[float], int]
"""From scenario seconds to Unix time."""


class CallSpans:
    """Makes a span of a request that is over.

    Args:
        tracer: makes them, by its sampler.
        at_ns: clock.
        provider: "gcp.gemini" or "gcp.vertex_ai".
    """

    __slots__ = ("_at_ns", "_provider", "_tracer")

    def __init__(self, tracer: Tracer, at_ns: Nanoseconds, provider: str) -> None:
        self._tracer = tracer
        self._at_ns = at_ns
        self._provider = provider

    def __call__(self, record: RequestRecord) -> Span:
        """Make the span, which is over; its parent is the caller's, whose time this is."""
        calls = record.calls
        model = calls[0].model if calls else ""
        span = self._tracer.start_span(
            f"generate_content {model}".rstrip(),
            kind=SpanKind.CLIENT,
            start_time=self._at_ns(record.started_s),
            attributes={
                metrics.OPERATION: "generate_content",
                metrics.PROVIDER: self._provider,
                metrics.MODE: record.mode.label,
                metrics.PRIORITY: record.priority.name.lower(),
                ATTEMPTS: len(calls),
            },
        )
        if span.is_recording():
            self._describe(span, record)
        span.end(self._at_ns(record.ended_s))
        return span

    def _describe(self, span: Span, record: RequestRecord) -> None:
        calls = record.calls
        if record.refusal:
            span.set_attribute(REFUSAL, record.refusal)
            span.set_status(Status(StatusCode.ERROR, f"refused: {record.refusal}"))
            return
        for call in calls:
            self._event(span, call)
        if not calls:
            return
        last = calls[-1]
        span.set_attribute(metrics.MODEL, calls[0].model)
        answered = "" if last.outcome is None else last.outcome.served_model
        span.set_attribute("gen_ai.response.model", answered or last.model)
        span.set_attribute(COST_USD, sum(call.nano_usd for call in calls) / 1e9)
        if last.output_cap_tokens is not None:
            span.set_attribute(MAX_TOKENS, last.output_cap_tokens)
        if last.first_token_s is not None:
            span.set_attribute(FIRST_CHUNK_S, last.first_token_s)
        outcome = last.outcome
        if outcome is None:
            span.set_attribute(metrics.ERROR_TYPE, "abandoned")
            return
        span.set_attribute(INPUT_TOKENS, outcome.prompt_tokens)
        span.set_attribute(OUTPUT_TOKENS, outcome.output_tokens + outcome.thinking_tokens)
        span.set_attribute(CACHED_TOKENS, outcome.cached_tokens)
        span.set_attribute(THINKING_TOKENS, outcome.thinking_tokens)
        if outcome.kind is not None:
            span.set_attribute(metrics.ERROR_TYPE, outcome.kind)
            span.set_status(Status(StatusCode.ERROR, outcome.kind))

    def _event(self, span: Span, call: CallRecord) -> None:
        outcome = call.outcome
        kind = "abandoned" if outcome is None else outcome.kind or "answer"
        attributes: dict[str, str | int | float] = {
            ATTEMPT: call.attempt,
            metrics.MODEL: call.model,
            TIER: call.tier,
            metrics.OUTCOME: kind,
            "open_balancer.duration": call.ended_s - call.started_s,
        }
        if outcome is not None and outcome.status:
            attributes[STATUS] = outcome.status
        span.add_event("attempt", attributes, timestamp=self._at_ns(call.ended_s))


class ModeSpans:
    """A span from each change of mode to the next, with the reasons; normal has none.

    An episode, from leaving normal to being back, is one trace: a span over all of it, and
    inside it one for each mode.
    """

    __slots__ = ("_at_ns", "_episode", "_mode", "_stay", "_tracer")

    def __init__(self, tracer: Tracer, at_ns: Nanoseconds) -> None:
        self._tracer = tracer
        self._at_ns = at_ns
        self._mode = Mode.NORMAL
        self._episode: Span | None = None
        self._stay: Span | None = None

    def observe(self, at_s: float, decision: Decision) -> Span | None:
        """Take in a decision that holds from `at_s` on; the span of the mode that holds now."""
        if decision.mode is not self._mode:
            self._change(at_s, decision)
        return self._stay

    def _change(self, at_s: float, decision: Decision) -> None:
        at_ns = self._at_ns(at_s)
        if self._stay is not None:
            self._stay.end(at_ns)
            self._stay = None
        before, self._mode = self._mode, decision.mode
        reasons = [reason.text for reason in decision.reasons]
        if self._episode is None:
            self._episode = self._tracer.start_span("brownout", start_time=at_ns)
        if decision.mode is Mode.NORMAL:
            self._episode.set_attribute(REASONS, reasons)
            self._episode.end(at_ns)
            self._episode = None
            return
        self._stay = self._tracer.start_span(
            f"brownout {decision.mode.label}",
            context=set_span_in_context(self._episode),
            start_time=at_ns,
            attributes={
                metrics.MODE: decision.mode.label,
                metrics.MODE_FROM: before.label,
                REASONS: reasons,
            },
        )

    @property
    def trace(self) -> str:
        """Id of the episode's trace, in hexadecimal; "" outside of one that is sampled."""
        if self._episode is None or not self._episode.is_recording():
            return ""
        return format_trace_id(self._episode.get_span_context().trace_id)

    def close(self, at_s: float) -> None:
        """End what is open."""
        for span in (self._stay, self._episode):
            if span is not None:
                span.end(self._at_ns(at_s))
        self._stay = self._episode = None
