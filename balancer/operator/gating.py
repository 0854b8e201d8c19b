"""The gate of a policy: `open-balancer gate` in a process of its own, one at a time.

The command is what a person would call, so that there is one gate. A process can be stopped when
a newer policy comes, and takes no time and no memory of the operator's.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from ..records.gate import GATE, Gate
from .decisions import GateAsked
from .memory import Outcome

__all__ = ["GateBroke", "Gates"]

_VERDICTS: dict[int, Outcome] = {0: "pass", 1: "fail", 3: "inconclusive"}
_REFUSED = 2
_GRACE_S = 10.0
"""In which the command writes what it has so far."""


class GateBroke(Exception):  # noqa: N818 - it is nobody's mistake
    """The gate ended without a verdict; says how."""


class Gates:
    """Runs gates.

    Args:
        words: the verdict of a gate for people.
        workers: processes of a gate; None: the command's own choice.
        command: words of the command, but for what is asked.
    """

    def __init__(
        self,
        words: Callable[[Gate], str],
        *,
        workers: int | None = None,
        command: Sequence[str] = (sys.executable, "-m", "balancer.cli", "gate"),
    ) -> None:
        self._words = words
        self._workers = workers
        self._command = tuple(command)
        self._turn = asyncio.Lock()

    async def __call__(self, asked: GateAsked) -> tuple[Outcome, str]:
        """Run a gate; cancelled, its process ends.

        Returns:
            The verdict, and the same in words.

        Raises:
            GateBroke: there is no verdict.
        """
        async with self._turn:
            with TemporaryDirectory(prefix="open-balancer-gate-") as folder:
                return await self._run(asked, Path(folder))

    async def _run(self, asked: GateAsked, folder: Path) -> tuple[Outcome, str]:
        words = [*self._command, "--quiet", "--out", str(folder / "report")]
        for option, policy in (("--baseline", asked.baseline), ("--candidate", asked.candidate)):
            file = folder / f"{option.strip('-')}.yaml"
            file.write_text(policy.text, encoding="utf-8")
            words += [option, str(file)]
        if asked.margin:
            words += ["--margin", asked.margin]
        if asked.replications_max is not None:
            words += ["--replications-max", str(asked.replications_max)]
        if self._workers is not None:
            words += ["--workers", str(self._workers)]
        files = [folder / "scenarios" / each.name for each in asked.own_scenarios]
        for file, each in zip(files, asked.own_scenarios, strict=True):
            file.parent.mkdir(exist_ok=True)
            file.write_text(each.text, encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *words,
            "--",
            *asked.scenarios,
            *map(str, files),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            _, said = await process.communicate()
        finally:
            await _end(process)
        code = process.returncode
        assert code is not None
        told = said.decode(errors="replace").strip().splitlines()[-1:] or ["it said nothing"]
        if code == _REFUSED:
            return "refused", told[0].removeprefix("error: ")
        if code not in _VERDICTS:
            how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
            raise GateBroke(f"the gate {how}: {told[0]}")
        return _VERDICTS[code], self._words(GATE.read(folder / "report"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a process that still runs, and its workers with it: they notice."""
    if process.returncode is not None:
        return
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _GRACE_S)
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
