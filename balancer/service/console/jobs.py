"""Runs of the command, started from pages: one at a time, at low priority, each in its folder.

A run is exactly what `open-balancer run`, `compare`, `gate` or `backtest` does in a terminal, in
a process of its own: it can be read up, repeated and stopped, and the service does not feel it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

from ..problems import Problem

__all__ = ["LEAST_PAIRS", "MOST_REPLICATIONS", "Job", "JobState", "Jobs"]

MOST_REPLICATIONS = 1000
"""That a page asks of a run."""
LEAST_PAIRS = 10
"""Of runs: fewer are nothing to a gate."""

_MOST_WAITING = 10
_KEPT = 100
_NICE = 10
_LONGEST_S = 3600.0
_STOPS_WITHIN_S = 10.0
_LIBRARY = Path(__file__).parents[3] / "scenarios" / "library"
_TITLE = re.compile(r"^title: (.+)$", re.MULTILINE)
_LOG_TAIL = 6000
_JUDGED = (0, 1, 3)
"""Exit codes of a run that came to its end: it holds, it fails, nobody can tell."""
_log = logging.getLogger("balancer.service.console")


class JobState(Enum):
    """Where a run is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(slots=True, kw_only=True)
class Job:
    """A run.

    Attributes:
        number: its folder's name.
        kind: run, compare, gate or backtest.
        title: what it is of, in words.
        words: of the command, without the program.
        who: started it.
        asked_at, began_at, ended_at: Unix time.
        state: of `JobState`, as its value.
        code: its exit code.
    """

    number: int
    kind: str
    title: str
    words: list[str]
    who: str
    asked_at: float
    began_at: float | None = None
    ended_at: float | None = None
    state: str = JobState.WAITING.value
    code: int | None = None

    @property
    def over(self) -> bool:
        """Whether nothing more comes."""
        return self.state not in (JobState.WAITING.value, JobState.RUNNING.value)

    @property
    def verdict(self) -> str:
        """What its exit code says, in words."""
        said = {0: "holds", 1: "fails", 2: "cannot be run", 3: "inconclusive"}
        if self.kind in ("compare", "backtest"):
            said = {0: "done", 2: "cannot be run", 3: "not to be trusted"}
        return said.get(self.code, "") if self.code is not None else ""


class Jobs:
    """All runs of a service, and the one under way.

    Args:
        folder: where they are kept; made when the first one starts.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._jobs: dict[int, Job] = {}
        self._waiting: asyncio.Queue[int] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._running: int | None = None
        self._scenarios: list[tuple[str, str]] | None = None
        self._read()

    def _read(self) -> None:
        for path in sorted(self._folder.glob("[0-9]*/job.json")):
            with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
                job = Job(**json.loads(path.read_text(encoding="utf-8")))
                if type(job.number) is not int:
                    continue
                if not job.over:  # the service ended meanwhile
                    job.state = JobState.STOPPED.value
                self._jobs[job.number] = job

    def newest(self) -> list[Job]:
        """All, the newest first."""
        return sorted(self._jobs.values(), key=lambda job: -job.number)

    def get(self, number: int) -> Job:
        """One.

        Raises:
            Problem: 404.
        """
        if number not in self._jobs:
            raise Problem(404, f"there is no run {number}")
        return self._jobs[number]

    def folder(self, number: int) -> Path:
        """Where its files are."""
        return self._folder / f"{number:04d}"

    async def start(
        self,
        kind: str,
        title: str,
        words: Sequence[str],
        who: str,
        files: dict[str, str] | None = None,
    ) -> Job:
        """Put a run in the queue.

        Args:
            kind: the command.
            title: in words.
            words: of the command; `{job}` is the run's own folder.
            who: starts it.
            files: that it needs, by name, in its folder.

        Raises:
            Problem: 429 where too many wait, 503 where nothing can be written.
        """
        waiting = [job for job in self._jobs.values() if job.state == JobState.WAITING.value]
        if len(waiting) >= _MOST_WAITING:
            raise Problem(429, f"{_MOST_WAITING} runs wait already; stop one, or try again later")
        number = max(self._jobs, default=0) + 1
        folder = self.folder(number)
        job = Job(
            number=number,
            kind=kind,
            title=title,
            words=[kind, *(word.replace("{job}", str(folder)) for word in words)],
            who=who,
            asked_at=time.time(),
        )
        try:
            await asyncio.to_thread(self._write_files, folder, files or {})
            self._save(job)
        except OSError as error:
            raise Problem(503, f"the run's folder cannot be written: {error.strerror}") from None
        self._jobs[number] = job
        self._forget()
        self._waiting.put_nowait(number)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return job

    def stop(self, number: int) -> None:
        """Stop a run, or take it out of the queue; one that is over stays as it is."""
        job = self.get(number)
        if job.over:
            return
        job.state = JobState.STOPPED.value
        job.ended_at = time.time()
        self._save(job)
        if self._running == number and self._process is not None:
            _end(self._process)

    async def idle(self) -> None:
        """Wait until none runs or waits."""
        if self._worker is not None:
            await asyncio.wait([self._worker])

    async def close(self) -> None:
        """Stop what runs, with the service."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.gather(self._worker, return_exceptions=True)

    def tail(self, number: int) -> str:
        """The end of what it printed."""
        try:
            with (self.folder(number) / "log.txt").open("rb") as file:
                file.seek(0, os.SEEK_END)
                file.seek(max(0, file.tell() - _LOG_TAIL))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        # A progress line writes over itself.
        return "\n".join(line.rpartition("\r")[2] for line in text.splitlines())

    def scenarios(self) -> list[tuple[str, str]]:
        """Names of the library's scenarios and what each asks; empty where there is no harness."""
        if self._scenarios is None:
            self._scenarios = _listed()
        return self._scenarios

    # --- the queue ------------------------------------------------------------------------

    async def _work(self) -> None:
        while not self._waiting.empty():
            number = self._waiting.get_nowait()
            job = self._jobs.get(number)
            if job is not None and not job.over:
                await self._run(job)

    async def _run(self, job: Job) -> None:
        job.state, job.began_at = JobState.RUNNING.value, time.time()
        self._running = job.number
        self._save(job)
        try:
            self._process = await asyncio.to_thread(self._begin, job)
            with contextlib.suppress(OSError, AttributeError):
                os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICE)
            job.code = await asyncio.to_thread(self._process.wait, _LONGEST_S)
            if not job.over:
                job.state = (JobState.DONE if job.code in _JUDGED else JobState.FAILED).value
        except subprocess.TimeoutExpired:
            job.state = JobState.STOPPED.value
        except OSError as error:
            _log.warning("run %d cannot be started: %s", job.number, error.strerror)
            job.state = JobState.FAILED.value
        except asyncio.CancelledError:
            job.state = JobState.STOPPED.value
            raise
        finally:
            if self._process is not None and self._process.poll() is None:
                _end(self._process)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOPS_WITHIN_S)
            self._process, self._running = None, None
            job.ended_at = time.time()
            self._save(job)

    def _begin(self, job: Job) -> subprocess.Popen[bytes]:
        # Not by the event loop, which forks: the balancer would take that for a worker process.
        with (self.folder(job.number) / "log.txt").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "balancer.cli", *job.words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_environment(),
                start_new_session=True,
            )

    # --- files ----------------------------------------------------------------------------

    def _write_files(self, folder: Path, files: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")

    def _save(self, job: Job) -> None:
        path = self.folder(job.number) / "job.json"
        path.with_suffix(".new").write_text(json.dumps(asdict(job), indent=1), encoding="utf-8")
        path.with_suffix(".new").replace(path)

    def _forget(self) -> None:
        import shutil

        over = [job.number for job in self.newest() if job.over]
        for number in over[_KEPT:]:
            del self._jobs[number]
            shutil.rmtree(self.folder(number), ignore_errors=True)


def _listed() -> list[tuple[str, str]]:
    """Of the library that ships beside this package, without importing the harness."""
    if find_spec("numba") is None:
        return []
    found = []
    for path in sorted(_LIBRARY.glob("*.yaml")):
        title = _TITLE.search(path.read_text(encoding="utf-8"))
        found.append((path.stem, title[1] if title else ""))
    return found


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a run and the workers that it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def _environment() -> dict[str, str]:
    """Without secrets: a run needs none."""
    secret = ("TOKEN", "KEY", "SECRET", "PASSWORD", "OPEN_BALANCER_", "DD_", "OTEL_")
    plain = {
        name: value for name, value in os.environ.items() if not any(s in name for s in secret)
    }
    return plain | {"PYTHONUNBUFFERED": "1", "COLUMNS": "100", "NO_COLOR": "1"}
