"""Tells people of what happened, as notices in words of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ...adapters.notify import Delivery, Notice, Notifier, NotifySettings
from ...adapters.notify.words import STORY, Change, Step, notice_of, with_times
from ...core.incidents import NORMAL_IS_BACK, OPENS_AT, Incident, IncidentChange
from ...core.modes import Mode
from ..events import Events, Happening, ModeChange
from ..history.tables import TOLD
from .integration import Health, State

if TYPE_CHECKING:
    from ...runtime.balancer import Balancer
    from ..history import Store
    from ..incidents.incident_tracker import IncidentTracker

__all__ = ["Notifying", "notifying_of"]

_STEPS: dict[str, Step] = {"opened": "opened", "changed": "changed", "closed": "closed"}


class Notifying:
    """Notifications as an integration.

    A change of mode that opens, changes or ends an incident is told as that, and only as that.

    Args:
        balancer: whose policy says what users notice.
        events: that says what happens.
        tracker: that knows whether an incident goes on.
        notifier: that tells it; closed here.
    """

    name = "notify"

    def __init__(
        self, balancer: Balancer, events: Events, tracker: IncidentTracker, notifier: Notifier
    ) -> None:
        self._balancer = balancer
        self._tracker = tracker
        self._notifier = notifier
        self._since: float | None = None
        self._before = balancer.decision.mode
        events.subscribe(self.tell)

    def start(self) -> None:
        """Nothing: the notifier's thread begins with the first notice."""

    def close(self, timeout_s: float) -> None:
        """Tell what waits, for at most so long."""
        self._notifier.close(timeout_s)

    def health(self) -> Health:
        """How the channels are, all in one; which of them has trouble is in the error."""
        status = self._notifier.status()
        problems = [f"{name} {problem}" for name, problem in status.problems.items()]
        sent_at = [channel.last_sent_at or 0.0 for channel in status.channels]
        state = State.OK if any(sent_at) else State.STARTING
        return Health(
            state=State.TROUBLE if problems else state,
            error="; ".join(problems),
            waiting=status.waiting + sum(channel.waiting for channel in status.channels),
            dropped=status.dropped
            + sum(channel.failed + channel.dropped for channel in status.channels),
            failures=sum(channel.attempts - channel.messages for channel in status.channels),
            ok_at=max(sent_at, default=0.0) or None,
        )

    def tell(self, happening: Happening) -> None:
        """Tell of it, if it is for people. Returns at once; on the controller's ticker."""
        if isinstance(happening, ModeChange):
            self._before = happening.before
            if happening.before is Mode.NORMAL:
                self._since = happening.at_s
            if self._tracker.current is None and happening.after < OPENS_AT:
                self._notifier.tell(notice_of(self._of_mode(happening), self._notifier.service))
        else:
            self._notifier.tell(self._of_incident(happening))

    def _told(self, reasons: Sequence[str], at_s: float) -> tuple[str, ...]:
        balancer = self._balancer
        tick_s = balancer.clock.wall_s(balancer.policy.tick_s)
        now_tick = balancer.now_tick
        return tuple(
            with_times(each, now=at_s, now_tick=now_tick, tick_s=tick_s) for each in reasons
        )

    def _of_mode(self, change: ModeChange) -> Change:
        strategies = self._balancer.policy.strategies
        return Change(
            at=change.at_s,
            before=change.before,
            after=change.after,
            reasons=self._told(change.reasons, change.at_s),
            since=self._since,
            strategy=strategies[change.after],
            normal=strategies[Mode.NORMAL],
            shadow=change.shadow,
        )

    def _of_incident(self, change: IncidentChange) -> Notice:
        incident = change.incident
        if incident.ended not in ("", NORMAL_IS_BACK):
            return self._left(incident, change.at_s)
        strategies = self._balancer.policy.strategies
        told = Change(
            at=change.at_s,
            before=self._before,
            after=incident.mode,
            reasons=self._told([change.reason] if change.reason else [], change.at_s),
            since=incident.began_at,
            strategy=strategies[incident.mode],
            normal=strategies[Mode.NORMAL],
            incident=_STEPS[change.step.value],
            incident_key=incident.key,
            worst=incident.worst,
            shadow=incident.shadow,
        )
        return notice_of(told, self._notifier.service)

    def _left(self, incident: Incident, at_s: float) -> Notice:
        # One that a process before this one left open: the mode may be any by now.
        ours = incident.owner == self._tracker.owner
        return Notice(
            kind="incident",
            level="resolved",
            title=f"{self._notifier.service}: incident over (worst was {incident.worst.label})",
            text=f"Why: {incident.ended}\nIncident: {incident.key}",
            at=at_s,
            key=STORY if ours else incident.key,
        )


def notifying_of(
    balancer: Balancer,
    events: Events,
    store: Store,
    tracker: IncidentTracker,
    settings: NotifySettings,
) -> Notifying | None:
    """Notifications as the settings ask for them; None where they name no channel.

    Raises:
        InputError: the extra `notify` is not installed.
    """
    if not settings.channels:
        return None

    def hear(delivery: Delivery) -> None:
        """Keep who was told, on the notifier's thread: the history's own one writes it."""
        store.add(
            TOLD,
            at=delivery.notice.at,
            told_at=delivery.told_at,
            channel=delivery.channel[:100],
            level=delivery.notice.level,
            title=delivery.notice.title,
            problem=delivery.problem,
            owner=tracker.owner,
        )

    return Notifying(balancer, events, tracker, Notifier.of(settings, hear))
