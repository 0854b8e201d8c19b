"""A quota called as the upstream does, and an exact log to compare it with."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from sim.plant.quota import CELLS, new_row, take

__all__ = ["ExactLog", "Quota"]


class Quota:
    """One model's quota, in a project that may have one too."""

    def __init__(
        self,
        counting: str = "calendar",
        rpm: int | None = None,
        tpm: int | None = None,
        rpd: int | None = None,
        *,
        counts_refused: bool = False,
        burst_s: float = 60.0,
        phase_s: float = 0.0,
    ) -> None:
        self.rows = np.concatenate(
            [
                new_row(
                    rpm=limits[0],
                    tpm=limits[1],
                    rpd=limits[2],
                    counting=counting,
                    counts_refused=counts_refused,
                    burst_s=burst_s,
                    phase_s=phase_s,
                )
                for limits in ((rpm, tpm, rpd), (None, None, None))
            ]
        )
        self.cells = np.zeros((2, 2, CELLS), np.int64)
        self.midnights = np.array([1000.0, 87_400.0])

    def take(self, now_s: float, prompt: int = 10, factor: float = 1.0) -> tuple[int, float]:
        """A call at a moment: the failure's index or -1, and the retry delay."""
        rows: Any = self.rows
        refusal, delay_s, _ = take(
            rows[0],
            self.cells[0],
            rows[1],
            self.cells[1],
            self.midnights,
            now_s,
            prompt,
            factor,
            0.0,
        )
        return refusal, delay_s


class ExactLog:
    """A sliding minute without cells: the moment and tokens of every call that was granted."""

    def __init__(self, rpm: int, tpm: int) -> None:
        self._rpm, self._tpm = rpm, tpm
        self._log: deque[tuple[float, int]] = deque()
        self._tokens = 0

    def take(self, now_s: float, prompt: int) -> bool:
        """Whether a call is granted; it counts for 60 s then."""
        while self._log and self._log[0][0] <= now_s - 60.0:
            self._tokens -= self._log.popleft()[1]
        granted = len(self._log) < self._rpm and self._tokens + prompt <= self._tpm
        if granted:
            self._log.append((now_s, prompt))
            self._tokens += prompt
        return granted
