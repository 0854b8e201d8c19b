"""What is asked of workers, and what they answer. Nothing of the simulator is imported here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..run.result import Run

__all__ = ["Asked", "Done", "Hour", "Pairs", "Spent", "Subject", "Trial"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is simulated.

    Attributes:
        name: of a scenario.
        text: of its file; "" is the library's.
    """

    name: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """A stretch of a journal.

    Attributes:
        name: for the scenario that it becomes.
        paths: of the journal's files, oldest first.
        from_s, to_s: scenario seconds.
    """

    name: str
    paths: tuple[Path, ...]
    from_s: float
    to_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A policy as it is tried.

    Attributes:
        text: of the policy; "" is the one that ships.
        amounts: other values than the text has, by path.
    """

    text: str = ""
    amounts: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What tells it from others."""
        return self.text, tuple(sorted(self.amounts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question about one replication.

    Attributes:
        subject: the hour.
        trial: the policy.
        slot: of the job.
        have: keys of the arms beside that the asker has already.
        arms: to run, of `replicate`.
        replication: which, of `replicate`.
    """

    subject: Subject
    trial: Trial
    slot: int | None
    have: tuple[str, ...] = ()
    arms: tuple[str, ...] = ()
    replication: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Runs to be compared.

    Attributes:
        runs: of the policy.
        others: by the name that they are compared under; run k of all saw the same requests.
    """

    runs: Sequence[Run]
    others: Mapping[str, Sequence[Run]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """A task for `spent`.

    Attributes:
        function: what to do.
        task: with what.
        slot: of the job.
    """

    function: Callable[[Any], Any]
    task: Any
    slot: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of a task.

    Attributes:
        value: its result, or the mistake of whoever asked.
        cpu_s: seconds of a core that it took.
    """

    value: Any
    cpu_s: float
