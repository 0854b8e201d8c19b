"""Tells people of what happened, as notices in words of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

from ...adapters.notify import Delivery, Notice, Notifier, NotifySettings
from ...adapters.notify.words import STORY, Change, Step, notice_of, with_times
from ...core.incidents import NORMAL_IS_BACK, OPENS_AT, Incident, IncidentChange
from ...core.modes import Mode
from ..events import Events, Happening, ModeChange
from ..history.tables import TOLD
from .escalation import Escalation
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
        steps: that tell an incident further which nobody takes up; closed here.
    """

    name = "notify"
    escalation: Escalation | None = None

    def __init__(
        self,
        balancer: Balancer,
        events: Events,
        tracker: IncidentTracker,
        notifier: Notifier,
        steps: Sequence[Notifier] = (),
    ) -> None:
        self._balancer = balancer
        self._tracker = tracker
        self._notifier = notifier
        self._steps = tuple(steps)
        self._reached = 0
        self._since: float | None = None
        self._before = balancer.decision.mode
        events.subscribe(self.tell)

    def start(self) -> None:
        """Nothing: the notifier's thread begins with the first notice."""

    def close(self, timeout_s: float) -> None:
        """Tell what waits, for at most so long."""
        notifiers = (self._notifier, *self._steps)
        with ThreadPoolExecutor(len(notifiers)) as pool:
            list(pool.map(lambda each: each.close(timeout_s), notifiers))

    def health(self) -> Health:
        """How the channels are, all in one; which of them has trouble is in the error."""
        found = [notifier.status() for notifier in (self._notifier, *self._steps)]
        channels = [channel for status in found for channel in status.channels]
        problems = [f"{each.name} {each.problem}" for each in channels if each.problem]
        sent_at = [channel.last_sent_at or 0.0 for channel in channels]
        state = State.OK if any(sent_at) else State.STARTING
        return Health(
            state=State.TROUBLE if problems else state,
            error="; ".join(problems),
            waiting=sum(status.waiting for status in found)
            + sum(channel.waiting for channel in channels),
            dropped=sum(status.dropped for status in found)
            + sum(channel.failed + channel.dropped for channel in channels),
            failures=sum(channel.attempts - channel.messages for channel in channels),
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
            notice = self._of_incident(happening)
            for notifier in (self._notifier, *self._steps[: self._reached]):
                notifier.tell(notice)
            if happening.incident.closed_at is not None:
                self._reached = 0

    def reach(self, steps: int) -> None:
        """So many steps were told of the incident that goes on: they hear of it from now on."""
        self._reached = steps

    def tell_again(self, incident: Incident, at_s: float, step: int) -> None:
        """Tell an incident that nobody has taken up, to a step of the escalation."""
        notifier = self._steps[step] if self._steps else self._notifier
        change = self._change(incident, incident.reason, at_s)
        notifier.tell(notice_of(replace(change, incident="waiting"), notifier.service))

    def _told(self, reasons: Sequence[str], at_s: float) -> tuple[str, ...]:
        balancer = self._balancer
        tick_s = balancer.clock.wall_s(balancer.policy.tick_s)
        now_tick = balancer.now_tick + balancer.ahead_ticks
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
        told = self._change(incident, change.reason, change.at_s)
        return notice_of(replace(told, incident=_STEPS[change.step.value]), self._notifier.service)

    def _change(self, incident: Incident, reason: str, at_s: float) -> Change:
        strategies = self._balancer.policy.strategies
        return Change(
            at=at_s,
            before=self._before,
            after=incident.mode,
            reasons=self._told([reason] if reason else [], at_s),
            since=incident.began_at,
            strategy=strategies[incident.mode],
            normal=strategies[Mode.NORMAL],
            incident_key=incident.key,
            worst=incident.worst,
            shadow=incident.shadow,
        )

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

    steps = [
        Notifier.of(replace(settings, channels=(channel,)), hear) for channel in settings.escalation
    ]
    notifying = Notifying(balancer, events, tracker, Notifier.of(settings, hear), steps)
    if settings.escalate_after_s is not None:
        notifying.escalation = Escalation(
            store,
            tracker,
            notifying,
            after_s=settings.escalate_after_s,
            steps=[channel.name for channel in settings.escalation]
            or [", ".join(channel.name for channel in settings.channels)],
            least=Mode.EMERGENCY if settings.level == "critical" else OPENS_AT,
        )
    return notifying
