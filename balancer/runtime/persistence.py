"""Keeps what a live controller saw, decided and remembers: journal, snapshot and budget files.

Journal and snapshot are written by the ticker, in its own time, never by a caller. What cannot be
written is a problem of the balancer's health, and tried again some ticks later with a fresh file.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from ..core.controller import Controller
from ..core.decisions import Decision
from ..core.journal import JournalWriter
from ..core.observations import Observations
from .budget_files import BudgetFiles
from .clock import Timekeeper
from .files import Files
from .health import Health
from .ledger import Ledger
from .snapshot import ledger_path, save, snapshot
from .spent import Spent

__all__ = ["Persistence"]

_RETRY_TICKS = 10
_SNAPSHOT_S = 60.0


class Persistence:
    """Writes those of a balancer's files that are wanted.

    Args:
        files: which; what `run` says is put over what the journal says of itself.
        clock, ledger, health: of the balancer.
        source: name of the journal among what may be broken.
    """

    __slots__ = (
        "_before", "_budget", "_clock", "_health", "_journal", "_ledger", "_retry_at", "_run",
        "_snapshot_at", "_source", "_state", "_syncs", "_writer",
    )  # fmt: skip

    def __init__(
        self,
        files: Files,
        *,
        clock: Timekeeper,
        ledger: Ledger,
        health: Health,
        source: str = "journal",
    ) -> None:
        self._journal = files.journal
        self._state = files.state
        self._run = dict(files.run)
        self._clock = clock
        self._ledger = ledger
        self._health = health
        self._writer: JournalWriter | None = None
        self._retry_at = 0
        self._snapshot_at = 0.0
        self._before = Spent()
        self._budget: BudgetFiles | None = None
        self._syncs = False
        self._source = source

    @property
    def journal(self) -> Path | None:
        """The current file."""
        return None if self._journal is None else self._journal.path

    def follow(self, spent: Spent) -> None:
        """What the process before this one left of a hard budget; told before `begin`."""
        self._before = spent

    def begin(self, controller: Controller, because: str, kept: str = "") -> None:
        """Begin a file of the journal, from what the controller remembers now.

        Args:
            controller: that will decide.
            because: why a new file begins: start, restart, full, policy, journal, leap or fork.
            kept: what the controller kept of the one before, as a sentence.
        """
        self._snapshot_at = 0.0
        self._writer = None
        self._keep_budget()
        if self._journal is None:
            return
        epoch = self._clock.epoch
        run = {
            "kind": "live",
            "because": because,
            "kept": kept,
            "written": datetime.now(UTC).isoformat(timespec="seconds"),
            "pid": os.getpid(),
            "epoch": epoch,
            "speed": self._clock.speed,
            "tick_s": controller.policy.tick_s,
            **self._run,
        }
        state = None if controller.tick is None else controller.state()
        try:
            self._writer = self._journal.begin(controller.policy, run, state)
        except Exception as error:  # noqa: BLE001 - a sink of any kind may fail in any way
            self._lost(error)
        else:
            self._health.mended(self._source)

    def keep(self, observations: Observations, decision: Decision, controller: Controller) -> None:
        """Write down a tick that was stepped."""
        self._write(observations, decision, controller)
        self._save(observations.tick, controller)

    def _write(
        self, observations: Observations, decision: Decision, controller: Controller
    ) -> None:
        journal = self._journal
        if journal is None:
            return
        if self._writer is None:
            self._retry_at -= 1
            if self._retry_at <= 0:
                self.begin(controller, "journal", "everything; ticks before could not be written")
            return
        try:
            full = journal.put(self._writer, observations, decision)
        except Exception as error:  # noqa: BLE001 - as above
            self._lost(error)
            return
        if full:
            self.begin(controller, "full", "everything")

    def _lost(self, error: Exception) -> None:
        self._writer = None
        self._retry_at = _RETRY_TICKS
        assert self._journal is not None
        self._journal.close()
        self._health.broke(self._source, error)

    def _keep_budget(self) -> None:
        """From the moment that there is a hard budget on."""
        if self._budget is not None:
            self._budget.tend()
            return
        ledger = self._ledger
        # A ledger that balancers share is kept by the first of them.
        if self._state is None or ledger.is_kept or ledger.lent or not ledger.has_limits:
            return
        self._budget = BudgetFiles(
            ledger_path(self._state),
            ledger,
            clock=self._clock,
            health=self._health,
            generation=self._before.generation,
        )
        self._budget.begin(anew=bool(self._before.loss))
        if self._syncs:
            self._budget.start()

    def start(self) -> None:
        """The balancer has a ticker: what must not wait for it has a thread."""
        self._syncs = True
        if self._budget is not None:
            self._budget.start()

    def _save(self, tick: int, controller: Controller, *, now: bool = False) -> None:
        if self._state is None:
            return
        self._keep_budget()
        due = now or tick * controller.policy.tick_s >= self._snapshot_at
        try:
            if due:
                save(self._state, snapshot(controller.policy, controller, self._clock.epoch))
        except Exception as error:  # noqa: BLE001 - as above
            self._snapshot_at = 0.0
            self._health.broke("state", error)
            return
        if due:
            self._snapshot_at = tick * controller.policy.tick_s + _SNAPSHOT_S
        self._health.mended("state")

    def close(self, controller: Controller) -> None:
        """Write a last snapshot and close the files."""
        if controller.tick is not None:
            self._save(controller.tick, controller, now=True)
        if self._budget is not None:
            self._budget.close()
        self._syncs = False
        self._writer = None
        if self._journal is not None:
            self._journal.close()

    def after_fork(self, controller: Controller, parent: int) -> None:
        """In the child: files of its own, named after its process."""
        if self._journal is not None:
            path = self._journal.path
            self._journal = self._journal.named(_of_process(path))
        if self._state is not None:
            self._state = _of_process(self._state)
        self._budget, self._before, self._syncs = None, Spent(), False
        self.begin(controller, f"fork of {parent}", "everything")


def _of_process(path: Path) -> Path:
    return path.with_name(f"{path.stem}-{os.getpid()}{path.suffix}")
