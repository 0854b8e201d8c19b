"""When a gate looks at its replications, and how sure it must be each time.

A gate adds replications until everything is decided, so it must not be fooled by looking
often, nor by asking much:

- Looks: their number is fixed beforehand, and each is given an equal part of the permitted
  error (Bonferroni), so any rule may say when to stop.
- Pass: a gate passes only if every comparison does, so whichever margin is broken, its own
  comparison has to be wrong. That needs no further correction (Berger, "Multiparameter
  hypothesis testing and acceptance sampling", Technometrics 24, 1982).
- Fail: a gate fails if any comparison does, so the permitted error is divided among them
  (Bonferroni again). It is far smaller than that of a pass, because alarms that are false
  now and then are soon ignored.
"""

from __future__ import annotations

from dataclasses import dataclass

from balancer.core.errors import InputError

from .intervals import MOST_REPLICATIONS

__all__ = [
    "FAIL_ERROR",
    "FIRST_LOOK",
    "LAST_LOOK",
    "NOMINAL_FAIL_ERROR",
    "NOMINAL_PASS_ERROR",
    "PASS_ERROR",
    "Looks",
]

PASS_ERROR = 0.05
"""Chance, at most, that a gate passes a candidate that is worse by exactly a margin."""
FAIL_ERROR = 0.01
"""Chance, at most, that a gate fails a candidate that nowhere exceeds its margin."""

NOMINAL_PASS_ERROR = 0.025
NOMINAL_FAIL_ERROR = 0.001
"""Chances the levels are made of. Student's t takes differences for normal; those of runs are
skewed, and in small numbers it then errs more often than it says: the rest is room for that."""

FIRST_LOOK = 10
"""Replications at the first look: fewer say little about a spread."""
LAST_LOOK = 640
"""Replications at the last look, unless a gate is told otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """Looks of a gate, and the levels it judges by.

    Attributes:
        at: replications at each look.
        comparisons: how many differences the gate judges, over all scenarios.
    """

    at: tuple[int, ...]
    comparisons: int

    @classmethod
    def up_to(cls, most: int, *, comparisons: int) -> Looks:
        """Looks at twice as many replications each time, the last at `most`.

        Raises:
            InputError: fewer replications than the first look needs, or too many.
        """
        if not FIRST_LOOK <= most <= MOST_REPLICATIONS:
            raise InputError(
                f"replications-max is {most}; expected {FIRST_LOOK} to {MOST_REPLICATIONS}: "
                "fewer can agree by chance and decide nothing"
            )
        looks = []
        look = FIRST_LOOK
        # A look right before the last would cost a part of the error and add little.
        while 3 * look <= 2 * most:
            looks.append(look)
            look *= 2
        return cls(at=(*looks, most), comparisons=comparisons)

    @property
    def pass_level(self) -> float:
        """Chance of missing on the high side of the interval, at one look."""
        return NOMINAL_PASS_ERROR / len(self.at)

    @property
    def fail_level(self) -> float:
        """Chance of missing on the low side, at one look of one comparison."""
        return NOMINAL_FAIL_ERROR / (len(self.at) * self.comparisons)
