"""Which decisions open, change and close an incident. No clock and no store: values in and out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from ...core.decisions import Reason
from ...core.modes import Mode
from ..events import IncidentChange, Step
from .incident import OPENS_AT, Cause, Incident

__all__ = ["Episodes", "Moment"]

_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What held at the end of a tick.

    Attributes:
        at_s: Unix time.
        scenario_s: end of the tick, in scenario seconds.
        tick: its index.
        mode: decided.
        reasons: of the decision.
        epoch: Unix time of scenario second 0.
        shadow: whether decisions are only journalled.
    """

    at_s: float
    scenario_s: float
    tick: int
    mode: Mode
    reasons: Sequence[Reason] = ()
    epoch: float | None = None
    shadow: bool = False


class Episodes:
    """Follows one controller from tick to tick.

    Args:
        owner: of the incidents.
        current: the one that a process before this one left open.
        seen_at: Unix time at which that process was last heard of.
        began: when it left normal, if it did not come back: Unix and scenario seconds.
    """

    def __init__(
        self,
        owner: str,
        current: Incident | None = None,
        seen_at: float | None = None,
        began: tuple[float, float] | None = None,
    ) -> None:
        self._owner = owner
        self._current = current
        self._left_open = current is not None
        self._seen_at = seen_at
        self._began = began

    @property
    def current(self) -> Incident | None:
        """The one that goes on."""
        return self._current

    def observe(self, moment: Moment) -> IncidentChange | None:
        """What a tick does to the incident that goes on, or to none; None: nothing."""
        left_open, self._left_open = self._left_open, False
        if moment.mode is Mode.NORMAL:
            self._began = None
        elif self._began is None:
            self._began = moment.at_s, moment.scenario_s
        before = self._current
        if before is None:
            if moment.mode < OPENS_AT:
                return None
            return self._told(Step.OPENED, moment, self._opened(moment))
        if moment.mode is Mode.NORMAL:
            ended = "normal is back"
            # An order that comes in the first tick ends it now.
            if left_open and _cause(moment.reasons) is not Cause.OVERRIDE:
                ended = f"it ended while the service was down, after {_time(self._seen_at)}"
            after = replace(
                before,
                mode=Mode.NORMAL,
                closed_at=moment.at_s,
                closed_s=moment.scenario_s,
                changes=before.changes + 1,
                ended=ended,
            )
            return self._told(Step.CLOSED, moment, after)
        if moment.mode is before.mode:
            return None
        after = replace(
            before,
            mode=moment.mode,
            worst=max(before.worst, moment.mode),
            changes=before.changes + 1,
        )
        return self._told(Step.CHANGED, moment, after)

    def _told(self, step: Step, moment: Moment, incident: Incident) -> IncidentChange:
        self._current = None if step is Step.CLOSED else incident
        return IncidentChange(
            step=step, at_s=moment.at_s, incident=incident, reason=_text(moment.reasons)
        )

    def _opened(self, moment: Moment) -> Incident:
        began_at, began_s = self._began or (moment.at_s, moment.scenario_s)
        stamp = datetime.fromtimestamp(moment.at_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        return Incident(
            key=f"{self._owner[:8]}-{stamp}-{moment.tick}",
            owner=self._owner,
            epoch=moment.epoch,
            began_at=began_at,
            began_s=began_s,
            opened_at=moment.at_s,
            opened_s=moment.scenario_s,
            mode=moment.mode,
            worst=moment.mode,
            cause=_cause(moment.reasons),
            reason=_text(moment.reasons),
            shadow=moment.shadow,
        )


def _cause(reasons: Sequence[Reason]) -> Cause:
    kinds = {reason.kind for reason in reasons}
    for cause in (Cause.OVERRIDE, Cause.ALERT):
        if cause.value in kinds:
            return cause
    return Cause.CONTROLLER


def _text(reasons: Sequence[Reason]) -> str:
    return "; ".join(reason.text for reason in reasons)[:_LONGEST_REASON]


def _time(at_s: float | None) -> str:
    if at_s is None:
        return "an unknown time"
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
