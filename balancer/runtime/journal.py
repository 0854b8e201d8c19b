"""Files of the live journal, of bounded size and number; each can be replayed by itself.

Every file begins with a header that holds the policy and what the controller remembered at that
point, so a rotated file replays to the bit without the ones before it. A tick is written and
flushed at once: a process that is killed loses at most the tick under way. What a line
holds is said in `balancer.core.journal`.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import IO

from ..core.decisions import Decision
from ..core.journal import JournalWriter
from ..core.observations import Observations
from ..core.policy import Policy

__all__ = ["JournalFiles"]


class JournalFiles:
    """A journal in files: the current one has the given name, earlier ones a number in theirs.

    `journal.jsonl` becomes `journal.1.jsonl` when it is full, then the next one
    `journal.2.jsonl`, and so on; of these the newest few are kept.

    Args:
        path: of the current file.
        max_bytes: a file whose ticks take this much is full; the header, which may be some
            hundred kilobytes, is not counted.
        keep: earlier files kept.
    """

    __slots__ = ("_keep", "_max_bytes", "_stream", "_written", "path")

    def __init__(self, path: Path, *, max_bytes: int = 64_000_000, keep: int = 8) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._keep = keep
        self._stream: IO[str] | None = None
        self._written = 0

    def begin(
        self, policy: Policy, run: Mapping[str, object], state: Mapping[str, object] | None
    ) -> JournalWriter:
        """Begin a file; one that is there under its name is put among the earlier ones.

        Raises:
            OSError: it cannot be written.
        """
        self.close()
        self._put_away()
        self._stream = self.path.open("w", encoding="utf-8")
        writer = JournalWriter(self, policy, run, state=state)
        self._stream.flush()
        self._written = 0
        return writer

    def write(self, text: str) -> None:
        """What the writer calls for every line."""
        assert self._stream is not None
        self._stream.write(text)
        self._written += len(text)

    def put(self, writer: JournalWriter, observations: Observations, decision: Decision) -> bool:
        """Write a tick.

        Returns:
            Whether the file is full now.

        Raises:
            OSError: it cannot be written; what is in the file may be torn.
        """
        assert self._stream is not None
        writer.write(observations, decision)
        self._stream.flush()
        return self._written >= self._max_bytes

    def close(self) -> None:
        """Close the current file, whatever state it is in."""
        stream, self._stream = self._stream, None
        if stream is not None:
            with suppress(OSError):
                stream.close()

    def named(self, path: Path) -> JournalFiles:
        """The same under another name, for the child of a fork; the parent's stream stays its."""
        return JournalFiles(path, max_bytes=self._max_bytes, keep=self._keep)

    def earlier(self) -> list[Path]:
        """Files before the current one, oldest first."""
        named = self.path.parent.glob(f"{escape(self.path.stem)}.*{escape(self.path.suffix)}")
        numbered = [(self._number(path), path) for path in named]
        return [path for number, path in sorted(numbered) if number]

    def _put_away(self) -> None:
        # A device or a pipe under the name is written to as it is.
        if not self.path.is_file() or self.path.stat().st_size == 0:
            return
        earlier = self.earlier()
        number = self._number(earlier[-1]) + 1 if earlier else 1
        self.path.rename(self.path.with_name(f"{self.path.stem}.{number}{self.path.suffix}"))
        for path in self.earlier()[: -self._keep or None]:
            path.unlink()

    def _number(self, path: Path) -> int:
        number = path.name[len(self.path.stem) + 1 : -len(self.path.suffix) or None]
        return int(number) if number.isdecimal() else 0
