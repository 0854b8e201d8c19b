"""What is played with: a scenario of the library, or one fitted to an hour of a journal."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from balancer.core.errors import InputError, JournalError, nearest
from balancer.journal_file import open_journal
from balancer.policy_file import default_text, show_policy
from scenarios.loader import library, load

from ..fitting.fit import fit_journal
from ..fitting.fitted import fitted_scenario, scenario_of_text
from ..tuning.fields import Fields
from .knobs import Knobs
from .session import Session
from .values import Hour, Subject

__all__ = ["fitted", "knobs_of", "own_policy", "session_of"]


@lru_cache(maxsize=4)
def session_of(subject: Subject) -> Session:
    """The session of a subject, made once.

    Raises:
        InputError: there is no such scenario.
    """
    if subject.text:
        return Session(scenario_of_text(subject.text, subject.name))
    known = library()
    # A name from outside is no path to a file of this machine.
    if subject.name not in known:
        raise InputError(f"the library has no scenario {subject.name[:80]!r}"
                         f"{nearest(subject.name, known)}", where="on")  # fmt: skip
    return Session(load(subject.name).scenario)


@lru_cache(maxsize=32)
def knobs_of(text: str) -> Knobs:
    """The knobs of a policy's text; "" is the policy that ships."""
    return Knobs(Fields(text or default_text()))


def own_policy(name: str) -> str:
    """The text of the policy that a scenario of the library names; "" where it names none."""
    policy = load(name).policy if name in library() else None
    return "" if policy is None else show_policy(policy)


def fitted(hour: Hour) -> str:
    """The text of the scenario that an hour is fitted by.

    Raises:
        InputError: there is too little in it.
        JournalError: a file is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="open-balancer-") as folder:
        text, _ = fitted_scenario(fit_journal(_cut(hour, Path(folder))), hour.name)
    return text


def _cut(hour: Hour, folder: Path) -> Sequence[Path]:
    """The lines of an hour, in files of their own: each begins with its file's first line."""
    found = []
    for number, path in enumerate(hour.paths):
        journal = open_journal(path)
        tick_s = journal.policy.tick_s
        first, last = round(hour.from_s / tick_s), round(hour.to_s / tick_s)
        place = folder / f"{number}.jsonl"
        with path.open("rb") as whole, place.open("wb") as part:
            part.write(whole.readline())
            lines = 0
            for line in whole:
                tick = _tick(line)
                if tick >= last:
                    break
                # A line that is being written has no end yet.
                if tick >= first and line.endswith(b"\n"):
                    part.write(line)
                    lines += 1
        if lines:
            found.append(place)
    if not found:
        raise JournalError("holds nothing of this hour any more", where=str(hour.paths[-1]))
    return found


def _tick(line: bytes) -> int:
    """The tick of a line, without reading the rest of it; -1 of none."""
    start, _, _ = line.removeprefix(b'{"tick":').partition(b",")
    return int(start) if start.isdigit() else -1
