"""A file layer that fails at each of its calls in turn, under a hard budget."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from unittest.mock import patch

from balancer.core.policy import BudgetLimit, Policy
from balancer.policy_file import default_policy
from balancer.runtime import budget_files
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.disk import Disk
from tests.runtime.bench import Bench

from .tried import Tried

__all__ = ["KINDS", "Faulty", "Life", "faults", "file_faults"]

_CODES = {"create": errno.EMFILE, "write": errno.ENOSPC, "sync": errno.EIO}
KINDS = ("create", "write", "torn", "part", "sync", "rename", "remove")
_MOMENTS = 60
_SECONDS = 25
_LIMIT_NANO_USD = 50_000_000


class Faulty(Disk):
    """A disk of which one kind of call fails from some moment on."""

    def __init__(self, kind: str, after: int, code: int, times: int) -> None:
        self.kind, self.after, self.code, self.left = kind, after, code, times

    def _may_fail(self, kind: str) -> None:
        if kind != self.kind:
            return
        self.after -= 1
        if self.after < 0 < self.left:
            self.left -= 1
            raise OSError(self.code, "made to fail")

    def create(self, path: Path) -> int:
        """Open."""
        self._may_fail("create")
        return super().create(path)

    def write(self, handle: int, data: bytes) -> int:
        """Write, perhaps a part."""
        try:
            self._may_fail("write")
            self._may_fail("torn")
        except OSError:
            if self.kind == "torn":
                super().write(handle, data[: len(data) // 2])
            raise
        if self.kind == "part" and self.after <= 0 < self.left:
            self.left -= 1
            return super().write(handle, data[: len(data) // 2])
        self.after -= self.kind == "part"
        return super().write(handle, data)

    def sync(self, handle: int) -> None:
        """Sync."""
        self._may_fail("sync")
        super().sync(handle)

    def rename(self, path: Path, to: Path) -> None:
        """Rename."""
        self._may_fail("rename")
        super().rename(path, to)

    def remove(self, path: Path) -> None:
        """Remove."""
        self._may_fail("remove")
        super().remove(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """A process whose disk failed, and the one after it.

    Attributes:
        fault: in words.
        left, known: nano-dollars that its budget still afforded, by the calls that were billed and
            by what it knew.
        after: what it affords after the restart.
        broken: whether it said that its files were broken in the end.
        failures: of its disk.
        loss: what the restart said was lost.
    """

    fault: str
    left: int
    known: int
    after: int
    broken: bool
    failures: int
    loss: str

    def wrong(self) -> list[str]:
        """What did not hold."""
        said = []
        if self.known != self.left:
            said.append(f"{self.fault}: it knew of {self.known}, and {self.left} were left")
        if self.after > self.left:
            said.append(f"{self.fault}: {self.after - self.left} are forgotten by the restart")
        if not self.broken and (self.after != self.left or self.loss):
            said.append(f"{self.fault}: it said that all was well, and the restart {self.loss!r}")
        return said


def faults(folder: Path, kind: str, times: int, *, every: int) -> Iterator[Life]:
    """Let one kind of call fail at one moment after the other.

    Args:
        folder: for files.
        kind: of `KINDS`.
        times: that it fails from then on.
        every: a moment is a call; only one of so many is tried.
    """
    policy = replace(
        default_policy(), budgets=(BudgetLimit(usd=_LIMIT_NANO_USD / 1e9, window_s=3600.0),)
    )
    for moment in range(0, _MOMENTS, every):
        disk = Faulty(kind, moment, _CODES.get(kind, errno.EIO), times)
        known = budget_files.BudgetFiles.__init__.__kwdefaults__
        assert known is not None
        with (
            patch.object(budget_files, "_MOST_BYTES", 600),
            patch.object(budget_files, "_RETRY_S", 0.0),
            patch.dict(known, disk=disk),
        ):
            fault = f"{kind} fails at call {moment} {'once' if times == 1 else 'and on'}"
            yield _life(folder / f"{kind}-{times}-{moment}", policy, disk, fault)


def _life(folder: Path, policy: Policy, disk: Faulty, fault: str) -> Life:
    folder.mkdir(parents=True)
    billed = 0
    bench = Bench(policy, state=folder / "state.json")
    for _ in range(_SECONDS):
        request = bench.balancer.request(asked=Asked(prompt_tokens=1000))
        attempt = request.start()
        assert attempt is not None
        attempt.finish(Outcome(prompt_tokens=1000, output_tokens=50))
        billed += request.account.nano_usd
        bench.seen()
    status = bench.balancer.status()
    disk.left = 0
    after = Bench(policy, state=folder / "state.json", now_s=_SECONDS + 1.0)
    return Life(
        fault=fault,
        left=_LIMIT_NANO_USD - billed,
        known=bench.balancer.budgets()[0].left,
        after=after.balancer.budgets()[0].left,
        broken="budget" in status.problems,
        failures=status.failures.get("budget", 0),
        loss=after.balancer.status().budget_loss,
    )


def file_faults(folder: Path, *, every: int) -> Tried:
    """All kinds, once and from then on."""
    logger = logging.getLogger("balancer")
    before, logger.disabled = logger.disabled, True  # each fault is told of
    try:
        lives = [
            life
            for kind in KINDS
            for times in (1, 10**6)
            for life in faults(folder, kind, times, every=every)
        ]
    finally:
        logger.disabled = before
    return Tried(
        what="a disk that fails (open, write, torn, part, sync, rename, remove)",
        wanted="budgets go on by memory, a restart forgets nothing",
        cases=len(lives),
        fell=tuple(wrong for life in lives for wrong in life.wrong()),
        measured=f"{sum(life.failures for life in lives):,} failures of the disk",
    )
