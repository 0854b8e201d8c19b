"""The fates that the mock dealt, collected while it deals them: it forgets the oldest."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from balancer.core.errors import InputError
from sim.mock_gemini.admin_client import Admin

from .rows import Fate, write_row

__all__ = ["FATES", "FateCollector", "fate_of"]

FATES = "fates.jsonl"

_EVERY_S = 5.0


def fate_of(call: dict[str, Any]) -> Fate:
    """A row from what the mock's admin API says of a call."""
    failure = "" if call["outcome"] == "answer" else str(call["outcome"])
    duration_s = call["duration_s"]
    return Fate(
        request=call["request"],
        attempt=call["attempt"],
        model=call["model"],
        began_s=call["began_s"],
        duration_s=math.inf if duration_s is None else duration_s,
        failure=failure,
        prompt=call["prompt"],
        cached=call["cached"],
        answered=call["output"],
        thought=call["thinking"],
        delivered_ppm=call["delivered_ppm"],
        quality_ppm=call["quality_ppm"],
        bill_nano_usd=call["bill_nano_usd"],
        downgraded=call["served_tier"] != call["tier"],
    )


class FateCollector:
    """Asks the mock every few seconds for the calls that are over; a context manager.

    Args:
        admin: of the mock.
        directory: where the rows go.
    """

    __slots__ = ("_admin", "_next", "_path", "_sink", "_stop", "_thread")

    def __init__(self, admin: Admin, directory: Path) -> None:
        self._admin = admin
        self._path = directory / FATES
        self._next = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fates", daemon=True)
        self._sink: TextIO | None = None

    def __enter__(self) -> Self:
        self._sink = self._path.open("w", encoding="utf-8")
        return self

    def begin(self) -> None:
        """The scenario begins: calls before it are nobody's business."""
        self._thread.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        begun = self._thread.is_alive()
        if begun:
            self._thread.join()
        try:
            if error is None and begun:
                self._collect()
        finally:
            if self._sink is not None:
                self._sink.close()

    def _run(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self._collect()
            except InputError:
                return  # a mock that died is noticed by whoever asks it last

    def _collect(self) -> None:
        assert self._sink is not None
        calls = self._admin.calls(self._next)
        for call in calls:
            write_row(self._sink, fate_of(call))
        if calls:
            self._next = calls[-1]["number"] + 1
