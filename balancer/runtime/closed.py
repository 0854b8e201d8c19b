"""Projects that the upstream has closed until their owner acts: a breaker for each of them.

While a project is closed its calls get the provider's refusal at once and none goes upstream, but
for a probe a minute. It is open again when one of those is answered.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

__all__ = ["MOST", "PROBE_S", "Closed", "Refusal"]

PROBE_S = 60.0
"""Scenario seconds from one probe to the next."""

MOST = 64
"""Most projects that are remembered; the oldest one goes first."""

logger = logging.getLogger("balancer")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What the upstream said of a project.

    Attributes:
        remedy: what its owner has to do, in our words.
        message: the provider's own.
        reply: the provider's answer, as whoever made the call hands it to its callers.
    """

    remedy: str
    message: str = ""
    reply: object = None


class _Shut:
    """One project."""

    __slots__ = ("probe_s", "refusal")

    def __init__(self, refusal: Refusal, probe_s: float) -> None:
        self.refusal = refusal
        self.probe_s = probe_s


class Closed:
    """See the module; a project is known by any text, "" where there is only one."""

    __slots__ = ("_lock", "_shut")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shut: dict[str, _Shut] = {}

    def __len__(self) -> int:
        """How many projects are closed."""
        return len(self._shut)

    def trip(self, project: str, refusal: Refusal, now_s: float) -> None:
        """The upstream refused a call because its project is closed."""
        with self._lock:
            shut = self._shut.get(project)
            if shut is not None:
                shut.refusal = refusal
                return
            self._shut[project] = _Shut(refusal, now_s + PROBE_S)
            if len(self._shut) > MOST:
                del self._shut[next(iter(self._shut))]
        logger.error("%s; the upstream says: %s", text(project, refusal), refusal.message)

    def refuses(self, project: str, now_s: float) -> Refusal | None:
        """What to answer a call with; None where it may go upstream."""
        with self._lock:
            shut = self._shut.get(project)
            if shut is None:
                return None
            if now_s >= shut.probe_s:
                shut.probe_s = now_s + PROBE_S
                return None
            return shut.refusal

    def answered(self, project: str) -> None:
        """A call of a project was answered: it is open."""
        with self._lock:
            shut = self._shut.pop(project, None)
        if shut is not None:
            logger.warning("the upstream serves the project%s again", _named(project))

    def texts(self) -> tuple[str, ...]:
        """What is closed and what to do about it, for a person; nothing of the provider's words."""
        with self._lock:
            return tuple(text(project, shut.refusal) for project, shut in self._shut.items())

    def after_fork(self) -> None:
        """In the child: a lock that no other thread holds."""
        self._lock = threading.Lock()


def text(project: str, refusal: Refusal) -> str:
    """A closed project and its remedy, as a sentence."""
    return (
        f"the upstream has closed the project{_named(project)}: {refusal.remedy}. Until then calls "
        "get its refusal at once, but for one a minute"
    )


def _named(project: str) -> str:
    return f" of {project}" if project else ""
