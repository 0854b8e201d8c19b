"""Asks Datadog for a policy's signals, as often as its rate limit allows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from ...core.observations import Alert
from ...core.policy import Policy
from ...core.retry import doubled_s
from .client import Answer, Client
from .errors import DatadogError, Trouble
from .monitors import Target
from .readings import Freshness, Judge, Reading, read_answer, request_of

__all__ = ["Poll", "Poller", "interval_s"]

SHORTEST_S: Final = 30.0
LONGEST_S: Final = 600.0
_SHARE: Final = 0.5
"""Share of the rate limit that is used; others in the organisation need the rest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one poll gave.

    Attributes:
        readings: one for each rule of the policy.
        alerts: for the controller.
        next_s: seconds until the next poll.
        error: why there is nothing, where Datadog did not answer.
    """

    readings: tuple[Reading, ...]
    alerts: tuple[Alert, ...] = ()
    next_s: float = SHORTEST_S
    error: DatadogError | None = None


class Poller:
    """Polls; whoever owns it calls `poll`, waits `next_s`, and calls again.

    Args:
        client: to Datadog. It waits between tries, so poll from a thread of its own.
        policy, target: whose signals.
        tick_of: the controller's tick of a Unix time in seconds.
    """

    def __init__(
        self, client: Client, policy: Policy, target: Target, *, tick_of: Callable[[float], int]
    ) -> None:
        self._client = client
        self._policy = policy
        self._target = target
        self._tick_of = tick_of
        self._judge = Judge(policy, target, tick_of=tick_of)
        self._failures = 0

    def use(self, policy: Policy, now_s: float) -> tuple[Alert, ...]:
        """Ask for another policy's signals from now on.

        Args:
            policy: whose.
            now_s: Unix time, in seconds.

        Returns:
            Alerts that clear what rules raised that there no longer are.
        """
        judge = Judge(policy, self._target, tick_of=self._tick_of)
        cleared = judge.follow(self._judge, now_s)
        self._policy, self._judge = policy, judge
        return cleared

    def poll(self, now_s: float) -> Poll:
        """Ask once. Trouble is a state of the readings and is not raised.

        Args:
            now_s: Unix time, in seconds.
        """
        if not self._policy.rules:
            return Poll(readings=())
        try:
            answer = self._client.read(
                "v2.metrics.query_timeseries_data",
                body=request_of(self._policy, self._target, now_s),
            )
            readings = _read(self._policy, self._target, answer, now_s)
        except DatadogError as error:
            return self._failed(error, now_s)
        self._failures = 0
        return Poll(
            readings=readings,
            alerts=self._judge.alerts(readings, now_s),
            next_s=interval_s(answer.headers),
        )

    def _failed(self, error: DatadogError, now_s: float) -> Poll:
        self._failures += 1
        wait_s = doubled_s(SHORTEST_S, self._failures + 1, LONGEST_S)
        readings = tuple(
            Reading(rule=rule, freshness=Freshness.FAILED) for rule in self._policy.rules
        )
        self._judge.alerts(readings, now_s)
        return Poll(readings=readings, next_s=max(wait_s, error.wait_s or 0.0), error=error)


def _read(policy: Policy, target: Target, answer: Answer, now_s: float) -> tuple[Reading, ...]:
    try:
        return read_answer(policy, target, answer.body, now_s)
    except (AttributeError, OverflowError, TypeError):
        raise DatadogError(
            Trouble.UNAVAILABLE,
            "query timeseries data: the answer is not in the form that Datadog documents",
        ) from None


def interval_s(headers: Mapping[str, str]) -> float:
    """Seconds until the next poll, from the rate limit's headers, in lower case.

    What remains of the limit is spread over what remains of its period, half of it for us.
    """
    remaining = _number(headers, "x-ratelimit-remaining")
    reset_s = _number(headers, "x-ratelimit-reset")
    if remaining is None or reset_s is None:
        return SHORTEST_S
    ours = remaining * _SHARE
    wait_s = reset_s / ours if ours >= 1 else reset_s
    return min(LONGEST_S, max(SHORTEST_S, wait_s))


def _number(headers: Mapping[str, str], name: str) -> float | None:
    try:
        number = float(headers.get(name, ""))
    except ValueError:
        return None
    return number if 0 <= number < 1e9 else None
