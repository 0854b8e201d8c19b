"""Asks Datadog for the policy's signals, on a thread of its own, and hands alerts on.

Whatever Datadog does, the controller goes on by its own signals: a value that is old, missing
or not to be had raises nothing and clears nothing, is never taken for zero, and is named in the
service's status. An alert that was raised ends with its lifetime.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from ....adapters.datadog.client import Client
from ....adapters.datadog.monitors import Target
from ....adapters.datadog.poller import LONGEST_S, Poll, Poller
from ....adapters.datadog.readings import Freshness, Reading
from ....core.errors import BalancerError
from ....runtime.balancer import Balancer
from ...ticks import tick_of
from ..integration import Health, State

__all__ = ["Polled", "Polling"]

_log = logging.getLogger("balancer.service.integrations.datadog")


@dataclass(frozen=True, slots=True, kw_only=True)
class Polled:
    """What was polled last.

    Attributes:
        at: Unix time; None: nothing yet.
        readings: of the policy's rules.
    """

    at: float | None = None
    readings: tuple[Reading, ...] = ()


class Polling:
    """Polls until it is closed.

    Args:
        balancer: that hears of alerts.
        client: to Datadog, for this thread alone; closed with it.
        target: whose signals.
        clock: Unix time.
        stop: set when it is to end; the client's waits may end with it too.
    """

    name = "datadog_poll"

    def __init__(
        self,
        balancer: Balancer,
        client: Client,
        target: Target,
        *,
        clock: Callable[[], float] = time.time,
        stop: threading.Event | None = None,
    ) -> None:
        self._balancer = balancer
        self._client = client
        self._clock = clock
        self._stop = threading.Event() if stop is None else stop
        self._policy = balancer.policy
        self._poller = Poller(
            client, self._policy, target, tick_of=lambda at_s: tick_of(balancer, at_s)
        )
        self._health = Health()
        self._polled = Polled()
        self._thread = threading.Thread(target=self._run, name="datadog poll", daemon=True)

    def start(self) -> None:
        """Begin to poll."""
        self._thread.start()

    def close(self, timeout_s: float) -> None:
        """Stop; a request that is under way is waited for as long as this."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        self._client.close()

    def health(self) -> Health:
        """How it is."""
        return self._health

    def polled(self) -> Polled:
        """What was polled last."""
        return self._polled

    def _run(self) -> None:
        while not self._stop.is_set():
            self._stop.wait(self.poll())

    def poll(self) -> float:
        """Poll once, and return how many wall seconds to wait. Never raises."""
        now_s = self._clock()
        try:
            policy = self._balancer.policy
            if policy is not self._policy:
                self._policy = policy
                for alert in self._poller.use(policy, now_s):
                    self._balancer.alert(alert)
            poll = self._poller.poll(now_s)
            for alert in poll.alerts:
                self._balancer.alert(alert)
        except Exception as error:  # noqa: BLE001 - a thread that dies would not be missed
            problem = str(error) if isinstance(error, BalancerError) else type(error).__name__
            self._now(State.TROUBLE, f"polling failed: {problem}")
            return LONGEST_S
        self._polled = Polled(at=now_s, readings=poll.readings)
        self._judge(poll, now_s)
        return poll.next_s

    def _judge(self, poll: Poll, now_s: float) -> None:
        if poll.error is not None:
            self._now(State.TROUBLE, str(poll.error))
            return
        self._health = replace(self._health, ok_at=now_s)
        old = [
            f"{reading.rule.name}: {reading.freshness.value}"
            for reading in poll.readings
            if reading.freshness is not Freshness.FRESH
        ]
        if old:
            self._now(State.STALE, "; ".join(old))
        else:
            self._now(State.OK, "")

    def _now(self, state: State, error: str) -> None:
        before = self._health
        failures = before.failures + (state is State.TROUBLE)
        self._health = replace(before, state=state, error=error, failures=failures)
        if (before.state, before.error) == (state, error):
            return
        if state is State.OK:
            if before.state is not State.STARTING:
                _log.warning("signals of Datadog are fresh again")
        else:
            _log.warning(
                "signals of Datadog cannot be used; the controller goes on by its own: %s", error
            )
