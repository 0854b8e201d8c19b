"""Takes deliveries in: who may, how old, which of them twice, and what they ask for.

Datadog gives no delivery id, no order and no signature. So a delivery is authentic by a secret
in its header; it is the same as another by cycle, scope, transition and event; and of one
monitor and scope the message that happened last holds. What is remembered for this is bounded.
A raised alert has a lifetime, so that a recovery that never arrives cannot hold a mode for
ever; monitors of ours repeat themselves three times within it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeVar

from ..core.errors import InputError
from ..core.modes import Mode
from ..core.observations import Alert
from .delivery import Delivery, Transition, read_delivery
from .verdict import Fate, Verdict

__all__ = ["LIFETIME_S", "Inbox"]

Value = TypeVar("Value")

LIFETIME_S: Final = 1800.0
"""How long a raised alert holds when nothing more is heard of it."""
SHORTEST_SECRET: Final = 32

_LONGEST_KEY: Final = 200
_CLEARS: Final = (Transition.RECOVERED,)
_NO_DATA: Final = (Transition.NO_DATA, Transition.RE_NO_DATA)
_BUCKET_MS: Final = 60_000
"""Messages without event and date are the same when they arrive within this long."""


class Inbox:
    """Judges deliveries. Not thread-safe: it belongs to one event loop, or behind one lock.

    Args:
        secrets: tokens that a delivery may carry, more than one while they are being changed.
            Without any, every delivery is refused.
        tick_of: the controller's tick of a Unix time in seconds.
        lifetime_s: how long a raised alert holds when nothing more is heard of it.
        tick_s: gives the length of a tick, in seconds; another policy may have another one.
        oldest_s: a delivery about something that happened longer ago is stale.
        ahead_s: a date that is further ahead of our clock is taken for a wrong clock.
        largest_bytes: longest body.
        remembered: most deliveries, and most alerts, that are remembered.

    Raises:
        InputError: a secret that is too short, or that no header can carry.
    """

    def __init__(
        self,
        secrets: Sequence[str],
        *,
        tick_of: Callable[[float], int],
        tick_s: Callable[[], float] = lambda: 1.0,
        lifetime_s: float = LIFETIME_S,
        oldest_s: float = 300.0,
        ahead_s: float = 60.0,
        largest_bytes: int = 65_536,
        remembered: int = 10_000,
    ) -> None:
        for secret in secrets:
            if len(secret) < SHORTEST_SECRET or not secret.isascii() or not secret.isprintable():
                raise InputError(
                    f"the webhook's secret has {len(secret)} characters; expected at least "
                    f"{SHORTEST_SECRET}, printable ASCII, such as `openssl rand -hex 32` gives",
                    where="OPEN_BALANCER_WEBHOOK_SECRET",
                )
        self._tokens = tuple(b"Bearer " + secret.encode("ascii") for secret in secrets)
        self._tick_of = tick_of
        self._tick_s = tick_s
        self._lifetime_s = lifetime_s
        self._oldest_ms = round(oldest_s * 1000)
        self._ahead_ms = round(ahead_s * 1000)
        self.largest_bytes = largest_bytes
        self._remembered = remembered
        self._taken: OrderedDict[str, None] = OrderedDict()
        self._newest: OrderedDict[str, tuple[int, bool]] = OrderedDict()

    def authentic(self, headers: Mapping[str, str]) -> bool:
        """Whether a header carries the secret; takes as long whichever it is."""
        header = next((v for k, v in headers.items() if k.lower() == "authorization"), "")
        given = header.encode("utf-8", "replace")
        same = [hmac.compare_digest(given, token) for token in self._tokens]
        return any(same)

    def receive(self, body: bytes, headers: Mapping[str, str], now_s: float) -> Verdict:
        """Judge a delivery.

        Args:
            body: of the request, as it came.
            headers: of the request; names in any case.
            now_s: Unix time, in seconds.
        """
        if not self._tokens:
            return _refused(403, "no webhook secret is configured, so every delivery is refused")
        if not self.authentic(headers):
            return _refused(401, "the Authorization header does not carry the webhook's secret")
        if len(body) > self.largest_bytes:
            return _refused(413, f"the body is larger than {self.largest_bytes:,} bytes")
        try:
            delivery = read_delivery(body)
            key = _key(delivery)
        except InputError as error:
            return _refused(422, error.problem)
        return self._judge(delivery, key, round(now_s * 1000))

    def _judge(self, delivery: Delivery, key: str, now_ms: int) -> Verdict:
        at_ms = now_ms if delivery.at_ms is None else delivery.at_ms
        if at_ms - now_ms > self._ahead_ms:
            return _stale(delivery, f"it happens {(at_ms - now_ms) / 1e3:,.0f} s from now")
        if now_ms - at_ms > self._oldest_ms:
            return _stale(delivery, f"it happened {(now_ms - at_ms) / 1e3:,.0f} s ago")
        at_ms = min(at_ms, now_ms)
        if not self._is_new(delivery, key, at_ms):
            return Verdict(
                fate=Fate.DUPLICATE, status=200, detail="taken before", delivery=delivery
            )
        if delivery.transition in _NO_DATA:
            return _noted(delivery, "no data is no reason to change the mode")
        raised = delivery.transition not in _CLEARS
        mode = delivery.asks_for
        if raised and mode is None:
            return _noted(delivery, "no brownout: tag, so it asks for no mode")
        order = (at_ms, not raised)
        if order < self._newest.get(key, order):
            return _stale(delivery, "a newer message of the same alert was taken before")
        _remember(self._newest, key, order, self._remembered)
        alert = Alert(
            key=key,
            at_tick=self._tick_of(at_ms / 1000),
            mode=mode or Mode.SOFT,
            raised=raised,
            lifetime_ticks=max(1, round(self._lifetime_s / self._tick_s())),
        )
        detail = f"asks for {alert.mode.label}" if raised else "recovered"
        return Verdict(
            fate=Fate.ACCEPTED, status=202, detail=detail, delivery=delivery, alerts=(alert,)
        )

    def _is_new(self, delivery: Delivery, key: str, at_ms: int) -> bool:
        event = delivery.event_id or (
            str(at_ms) if delivery.at_ms is not None else f"~{at_ms // _BUCKET_MS}"
        )
        parts = (key, delivery.cycle_key, delivery.scope, delivery.transition.value, event)
        name = _digest("\x1f".join(parts))
        if name in self._taken:
            return False
        _remember(self._taken, name, None, self._remembered)
        return True


def _key(delivery: Delivery) -> str:
    """Name of the alert: the monitor and its group, so that one recovery ends it in whatever
    cycle it is; the cycle where the monitor is not said.
    """
    name = delivery.monitor_id or delivery.cycle_key or delivery.title
    if not name:
        raise InputError("found neither monitor_id nor cycle_key, expected at least one of them")
    key = f"datadog:{name}" + (f":{delivery.scope}" if delivery.scope else "")
    return key if len(key) <= _LONGEST_KEY else f"datadog:{_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:32]


def _remember(memory: OrderedDict[str, Value], key: str, value: Value, most: int) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > most:
        memory.popitem(last=False)


def _refused(status: int, detail: str) -> Verdict:
    return Verdict(fate=Fate.REFUSED, status=status, detail=detail)


def _stale(delivery: Delivery, detail: str) -> Verdict:
    return Verdict(fate=Fate.STALE, status=200, detail=detail, delivery=delivery)


def _noted(delivery: Delivery, detail: str) -> Verdict:
    return Verdict(fate=Fate.NOTED, status=200, detail=detail, delivery=delivery)
