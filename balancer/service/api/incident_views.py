"""Incidents, timelines and summaries in the form of the API."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal

from ...core.incidents import Incident
from ...core.modes import PRIORITIES, Mode
from ...core.observations import FAILURES, ILLNESSES
from ...core.pricing import NANO_USD
from ..history.tables import ACKNOWLEDGED, ESCALATED
from ..incidents.figures import AROUND_S, Figures, Phase
from ..incidents.lookup import Case
from .incident_schemas import (
    BudgetShare,
    Cost,
    CrossingShown,
    Escalation,
    IncidentDetail,
    IncidentShown,
    IncidentSummary,
    JournalShare,
    ModeSpan,
    OrderShown,
    PhaseShown,
    TimelineEntry,
    Told,
    ToldAgain,
)
from .schemas import ModeName, mode_name

__all__ = ["shown_detail", "shown_incident", "shown_summary"]

_SAVED = (
    "an estimate: what degraded attempts would have cost at the mean cost of normal ones, of the "
    "ten minutes before and of the episode itself, less what they did cost"
)
_NOT_SAVED = "no normal attempt in the ten minutes before to compare with"


def shown_incident(number: int, incident: Incident, now_s: float) -> IncidentShown:
    """An incident as a row of a list."""
    end_s = now_s if incident.closed_at is None else incident.closed_at
    return IncidentShown(
        id=number,
        key=incident.key,
        title=incident.title,
        open=incident.closed_at is None,
        mode=mode_name(incident.mode),
        worst=mode_name(incident.worst),
        cause=incident.cause.value,
        reason=incident.reason,
        shadow=incident.shadow,
        began_at=_time(incident.began_at),
        opened_at=_time(incident.opened_at),
        closed_at=None if incident.closed_at is None else _time(incident.closed_at),
        duration_s=round(max(0.0, end_s - incident.began_at), 3),
        changes=incident.changes,
        ended=incident.ended,
    )


def shown_detail(case: Case, limit: int) -> IncidentDetail:
    """An incident with its timeline, of at most so many entries."""
    timeline = _timeline(case)
    row = shown_incident(case.number, case.incident, case.now_s)
    return IncidentDetail(
        **row.model_dump(),
        timeline=timeline[:limit],
        left_out=max(0, len(timeline) - limit) + case.gathered.left_out,
        notes=_journal(case).notes,
    )


def _noted(
    row: Mapping[str, Any],
    kind: Literal["mode", "order", "policy"],
    text: str,
    mode: ModeName | None = None,
) -> TimelineEntry:
    """An entry from a row of the history."""
    return TimelineEntry(at=_time(row["at"]), kind=kind, text=text, mode=mode)


def _timeline(case: Case) -> list[TimelineEntry]:
    incident, gathered = case.incident, case.gathered
    found = [
        _noted(
            row,
            "mode",
            f"{row['from_mode']} to {row['to_mode']}: {'; '.join(row['reasons'])}",
            row["to_mode"],
        )
        for row in gathered.modes
    ]
    found += [
        _noted(row, "order", f"{_order(row['kind'], row['mode'])}: {row['reason']}", row["mode"])
        for row in gathered.orders
    ]
    found += [
        _noted(
            row,
            "policy",
            f"version {row['id']}, {row['name']!r}, by the {row['origin']}: {row['reason']}",
        )
        for row in gathered.policies
    ]
    if case.figures is not None:
        found += [
            TimelineEntry(
                at=_at(case, heard.at_s),
                kind="alert",
                text=f"{heard.alert.key} {'raised' if heard.alert.raised else 'cleared'}",
                mode=mode_name(heard.alert.mode),
            )
            for heard in case.figures.alerts
        ]
    opened = TimelineEntry(
        at=_time(incident.opened_at), kind="opened", text=f"incident opened: {incident.reason}"
    )
    found.append(opened)
    if incident.closed_at is not None:
        text = f"incident closed: {incident.ended}"
        found.append(TimelineEntry(at=_time(incident.closed_at), kind="closed", text=text))
    # Within one moment: what led to a mode, the mode, and what that did to the incident.
    rank = {"mode": 1, "opened": 2, "closed": 2}
    return sorted(found, key=lambda entry: (entry.at, rank.get(entry.kind, 0)))


def _order(kind: str, mode: str | None) -> str:
    return {
        "override": f"an operator holds {mode}",
        "clear": "an operator lets go of the mode",
        "bypass": "kill switch on",
        "resume": "kill switch off",
    }.get(kind, kind)


def shown_summary(case: Case) -> IncidentSummary:
    """A post-incident summary."""
    found = case.figures
    known = found is not None and found.during.seconds > 0
    return IncidentSummary(
        incident=shown_incident(case.number, case.incident, case.now_s),
        signals=[] if found is None else _crossings(case, found),
        modes=_modes(case),
        before=None if found is None else _phase(found.before),
        during=None if found is None else _phase(found.during),
        after=None if found is None else _phase(found.after),
        cost=_cost(found) if found is not None and known else None,
        budgets=_budgets(found) if found is not None and known else [],
        orders=[
            OrderShown(
                at=_time(row["at"]),
                kind=row["kind"],
                mode=row["mode"],
                until=None if row["until"] is None else _time(row["until"]),
                reason=row["reason"],
            )
            for row in case.gathered.orders
        ],
        alerts=0 if found is None else len(found.alerts),
        escalation=_escalation(case),
        trace=case.trace,
        journal=_journal(case),
    )


def _escalation(case: Case) -> Escalation:
    gathered = case.gathered
    taken = next((row for row in gathered.notes if row["kind"] == ACKNOWLEDGED), None)
    return Escalation(
        told=[
            Told(
                at=_time(row["at"]),
                channel=row["channel"],
                level=row["level"],
                title=row["title"],
                told_at=None if row["told_at"] is None else _time(row["told_at"]),
                problem=row["problem"],
            )
            for row in gathered.told
        ],
        again=[
            ToldAgain(at=_time(row["at"]), text=row["text"])
            for row in gathered.notes
            if row["kind"] == ESCALATED
        ],
        datadog=None if gathered.mirrored is None else gathered.mirrored["remote_id"],
        acknowledged_by=None if taken is None else taken["who"],
        acknowledged_at=None if taken is None else _time(taken["at"]),
    )


def _crossings(case: Case, found: Figures) -> list[CrossingShown]:
    return [
        CrossingShown(
            rule=crossing.rule,
            first_at=_at(case, crossing.first_s),
            times=crossing.times,
            value=_finite(crossing.value),
            threshold=_finite(crossing.threshold),
            text=crossing.text,
        )
        for crossing in found.crossings
    ]


def _modes(case: Case) -> list[ModeSpan]:
    rows = list(case.gathered.modes)
    ends = [_time(row["at"]) for row in rows[1:]]
    last = case.incident.closed_at
    return [
        ModeSpan(mode=row["to_mode"], since=_time(row["at"]), until=until, reasons=row["reasons"])
        for row, until in zip(rows, [*ends, None if last is None else _time(last)], strict=False)
        if row["to_mode"] != Mode.NORMAL.label
    ]


def _phase(phase: Phase) -> PhaseShown | None:
    if phase.seconds <= 0:
        return None
    failed = sum(phase.failures[:ILLNESSES])
    judged = sum(phase.finished) - sum(phase.failures[ILLNESSES:])
    demand = sum(phase.offered) - phase.unjudged
    usd = phase.nano_usd / NANO_USD
    return PhaseShown(
        seconds=round(phase.seconds, 3),
        offered=_by_priority(phase.offered),
        admitted=_by_priority(phase.admitted),
        shed=_by_priority(phase.shed),
        static_fallbacks=sum(phase.fallback),
        attempts=phase.started,
        answers=phase.answers,
        # An answer may belong to a request that was offered before.
        availability=min(phase.answers, demand) / demand if demand > 0 else None,
        errors={kind: count for kind, count in zip(FAILURES, phase.failures, strict=True) if count},
        error_rate=failed / judged if judged else None,
        latency_p50_s=_finite(phase.latency.quantile(0.50)),
        latency_p95_s=_finite(phase.latency.quantile(0.95)),
        cost_usd=usd,
        cost_per_hour_usd=usd / phase.seconds * 3600.0,
    )


def _by_priority(row: list[int]) -> dict[str, int]:
    return {priority.label: row[priority] for priority in reversed(PRIORITIES)}


def _cost(found: Figures) -> Cost:
    usd, saved = found.during.nano_usd / NANO_USD, found.saved_nano_usd()
    return Cost(
        usd=usd,
        per_hour_usd=usd / found.during.seconds * 3600.0,
        saved_usd=None if saved is None else saved / NANO_USD,
        saved_basis=_NOT_SAVED if saved is None else _SAVED,
    )


def _budgets(found: Figures) -> list[BudgetShare]:
    usd, seconds = found.during.nano_usd / NANO_USD, found.during.seconds
    return [
        BudgetShare(
            window_s=limit.window_s,
            key=limit.key,
            limit_usd=limit.usd,
            share=None
            if limit.key is not None or limit.usd <= 0
            else usd / (limit.usd * max(1.0, seconds / limit.window_s)),
        )
        for limit in found.budgets
    ]


def _journal(case: Case) -> JournalShare:
    found = case.figures
    begin_s, end_s = case.incident.began_s, case.to_s
    episode_s = max(0.0, end_s - begin_s)
    if found is None:
        notes = ["the service keeps no journal"]
        if not case.ours:
            notes = ["it is of another service on this database, whose journal is not here"]
        return JournalShare(complete=False, episode_s=episode_s, known_s=0.0, notes=notes)
    known_s = found.during.seconds
    missing_s = episode_s - known_s
    notes = []
    if found.first_s is None or (known_s <= 0 < episode_s):
        notes.append("the journal no longer has it")
    elif missing_s > 1.5 and not found.cut:
        if found.first_s > begin_s:
            gone_s = found.first_s - begin_s
            notes.append(f"the journal no longer has the first {gone_s:.0f} s of it")
            missing_s -= gone_s
        if missing_s > 1.5:
            notes.append(
                f"{missing_s:.0f} s of it are not in the journal: the service was down, or could "
                "not write"
            )
    if found.cut:
        notes.append(f"it is long: the first {known_s:.0f} s are added up")
    complete = not notes
    if known_s > 0 and found.before.seconds <= 0:
        notes.append("the journal has nothing from before it, so nothing is compared with that")
    if case.incident.closed_at is not None and 0 < found.after.seconds < AROUND_S - 1.5:
        notes.append(f"after it, {found.after.seconds:.0f} s are known")
    if case.gathered.left_out:
        notes.append(f"{case.gathered.left_out} more entries of the history are left out")
    return JournalShare(complete=complete, episode_s=episode_s, known_s=known_s, notes=notes)


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _at(case: Case, scenario_s: float) -> datetime:
    """Wall time of a scenario second, counted from one whose wall time is known."""
    speed = 1.0 if case.figures is None else case.figures.speed
    return _time(case.incident.opened_at + (scenario_s - case.incident.opened_s) / speed)


def _time(at_s: float) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
