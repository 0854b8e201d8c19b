"""Things to be told to Datadog, one after the other, with pauses after trouble.

Events and incidents have a lane each: an organisation without incident management refuses
incidents for ever, and its events shall go on.
"""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ....adapters.datadog.errors import DatadogError, Trouble
from ....core.errors import BalancerError
from ....core.retry import doubled_s

__all__ = ["DeliveryQueue"]

Item = TypeVar("Item")

MOST_WAITING = 1000
SHORTEST_S = 5.0
LONGEST_S = 300.0
_HOPELESS = (Trouble.REFUSED, Trouble.NOT_FOUND)
_log = logging.getLogger("balancer.service.integrations.datadog")


class DeliveryQueue(Generic[Item]):
    """What waits, the oldest first; an item takes the place of an older one of its key.

    Args:
        what: is told, for messages.
        tell: tells one. A `DatadogError` that may pass is tried again later.
        lock: held while what waits changes.

    Attributes:
        dropped: given up: refused for good, or pushed out by newer ones.
        failures: tries that failed.
        error: of the last try, "" if it went well.
        due_s: when the next try may be made, on the caller's clock.
        ok_at: when the last try went well.
    """

    def __init__(self, what: str, tell: Callable[[Item], None], lock: threading.Condition) -> None:
        self._what = what
        self._tell = tell
        self._lock = lock
        self._waiting: OrderedDict[Hashable, Item] = OrderedDict()
        self._in_a_row = 0
        self.dropped = 0
        self.failures = 0
        self.error = ""
        self.due_s = 0.0
        self.ok_at: float | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, key: Hashable, item: Item) -> None:
        """Let something wait. Returns at once."""
        with self._lock:
            if key not in self._waiting and len(self._waiting) >= MOST_WAITING:
                self._waiting.popitem(last=False)
                self.dropped += 1
            self._waiting[key] = item
            self._lock.notify_all()

    def put_unless(self, key: Hashable, item: Item) -> None:
        """Let something wait, unless something newer of its key does."""
        with self._lock:
            if key not in self._waiting:
                self.put(key, item)

    def step(self, now_s: float) -> None:
        """Tell the oldest, if it may be tried now. Blocks, and never raises."""
        with self._lock:
            if not self._waiting or now_s < self.due_s:
                return
            key, item = next(iter(self._waiting.items()))
        try:
            self._tell(item)
        except DatadogError as error:
            self._failed(str(error), now_s, error)
            if error.trouble not in _HOPELESS:
                return
            self.dropped += 1
        except Exception as error:  # noqa: BLE001 - a thread that dies would not be missed
            problem = str(error) if isinstance(error, BalancerError) else type(error).__name__
            self._failed(f"{self._what}: {problem}", now_s, None)
            self.dropped += 1
        else:
            if self.error:
                _log.warning("Datadog takes %s again", self._what)
            self.error, self._in_a_row, self.due_s, self.ok_at = "", 0, now_s, now_s
        with self._lock:
            # It may have been replaced by a newer one meanwhile.
            if self._waiting.get(key) is item:
                del self._waiting[key]

    def _failed(self, said: str, now_s: float, error: DatadogError | None) -> None:
        self.failures += 1
        if said != self.error:
            _log.warning("Datadog does not take %s; nothing else is affected: %s", self._what, said)
        self.error = said
        wait_s = doubled_s(SHORTEST_S, self._in_a_row + 1, LONGEST_S)
        if error is not None and error.trouble in (Trouble.UNAUTHORISED, Trouble.FORBIDDEN):
            wait_s = LONGEST_S
        if error is not None and error.wait_s is not None:
            wait_s = max(wait_s, error.wait_s)
        self._in_a_row += 1
        self.due_s = now_s + wait_s
