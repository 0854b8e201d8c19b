"""Which decisions open, change and close an incident: an episode of deep brownout, from hard or
emergency until normal is back. Values in and out.

Times in Unix seconds are by the wall, for people; those in scenario seconds find an episode in
the journal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from .decisions import Reason
from .modes import Mode

__all__ = [
    "NORMAL_IS_BACK",
    "OPENS_AT",
    "Cause",
    "Episodes",
    "Incident",
    "IncidentChange",
    "Moment",
    "Step",
    "given_up",
]

OPENS_AT = Mode.HARD
"""The mildest mode that opens an incident. Only normal closes one."""

NORMAL_IS_BACK = "normal is back"
"""How an incident ended that was followed to its end."""

_LONGEST_REASON = 2000


class Cause(Enum):
    """Who wanted the mode that opened it."""

    CONTROLLER = "controller"
    ALERT = "alert"
    OVERRIDE = "override"


class Step(Enum):
    """What became of an incident."""

    OPENED = "opened"
    CHANGED = "changed"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An episode as it is known now.

    Attributes:
        key: names the episode, for ever.
        owner: the data directory whose service saw it; several may share a database.
        epoch: Unix time of the journal's scenario second 0; None where the clock has none.
        began_at, began_s: when normal was left, Unix and scenario seconds.
        opened_at, opened_s: when hard was reached.
        mode: that the application is in.
        worst: deepest mode so far.
        cause: who wanted the mode that opened it.
        reason: why, for a person.
        changes: of mode since it was opened.
        shadow: decided and journalled only; calls were not changed.
        closed_at, closed_s: when normal was back; None while it goes on.
        ended: how, for a person; "" while it goes on.
    """

    key: str
    owner: str
    epoch: float | None
    began_at: float
    began_s: float
    opened_at: float
    opened_s: float
    mode: Mode
    worst: Mode
    cause: Cause
    reason: str
    changes: int = 0
    shadow: bool = False
    closed_at: float | None = None
    closed_s: float | None = None
    ended: str = ""

    @property
    def title(self) -> str:
        """A line for lists."""
        by = {Cause.OVERRIDE: ", by override", Cause.ALERT: ", by an alert"}.get(self.cause, "")
        return f"{self.worst.label} brownout{by}{' (shadow mode)' if self.shadow else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChange:
    """An incident was opened, its mode changed, or it was closed.

    Attributes:
        step: which of these.
        at_s: Unix time.
        incident: as it is from now on. Its `key` is the same from opened to closed.
        reason: why now, for a person.
    """

    step: Step
    at_s: float
    incident: Incident
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What held at the end of a tick.

    Attributes:
        key: of an incident that opens now.
        at_s: Unix time.
        scenario_s: end of the tick, in scenario seconds.
        mode: decided.
        reasons: of the decision.
        epoch: Unix time of scenario second 0.
        shadow: whether decisions are only journalled.
    """

    key: str
    at_s: float
    scenario_s: float
    mode: Mode
    reasons: Sequence[Reason] = ()
    epoch: float | None = None
    shadow: bool = False


class Episodes:
    """Follows one controller from tick to tick.

    Args:
        owner: of the incidents.
        current: the one that a process before this one left open.
        last_heard: when that process was last heard of, for a person.
        began: when it left normal, if it did not come back: Unix and scenario seconds.
    """

    __slots__ = ("_began", "_current", "_last_heard", "_left_open", "_owner")

    def __init__(
        self,
        owner: str,
        current: Incident | None = None,
        last_heard: str = "an unknown time",
        began: tuple[float, float] | None = None,
    ) -> None:
        self._owner = owner
        self._current = current
        self._left_open = current is not None
        self._last_heard = last_heard
        self._began = began

    @property
    def current(self) -> Incident | None:
        """The one that goes on."""
        return self._current

    def observe(self, moment: Moment) -> IncidentChange | None:
        """What a tick does to the incident that goes on, or to none; None: nothing.

        Ticks in which the mode stays the same may be left out.
        """
        left_open, self._left_open = self._left_open, False
        if moment.mode is Mode.NORMAL:
            self._began = None
        elif self._began is None:
            self._began = moment.at_s, moment.scenario_s
        before = self._current
        if before is None:
            if moment.mode < OPENS_AT:
                return None
            return self._change(Step.OPENED, moment, self._opened(moment))
        if moment.mode is Mode.NORMAL:
            ended = NORMAL_IS_BACK
            # An order that comes in the first tick ends it now.
            if left_open and _cause(moment.reasons) is not Cause.OVERRIDE:
                ended = f"it ended while the service was down, after {self._last_heard}"
            after = replace(
                before,
                mode=Mode.NORMAL,
                closed_at=moment.at_s,
                closed_s=moment.scenario_s,
                changes=before.changes + 1,
                ended=ended,
            )
            return self._change(Step.CLOSED, moment, after)
        if moment.mode is before.mode:
            return None
        after = replace(
            before,
            mode=moment.mode,
            worst=max(before.worst, moment.mode),
            changes=before.changes + 1,
        )
        return self._change(Step.CHANGED, moment, after)

    def _change(self, step: Step, moment: Moment, incident: Incident) -> IncidentChange:
        self._current = None if step is Step.CLOSED else incident
        return IncidentChange(
            step=step, at_s=moment.at_s, incident=incident, reason=_text(moment.reasons)
        )

    def _opened(self, moment: Moment) -> Incident:
        assert self._began is not None  # only normal forgets it
        began_at, began_s = self._began
        return Incident(
            key=moment.key,
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


def given_up(incident: Incident, at_s: float, why: str) -> IncidentChange:
    """The end of an incident that nobody follows any more; when normal was back is not known.

    Args:
        incident: as it was left open.
        at_s: Unix time.
        why: for a person.
    """
    closed = replace(incident, closed_at=at_s, ended=why, mode=Mode.NORMAL)
    return IncidentChange(step=Step.CLOSED, at_s=at_s, incident=closed, reason=why)


def _cause(reasons: Sequence[Reason]) -> Cause:
    kinds = {reason.kind for reason in reasons}
    for cause in (Cause.OVERRIDE, Cause.ALERT):
        if cause.value in kinds:
            return cause
    return Cause.CONTROLLER


def _text(reasons: Sequence[Reason]) -> str:
    return "; ".join(reason.text for reason in reasons)[:_LONGEST_REASON]
