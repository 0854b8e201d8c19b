"""A post-incident summary as Markdown, for a ticket or a review."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from .incident_schemas import IncidentSummary, OrderShown, PhaseShown, Told

__all__ = ["as_markdown"]

_WANTED = {
    "controller": "the controller",
    "alert": "an alert from outside",
    "override": "an operator",
}
_SHADOW = "Shadow mode: this was decided and journalled only; no call was changed."


def as_markdown(summary: IncidentSummary) -> str:
    """The summary as a document."""
    return "\n".join(_document(summary)).rstrip() + "\n"


def _document(summary: IncidentSummary) -> Iterator[str]:
    incident = summary.incident
    yield f"# Incident {incident.id}: {_plain(incident.title)}"
    yield ""
    end = _time(incident.closed_at) if incident.closed_at else "it goes on"
    yield (
        f"- **When**: {_time(incident.began_at)} (normal left), {_time(incident.opened_at)} "
        f"(hard reached) to {end}; {_span(incident.duration_s)}"
    )
    yield f"- **Worst mode**: {incident.worst}; first wanted by {_WANTED[incident.cause]}"
    yield f"- **Why**: {_plain(incident.reason) or 'no reason is known'}"
    yield f"- **How it ended**: {_plain(incident.ended) or 'it goes on'}"
    yield f"- **Key**: `{incident.key}`"
    if summary.trace:
        yield f"- **Trace**: `{summary.trace}`"
    if incident.shadow:
        yield f"- {_SHADOW}"
    yield ""
    yield from _notes(summary)
    yield from _signals(summary)
    yield from _modes(summary)
    yield from _traffic(summary)
    yield from _errors(summary)
    yield from _money(summary)
    yield from _orders(summary)
    yield from _escalation(summary)


def _notes(summary: IncidentSummary) -> Iterator[str]:
    if summary.journal.notes:
        yield from ("## What is not known", "")
        yield from (f"- {_plain(note)}" for note in summary.journal.notes)
        yield ""


def _signals(summary: IncidentSummary) -> Iterator[str]:
    yield from ("## Signals", "")
    if not summary.signals:
        yield "No rule of the policy is known to have been broken."
    for crossing in summary.signals:
        times = "once" if crossing.times == 1 else f"{crossing.times} times"
        yield f"- {_plain(crossing.text)} ({times}, first {_clock(crossing.first_at)})"
    if summary.alerts:
        yield f"- {summary.alerts} messages of monitors from outside"
    yield ""


def _modes(summary: IncidentSummary) -> Iterator[str]:
    if not summary.modes:
        return
    yield from ("## Modes", "", "| from | mode | for | why |", "|---|---|---|---|")
    for span in summary.modes:
        lasted = _span((span.until - span.since).total_seconds()) if span.until else "goes on"
        why = _cell("; ".join(span.reasons))
        yield f"| {_clock(span.since)} | {span.mode} | {lasted} | {why} |"
    yield ""


def _traffic(summary: IncidentSummary) -> Iterator[str]:
    phases = [
        (name, phase)
        for name, phase in (
            ("before", summary.before),
            ("during", summary.during),
            ("after", summary.after),
        )
        if phase is not None
    ]
    if not phases:
        return
    yield from ("## Traffic", "")
    yield f"| | {' | '.join(name for name, _ in phases)} |"
    yield "|---" * (len(phases) + 1) + "|"
    rows = {
        "length": [_span(phase.seconds) for _, phase in phases],
        "offered (high, normal, low)": [_counts(phase.offered) for _, phase in phases],
        "served": [_counts(phase.admitted) for _, phase in phases],
        "shed": [_counts(phase.shed) for _, phase in phases],
        "static answers": [str(phase.static_fallbacks) for _, phase in phases],
        "answers over offered": [_share(phase.availability) for _, phase in phases],
        "error rate": [_share(phase.error_rate) for _, phase in phases],
        "latency P50": [_seconds(phase.latency_p50_s) for _, phase in phases],
        "latency P95": [_seconds(phase.latency_p95_s) for _, phase in phases],
        "cost an hour": [_usd(phase.cost_per_hour_usd) for _, phase in phases],
    }
    for name, values in rows.items():
        yield f"| {name} | {' | '.join(values)} |"
    yield ""


def _errors(summary: IncidentSummary) -> Iterator[str]:
    phase: PhaseShown | None = summary.during
    if phase is None:
        return
    yield from ("## Errors", "")
    if not phase.errors:
        yield "No attempt failed."
    for kind, count in sorted(phase.errors.items(), key=lambda item: -item[1]):
        yield f"- {kind}: {count}"
    yield ""


def _money(summary: IncidentSummary) -> Iterator[str]:
    cost = summary.cost
    if cost is None:
        return
    yield from ("## Cost", "")
    yield f"- Spent during it: {_usd(cost.usd)} ({_usd(cost.per_hour_usd)} an hour)"
    yield f"- Saved by degraded answers: {_usd(cost.saved_usd)}; {cost.saved_basis}"
    for limit in summary.budgets:
        whose = f" of {_plain(limit.key)}" if limit.key else ""
        share = "not known for one tenant" if limit.share is None else _share(limit.share)
        yield f"- Budget{whose} of {_usd(limit.limit_usd)} in {_span(limit.window_s)}: {share} used"
    yield ""


def _orders(summary: IncidentSummary) -> Iterator[str]:
    yield from ("## Orders", "")
    if not summary.orders:
        yield "Nobody overrode anything."
    yield from (_order(order) for order in summary.orders)
    yield ""


def _escalation(summary: IncidentSummary) -> Iterator[str]:
    found = summary.escalation
    yield from ("## Who was told", "")
    if not found.told:
        yield "No channel was told of it."
    yield from (_told(each) for each in found.told)
    yield from (f"- Told again, {_clock(each.at)}: {_plain(each.text)}" for each in found.again)
    if found.datadog is not None:
        yield f"- Datadog has it as incident {_plain(found.datadog)}"
    if found.acknowledged_by is None or found.acknowledged_at is None:
        yield "- Nobody took it up."
    else:
        yield f"- Taken up by {_plain(found.acknowledged_by)}, {_clock(found.acknowledged_at)}"


def _told(each: Told) -> str:
    when = f"{_clock(each.told_at)}" if each.told_at else f"given up: {_plain(each.problem)}"
    return f"- {_plain(each.channel)}, {when}: {_plain(each.title)}"


def _order(order: OrderShown) -> str:
    mode = f" {order.mode}" if order.mode else ""
    until = f" until {_clock(order.until)}" if order.until else ""
    return f"- {_clock(order.at)} {order.kind}{mode}{until}: {_plain(order.reason)}"


def _plain(text: str) -> str:
    """One line in which nothing of what people wrote is taken for Markdown or HTML."""
    line = " ".join(text.split())
    for sign in "\\`*_[]<>|#":
        line = line.replace(sign, "\\" + sign)
    return line


def _cell(text: str) -> str:
    return _plain(text) or "not known"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _clock(at: datetime) -> str:
    return f"{at:%H:%M:%S}"


def _span(seconds: float) -> str:
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _counts(row: dict[str, int]) -> str:
    return " / ".join(str(row[name]) for name in ("high", "normal", "low"))


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1%}"


def _seconds(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f} s"


def _usd(value: float | None) -> str:
    return "not known" if value is None else f"${value:.4g}"
