"""The files of a hard budget: snapshots in two generations, each with its write-ahead log.

    state.json.budget-7.snapshot    how the ledger stood, and which calls were in flight
    state.json.budget-7.log         what was held and settled since then

A call's line is handed to the system before the call starts, so a process that is killed loses
nothing; a thread syncs the lines to the disk within `SYNC_S`, so a machine that loses its power
loses at most that. When a log is full, or broke, a new generation begins with a snapshot of the
ledger in memory. The snapshot and log before it are kept: where the newest snapshot cannot be
read, both logs together lead to the same.

A log that broke is taken away at once, so that a restart cannot take its budget for the whole.
Removing a file needs neither room nor a handle.
"""

from __future__ import annotations

import json
import threading
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .budget_log import Replay, TornError, begun, line
from .clock import Timekeeper
from .disk import DISK, Disk
from .health import Health
from .ledger import Ledger

__all__ = ["SYNC_S", "BudgetFiles", "Recovered", "recover"]

SYNC_S = 0.1
"""Wall seconds after which what was written is synced."""

_VERSION = 2
_MOST_BYTES = 2_000_000
_RETRY_S, _RETRY_MOST_S = 1.0, 16.0


class Recovered(NamedTuple):
    """What the files of a process before this one say.

    Attributes:
        state: for `Ledger.restore`; None where nothing can be read.
        epoch: Unix time of scenario second 0, if it had one.
        loss: what is wrong with them, as the end of a sentence; "" where nothing is.
        any_files: whether there are any files.
        generation: of the newest file.
    """

    state: dict[str, Any] | None
    epoch: float | None
    loss: str
    any_files: bool
    generation: int


class BudgetFiles:
    """Keeps one ledger.

    Args:
        path: of the files, without their generation.
        ledger: whose `log` this becomes.
        clock, health: of the balancer.
        generation: of the newest file there is.
        disk: the file system that they are on.
    """

    def __init__(
        self,
        path: Path,
        ledger: Ledger,
        *,
        clock: Timekeeper,
        health: Health,
        generation: int = 0,
        disk: Disk = DISK,
    ) -> None:
        self._path = path
        self._ledger = ledger
        self._clock = clock
        self._health = health
        self._disk = disk
        self._turning = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._handle: int | None = None
        self._spent: list[int] = []
        self._checksum = self._size = 0
        self._unsynced = False
        self._sound = False
        self._generation = generation
        self._oldest = generation
        self._retry_at = self._retry_s = 0.0

    # --- callers' side ------------------------------------------------------------------

    def append(self, text: str) -> None:
        """Write a line; the ledger's lock is held."""
        handle = self._handle
        if handle is None:
            return
        data, self._checksum = line(text, self._checksum)
        try:
            self._disk.put(handle, data)
        except OSError as error:
            self._lose(error)
        else:
            self._size += len(data)
            self._unsynced = True

    def _lose(self, error: OSError) -> None:
        """The log broke: from now on the ledger goes by memory, and no restart by the log."""
        handle, self._handle = self._handle, None
        self._sound = False
        if handle is not None:
            # What ends in half a line is not trusted, nor is a snapshot whose log is gone.
            with suppress(OSError):
                self._disk.write(handle, b"torn")
            self._spent.append(handle)
        for generation in range(self._oldest, self._generation + 1):
            with suppress(OSError):
                self._disk.remove(_log(self._path, generation))
        self._health.broke("budget", error)

    # --- beside them --------------------------------------------------------------------

    def begin(self, *, anew: bool = False) -> None:
        """Begin a generation now.

        Args:
            anew: nothing that was before is to be taken up again.
        """
        if anew:
            self._oldest = self._generation + 1
        with self._turning:
            self._ledger.log = self.append
            self._try_turn()

    def sync(self) -> None:
        """Sync what was written, or begin a generation where one is due."""
        with self._turning:
            if not self._sound:
                if time.monotonic() >= self._retry_at:
                    self._try_turn()
            elif self._size > _MOST_BYTES:
                self._try_turn()
            elif self._unsynced:
                self._unsynced = False
                handle = self._handle
                try:
                    if handle is not None:
                        self._disk.sync(handle)
                except OSError as error:
                    # Whatever was not synced may be gone from the disk, and will not be told again.
                    self._health.broke("budget", error)
                    self._sound = False
                    self._try_turn()

    def _try_turn(self) -> None:
        try:
            self._turn()
        except OSError as error:
            self._retry_s = min(_RETRY_MOST_S, max(_RETRY_S, 2 * self._retry_s))
            self._retry_at = time.monotonic() + self._retry_s
            self._sound = False
            self._health.broke("budget", error)
        else:
            self._retry_s = 0.0
            with self._ledger.still():
                # The log may have broken meanwhile, under a caller.
                self._sound = self._handle is not None
                if self._sound:
                    self._health.mended("budget")
        while self._spent:
            with suppress(OSError):
                self._disk.close(self._spent.pop())

    def _turn(self) -> None:
        disk, generation = self._disk, self._generation + 1
        handle = disk.create(_log(self._path, generation))
        try:
            first, checksum = begun(generation)
            disk.put(handle, first)
            # A log without more than this tells a restart that nothing was counted in it.
            disk.sync(handle)
        except OSError:
            disk.close(handle)
            raise
        with self._ledger.still():
            state = self._ledger.state()
            if self._handle is not None:
                self._spent.append(self._handle)
            self._handle, self._checksum, self._size = handle, checksum, len(first)
            self._generation = generation
            self._unsynced = True
        values = {
            "budget": _VERSION,
            "generation": generation,
            "epoch": self._clock.epoch,
            "ledger": state,
        }
        text = json.dumps(values, separators=(",", ":")).encode()
        disk.save(_snapshot(self._path, generation), b"%08x %s\n" % (zlib.crc32(text), text))
        keep, self._oldest = self._oldest, generation
        for number, path in _files(self._path):
            if number < keep:
                disk.remove(path)
        disk.remove(self._path)  # of a version before this one

    def start(self) -> None:
        """Sync from a thread of its own."""
        if self._thread is None or not self._thread.is_alive():
            self._stop.clear()
            self._thread = threading.Thread(
                target=self._run, name="open-balancer budget", daemon=True
            )
            self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(SYNC_S):
            try:
                self.sync()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next time may go well
                self._health.broke("budget", error)

    def tend(self) -> None:
        """What the thread does, where there is none."""
        if self._thread is None or not self._thread.is_alive():
            self.sync()

    def close(self) -> None:
        """End the thread; what is counted after this is written, and not synced."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10.0)
        self.sync()

    def __del__(self) -> None:
        # What is dropped together with this may still be settled afterwards.
        handle, self._handle = self._handle, None
        for each in (handle, *self._spent):
            if each is not None:
                with suppress(OSError):
                    self._disk.close(each)


def recover(path: Path) -> Recovered:
    """What the files of a process before this one say; never raises."""
    files = _files(path)
    if files and _never_used(files):
        del files[-1]
    if not files:
        return _of_version_1(path)
    newest = files[-1][0]
    snapshots = [number for number, each in files if each.suffix == ".snapshot"]
    loss = ""
    for start in reversed(snapshots):
        replay, epoch, wrong = _snapshot_of(path, start)
        if replay is None:
            loss = loss or wrong
            continue
        wrong = _through_logs(path, replay, range(start, newest + 1))
        # An older snapshot leads to the same, by all the logs from there on.
        return Recovered(replay.state(), epoch, wrong, any_files=True, generation=newest)
    loss = loss or f"{_snapshot(path, newest).name} is missing"
    return Recovered(None, None, loss, any_files=True, generation=newest)


def _never_used(files: list[tuple[int, Path]]) -> bool:
    """Whether the newest is a log of a process that was killed before it counted anything there,
    and perhaps before it wrote all of its first line.
    """
    newest, log = files[-1]
    if log.suffix != ".log" or [number for number, _ in files].count(newest) > 1:
        return False
    first, _ = begun(newest)
    with suppress(OSError):
        return first.startswith(log.read_bytes())
    return False


def _snapshot_of(path: Path, generation: int) -> tuple[Replay | None, float | None, str]:
    file = _snapshot(path, generation)
    try:
        checksum, _, text = file.read_bytes().rstrip(b"\n").partition(b" ")
        if checksum != b"%08x" % zlib.crc32(text):
            return None, None, f"{file.name} is torn or was changed"
        values = json.loads(text)
        if values["budget"] != _VERSION or values["generation"] != generation:
            return None, None, f"{file.name} is of another version or generation"
        return Replay(values["ledger"]), values["epoch"], ""
    except OSError as error:
        return None, None, f"{file.name} cannot be read: {error.strerror}"
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        return None, None, f"{file.name} holds no state: {error}"


def _through_logs(path: Path, replay: Replay, generations: range) -> str:
    """Go through the logs; what is wrong with the first that cannot be trusted, or ""."""
    for generation in generations:
        file = _log(path, generation)
        try:
            replay.log(file.read_bytes(), generation, last=generation == generations[-1])
        except FileNotFoundError:
            return f"{file.name} is missing"
        except OSError as error:
            return f"{file.name} cannot be read: {error.strerror}"
        except TornError as error:
            return f"{file.name}: {error}"
    return ""


def _of_version_1(path: Path) -> Recovered:
    """One file, replaced every tick."""
    try:
        values = json.loads(path.read_bytes())
        state = Replay(values).state()
    except FileNotFoundError:
        return Recovered(None, None, "", any_files=False, generation=0)
    except OSError as error:
        loss = f"{path.name} cannot be read: {error.strerror}"
    except (LookupError, TypeError, ValueError, RecursionError) as error:
        loss = f"{path.name} holds no state: {error}"
    else:
        return Recovered(state, None, "", any_files=True, generation=0)
    return Recovered(None, None, loss, any_files=True, generation=0)


def _snapshot(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}-{generation}.snapshot")


def _log(path: Path, generation: int) -> Path:
    return path.with_name(f"{path.name}-{generation}.log")


def _files(path: Path) -> list[tuple[int, Path]]:
    """Snapshots and logs with their generations, oldest first."""
    files = []
    with suppress(OSError):
        for each in path.parent.iterdir():
            number = each.stem[len(path.name) + 1 :]
            named = each.name.startswith(f"{path.name}-") and each.suffix in (".snapshot", ".log")
            if named and number.isdecimal():
                files.append((int(number), each))
    return sorted(files)
