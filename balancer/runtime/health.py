"""What is broken, and whether calls go through unchanged because of it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

__all__ = ["OFF_VARIABLE", "Health", "switched_off"]

OFF_VARIABLE = "OPEN_BALANCER_OFF"
"""Environment variable that lets all calls go through unchanged, when set to anything but "",
"0", "false" or "no" when the balancer is made."""

logger = logging.getLogger("balancer")


class Health:
    """Problems by source, the kill switch, and the log that tells of both.

    Args:
        bypass: reason of the kill switch, or "".
        changed: called whenever calls begin or cease to go through unchanged.

    Attributes:
        bypass: see above.
        closed: whether the balancer has been closed.
        problems: what is broken now, by source.
        failures: how often each source has failed.
    """

    __slots__ = ("_changed", "bypass", "closed", "failures", "problems")

    def __init__(self, bypass: str, changed: Callable[[], None]) -> None:
        self.bypass = bypass
        self.closed = False
        self.problems: dict[str, str] = {}
        self.failures: dict[str, int] = {}
        self._changed = changed
        if bypass:
            logger.warning("calls go through unchanged: %s", bypass)

    @property
    def open(self) -> bool:
        """Whether calls go through unchanged."""
        return bool(self.bypass or self.problems or self.closed)

    def broke(self, source: str, error: BaseException) -> None:
        """Something broke: calls go through unchanged from now on."""
        problem = f"{type(error).__name__}: {error}"
        self.failures[source] = self.failures.get(source, 0) + 1
        again = source in self.problems
        self.problems[source] = problem
        if not again:
            logger.error("the %s broke: calls go through unchanged: %s", source, problem)
            self._changed()

    def mended(self, source: str) -> None:
        """A source is well again; a source that was well stays so."""
        if self.problems.pop(source, None) is not None:
            logger.warning("the %s is well again", source)
            self._changed()

    def switch(self, reason: str) -> None:
        """Throw the kill switch for a reason, or put it back with ""."""
        self.bypass = reason
        if reason:
            logger.warning("calls go through unchanged: %s", reason)
        else:
            logger.warning("the kill switch is off again")
        self._changed()


def switched_off() -> str:
    """Why calls go through from the start, by the environment; "" where it does not say so."""
    value = os.environ.get(OFF_VARIABLE, "")
    return "" if value.lower() in ("", "0", "false", "no") else f"{OFF_VARIABLE}={value}"
