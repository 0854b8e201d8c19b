"""Watches the controller's decisions, tells what they mean, and keeps that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from ...core.incidents import Episodes, Incident, IncidentChange, Moment, given_up
from ...core.modes import Mode
from ..events import Events, Happening, ModeChange
from ..history import Store, StoreError
from ..history.tables import MODE_CHANGES
from .rows import incident_of, left_normal, open_rows, put, seen, traced

if TYPE_CHECKING:
    from ...core.decisions import Decision
    from ...core.observations import Observations
    from ...runtime.balancer import Balancer

__all__ = ["IncidentTracker"]

GONE_S = 900.0
"""A process that said nothing of its incident for so long is no more."""
SEEN_S = 60.0
"""How often a process says so."""
_log = logging.getLogger("balancer.service")


class IncidentTracker:
    """From decisions to happenings.

    `observe` is a listener of the balancer and runs on its ticker; the rest is for other threads.

    Args:
        balancer: whose decisions they are.
        events: where it is told.
        store: where it is kept.
        clock: Unix time.

    Attributes:
        trace: gives the id of the trace of the brownout under way; "" while none is sent.
    """

    def __init__(
        self,
        balancer: Balancer,
        events: Events,
        store: Store,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._balancer = balancer
        self._events = events
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._mode = balancer.decision.mode
        self._shadow = balancer.status().shadow
        self._episodes = Episodes("")
        self._read = False
        self._seen_at = 0.0
        self._traced = ""
        self.owner = ""
        self.trace: Callable[[], str] = lambda: ""
        events.subscribe(self._keep)

    @property
    def current(self) -> Incident | None:
        """The incident that goes on."""
        return self._episodes.current

    def open(self, owner: str) -> None:
        """Find the incident that a process before this one left open. Blocks; before the start.

        Args:
            owner: name of this service.
        """
        self._episodes = Episodes(owner, began=self._began(owner))
        self._look(owner)
        self.owner = owner

    def _began(self, owner: str) -> tuple[float, float] | None:
        """When normal was left, where the controller goes on outside of it."""
        if self._mode is Mode.NORMAL:
            return None
        try:
            found = self._store.run(partial(left_normal, owner=owner))
        except StoreError:
            return None  # it counts from the start, and that the database is away is told
        tick_s = self._balancer.policy.tick_s
        return None if found is None else (found[0], (found[1] + 1) * tick_s)

    def _look(self, owner: str) -> None:
        now_s = self._clock()
        try:
            rows = self._store.run(open_rows)
        except StoreError as error:
            _log.warning("whether an incident was left open is not known yet: %s", error)
            return
        self._read = True
        for ended in self._left_open(rows, owner, now_s):
            self._events.tell(ended)

    def tend(self) -> None:
        """What is due every few seconds: look for what was left open until the database was
        read once, and say now and then that this process is alive. Blocks.
        """
        if not self._read:
            self._look(self.owner)
        now_s = self._clock()
        current = self._episodes.current
        if current is not None and now_s - self._seen_at >= SEEN_S:
            self._seen_at = now_s
            self._store.later(partial(seen, key=current.key, seen_at=now_s))

    def _left_open(
        self, rows: Sequence[Mapping[str, Any]], owner: str, now_s: float
    ) -> Iterator[IncidentChange]:
        """Go on with the newest one of ours; of the others those that nobody follows are over."""
        for row in rows:
            incident = incident_of(row)
            if incident.owner != owner:
                if row["seen_at"] < now_s - GONE_S:
                    why = "the service that saw it was not heard of again"
                    yield given_up(incident, now_s, why)
                continue
            with self._lock:
                current = self._episodes.current
                if current is None:
                    self._episodes = Episodes(owner, incident, _time(row["seen_at"]))
            if current is not None and current.key != incident.key:
                why = f"the service was restarted, and it goes on as {current.key}"
                yield given_up(incident, now_s, why)

    def observe(self, observations: Observations, decision: Decision) -> None:
        """Once a tick, on the ticker: no waiting."""
        before, self._mode = self._mode, decision.mode
        if not self.owner:
            return  # not opened yet: what was left open must be known first
        now_s = self._clock()
        if decision.mode is not before:
            self._events.tell(
                ModeChange(
                    at_s=now_s,
                    tick=decision.tick,
                    before=before,
                    after=decision.mode,
                    reasons=tuple(reason.text for reason in decision.reasons),
                    override=any(reason.kind == "override" for reason in decision.reasons),
                    shadow=self._shadow,
                )
            )
        stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%dT%H%M%SZ")
        moment = Moment(
            key=f"{self.owner[:8]}-{stamp}-{decision.tick}",
            at_s=now_s,
            scenario_s=(decision.tick + 1) * self._balancer.policy.tick_s,
            mode=decision.mode,
            reasons=decision.reasons,
            epoch=self._balancer.clock.epoch,
            shadow=self._shadow,
        )
        with self._lock:
            change = self._episodes.observe(moment)
        if change is not None:
            self._events.tell(change)
        self._note_trace()

    def _note_trace(self) -> None:
        """Once for each incident: telemetry may begin its trace a tick after it."""
        current = self._episodes.current
        if current is None or current.key == self._traced:
            return
        trace = self.trace()
        if trace:
            self._traced = current.key
            self._store.later(partial(traced, key=current.key, trace=trace))

    def _keep(self, happening: Happening) -> None:
        if isinstance(happening, IncidentChange):
            self._seen_at = happening.at_s
            self._store.later(partial(put, incident=happening.incident, seen_at=happening.at_s))
            return
        self._store.add(
            MODE_CHANGES,
            at=happening.at_s,
            tick=happening.tick,
            from_mode=happening.before.label,
            to_mode=happening.after.label,
            reasons=list(happening.reasons),
            owner=self.owner,
        )


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
