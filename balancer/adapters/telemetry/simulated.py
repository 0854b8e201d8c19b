"""A simulated run as telemetry: its journals, with the times of the simulation.

Metrics and mode spans are made by the code that makes them live; the arm stands beside every
point as an attribute, so that a dashboard shows the same traffic with and without the
controller. What only single calls can tell is not in a journal, and not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from opentelemetry.sdk.metrics.export import MetricExportResult
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult

from balancer import metrics
from balancer.core.errors import InputError
from balancer.journal_file import open_journal

from .destination import Destination
from .otlp import Snapshot, metrics_data
from .outbox import SpanBox
from .reasons import Reasons
from .resource import new_resource
from .spans import ModeSpans
from .tally import Tally

__all__ = ["Sent", "probe", "send_journal"]

EVERY_S = 10.0
"""Simulated seconds between two points of a series."""
SIMULATED = "open_balancer.simulated"
MOST_SPANS = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What was sent of one journal.

    Attributes:
        arm: its arm.
        ticks, reports, spans: how many.
        from_ns, to_ns: Unix times of the first and the last tick.
    """

    arm: str
    ticks: int
    reports: int
    spans: int
    from_ns: int
    to_ns: int


def probe(to: Destination) -> None:
    """Send an empty list of spans, and see whether it is taken: there may be nobody.

    Exporters of metrics do not send what is empty, so nothing is known of a receiver of metrics
    alone.

    Raises:
        InputError: it is not taken.
    """
    if to.spans is not None:
        _send(partial(to.spans.export, []), SpanExportResult.SUCCESS, "reports", to)


def send_journal(
    path: Path,
    to: Destination,
    *,
    starts_ns: int | None = None,
    ends_ns: int | None = None,
    scenario: str = "",
) -> Sent:
    """Send one journal.

    Args:
        path: the journal.
        to: where to.
        starts_ns: Unix time of second 0 of the scenario; None is 1970.
        ends_ns: instead, Unix time of the last tick: the run is shifted so that it ends then.
        scenario: its name.

    Raises:
        InputError: a journal that cannot be read, or a receiver that does not take it.
    """
    journal = open_journal(path)
    tick_s = journal.policy.tick_s
    ticks = sum(1 for _ in journal)
    if ticks == 0:
        raise InputError("holds no tick", where=str(path))
    start_ns = starts_ns or 0
    if ends_ns is not None:
        start_ns = ends_ns - round(ticks * tick_s * 1e9)

    def at_ns(at_s: float) -> int:
        return start_ns + round(at_s * 1e9)

    journal = open_journal(path)
    arm = str(journal.run.get("arm", "policy"))
    name = scenario or str(journal.run.get("scenario", ""))
    resource = new_resource(more={SIMULATED: "true", "open_balancer.scenario": name})
    tally = Tally(journal.policy, everywhere=((metrics.ARM, arm),))
    box = SpanBox(MOST_SPANS)
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(box)
    modes = ModeSpans(provider.get_tracer("open-balancer"), at_ns)
    report = _Reports(to, resource, tally, at_ns(0.0))
    every = max(1, round(EVERY_S / tick_s))
    at_s = 0.0
    for entry in journal:
        tally.observe(entry.observations, entry.decision)
        at_s = (entry.observations.tick + 1) * tick_s
        modes.observe(at_s, entry.decision)
        if (entry.observations.tick + 1) % every == 0:
            report.send(at_ns(at_s))
    report.send(at_ns(at_s))
    modes.close(at_s)
    spans = 0
    if to.spans is not None:
        for batch in _batches(box):
            spans += len(batch)
            _send(partial(to.spans.export, batch), SpanExportResult.SUCCESS, "spans", to)
    return Sent(
        arm=arm,
        ticks=ticks,
        reports=report.sent,
        spans=spans,
        from_ns=at_ns(0.0),
        to_ns=at_ns(at_s),
    )


def _batches(box: SpanBox) -> Iterator[list[ReadableSpan]]:
    while len(box.box):
        yield box.box.take(512)


def _send(export: Callable[[], object], success: object, what: str, to: Destination) -> None:
    raised: Exception | None = None
    with Reasons() as reasons:
        try:
            arrived = export() is success
        except Exception as error:  # noqa: BLE001 -- told to the user, whatever it is
            arrived, raised = False, error
    if not arrived:
        raise InputError(f"the {what} do not arrive: {reasons.why(raised)}", where=to.name)


class _Reports:
    """Reports of one tally, in growing time."""

    __slots__ = ("_before", "_before_ns", "_resource", "_start_ns", "_tally", "_to", "sent")

    def __init__(self, to: Destination, resource: Resource, tally: Tally, start_ns: int) -> None:
        self._to = to
        self._resource = resource
        self._tally = tally
        self._start_ns = self._before_ns = max(1, start_ns)
        self._before: Snapshot | None = None
        self.sent = 0

    def send(self, now_ns: int) -> None:
        meter, series = self._to.metrics, self._tally.series
        if meter is None:
            return
        data = metrics_data(
            series,
            self._resource,
            start_ns=self._start_ns,
            now_ns=now_ns,
            before=self._before,
            before_ns=self._before_ns if self._to.delta else 0,
        )
        _send(partial(meter.export, data), MetricExportResult.SUCCESS, "metrics", self._to)
        if self._to.delta:
            self._before, self._before_ns = series.copy(), now_ns
        self.sent += 1
