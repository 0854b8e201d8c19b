"""Tells Datadog what happens: an event for a change of mode, an incident for an episode.

An incident is not a queue of orders but a state to be brought about: what Datadog was last told
is compared with what is so, and the difference is told. So an outage, a restart or a lost answer
leaves nothing to be repaired: the next try makes it, finds it, changes it or closes it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count

from ....adapters.datadog.client import Client
from ....adapters.datadog.errors import DatadogError, Trouble
from ....adapters.datadog.happenings import (
    close_incident,
    find_incident,
    open_incident,
    send_mode_event,
    update_incident,
)
from ....adapters.datadog.monitors import Target
from ....core.incidents import Incident, IncidentChange
from ...events import Happening, ModeChange
from ..integration import Health, State
from .delivery_queue import DeliveryQueue
from .mirror_state import CLOSED, GONE, OPENING, Mirrored, MirrorState

__all__ = ["Mirror"]

_log = logging.getLogger("balancer.service.integrations.datadog")
OLDEST_EVENT_S = 17 * 3600.0
"""Datadog takes events of the last 18 hours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """An incident, and why it is as it is."""

    incident: Incident
    reason: str


class Mirror:
    """Subscribes to events with `tell`, and works on a thread of its own.

    Args:
        client: to Datadog, for this thread alone; closed with it.
        target: what it is all of.
        known: what Datadog knows.
        owner: gives the name of this service, whose unfinished incidents are gone on with.
        clock: Unix time.
        stop: set when it closes; the client's waits may end with it.
    """

    name = "datadog_mirror"

    def __init__(
        self,
        client: Client,
        target: Target,
        known: MirrorState,
        owner: Callable[[], str],
        *,
        clock: Callable[[], float] = time.time,
        stop: threading.Event | None = None,
    ) -> None:
        self._client = client
        self._stop = threading.Event() if stop is None else stop
        self._target = target
        self._known = known
        self._owner = owner
        self._clock = clock
        self._changed = threading.Condition()
        self._closing = False
        self._numbers = count()
        self._events = DeliveryQueue[ModeChange]("events", self._event, self._changed)
        self._incidents = DeliveryQueue[_Story | None]("incidents", self._incident, self._changed)
        self._thread = threading.Thread(target=self._run, name="datadog mirror", daemon=True)

    def tell(self, happening: Happening) -> None:
        """Let something be told soon. Returns at once."""
        if isinstance(happening, IncidentChange):
            story = _Story(incident=happening.incident, reason=happening.reason)
            self._incidents.put(happening.incident.key, story)
        else:
            self._events.put(next(self._numbers), happening)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Tell what can be told at once, within so long; incidents that cannot are gone on with
        by the next process, events are lost.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        lost = len(self._events)
        if lost:
            _log.warning("%d changes of mode were not told to Datadog", lost)
        self._client.close()

    def health(self) -> Health:
        """How it is."""
        lanes = (self._incidents, self._events)
        errors = list(dict.fromkeys(lane.error for lane in lanes if lane.error))
        oks = [lane.ok_at for lane in lanes if lane.ok_at is not None]
        state = State.TROUBLE if errors else State.OK if oks else State.STARTING
        return Health(
            state=state,
            error="; ".join(errors),
            waiting=sum(len(lane) for lane in lanes),
            dropped=sum(lane.dropped for lane in lanes),
            failures=sum(lane.failures for lane in lanes),
            ok_at=max(oks, default=None),
        )

    def _run(self) -> None:
        self.try_out()
        self.recall()
        while True:
            self.work()
            with self._changed:
                due = [lane.due_s for lane in (self._incidents, self._events) if len(lane)]
                wait_s = max(0.0, min(due) - self._clock()) if due else None
                if wait_s is None or wait_s > 0:
                    if self._closing:
                        return
                    self._changed.wait(wait_s)

    def try_out(self) -> None:
        """Let a wrong key or a missing permission show now, and not in the first incident."""
        self._incidents.put(None, None)

    def recall(self) -> None:
        """Go on with what a process before this one left unfinished. Blocks."""
        for incident in self._known.unfinished(self._owner()):
            # What events said since the start is newer.
            story = _Story(incident=incident, reason=incident.reason)
            self._incidents.put_unless(incident.key, story)

    def work(self) -> None:
        """Tell one thing of each kind, where it may be tried now. Blocks, and never raises."""
        for lane in (self._incidents, self._events):
            lane.step(self._clock())

    def _event(self, change: ModeChange) -> None:
        if change.at_s < self._clock() - OLDEST_EVENT_S:
            raise DatadogError(Trouble.REFUSED, "an event is too old to be taken")
        notes = ["by an operator's order"] if change.override else []
        notes += ["shadow mode: calls are not changed"] if change.shadow else []
        reason = "; ".join([*change.reasons, *notes])
        send_mode_event(
            self._client,
            self._target,
            before=change.before,
            after=change.after,
            reason=reason,
            at_s=change.at_s,
        )

    def _incident(self, story: _Story | None) -> None:
        if story is None:
            find_incident(self._client, self._target.owner)
            return
        incident = story.incident
        key, state = incident.key, incident.mode.label
        if incident.closed_at is not None:
            state = CLOSED
        row = self._known.get(key)
        if row is not None and row.told in (state, CLOSED, GONE):
            return
        summary = f"{incident.title}: {story.reason}"[:1000]
        number = None if row is None else row.number
        if number is None:
            if row is None:
                # Before the call: should this process end in it, the next one looks first.
                self._known.note(key, Mirrored(number=None, told=OPENING))
            number = open_incident(
                self._client,
                self._target,
                key=key,
                mode=incident.worst if state == CLOSED else incident.mode,
                summary=summary,
                at_s=incident.opened_at,
                look_first=row is not None,
            )
            self._known.note(key, Mirrored(number=number, told=incident.mode.label))
            if state != CLOSED:
                return
        try:
            if incident.closed_at is None:
                update_incident(self._client, number, mode=incident.mode, summary=summary)
            else:
                close_incident(self._client, number, at_s=incident.closed_at)
        except DatadogError as error:
            if error.trouble is Trouble.NOT_FOUND:  # somebody removed it there
                self._known.note(key, Mirrored(number=number, told=GONE))
            raise
        self._known.note(key, Mirrored(number=number, told=state))
