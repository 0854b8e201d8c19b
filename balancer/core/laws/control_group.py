"""Those who stay with the mode that serves while a worse one is tried beside it.

A trial that goes well says nothing by itself: the trouble may have passed. The worse mode helps
where those who stay are ill at the same time.
"""

from __future__ import annotations

from collections.abc import Mapping

from .evidence import verdict
from .felt import Round
from .fields import put_back, saved
from .standards import bad_counts

__all__ = ["ControlGroup"]

FIELDS = ("since", "k", "n")


class ControlGroup:
    """The control group of a trial: requests begun beside it, and not before.

    Attributes:
        since: the tick at which the present share of the trial began.
        k, n: bad and all requests that speak for those who stay.

    Args:
        ripens: ticks after which a request is late; whoever is late earlier had begun before.
        usual: share of bad requests that is allowed where all is well.
    """

    __slots__ = (*FIELDS, "_usual", "ripens")

    def __init__(self, ripens: int, usual: float) -> None:
        self.ripens = ripens
        self._usual = usual
        self.since = self.k = self.n = 0

    def begin(self, tick: int) -> None:
        """A share of the trial begins."""
        self.since, self.k, self.n = tick, 0, 0

    def observe(self, tick: int, seen: Round | None) -> None:
        """Count what those who stay felt in a tick."""
        if seen is not None and tick - self.since > self.ripens:
            failed, late, n = bad_counts(seen)
            self.k += max(0, min(n, failed + late))
            self.n += n

    @property
    def well(self) -> bool | None:
        """Whether those who stay are well; None: not known yet."""
        return verdict(self.k, self.n, self._usual)

    def state(self) -> dict[str, object]:
        """Plain values."""
        return saved(self, FIELDS)

    def restore(self, state: Mapping[str, object]) -> None:
        """Take back what `state` gave."""
        put_back(self, FIELDS, state)
