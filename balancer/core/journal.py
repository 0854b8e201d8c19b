"""The journal: what a controller saw and decided, one line a tick.

The simulator, a load test and production write the same lines; reports, replay and
comparison read nothing else. The first line says what the rest means:

    {"journal": 2, "versions": {...}, "policy": {...}, "run": {...}}    ("state" if it goes on)
    {"tick": 0, "observations": {...}, "decision": {"mode": "normal"}}
    ...

Every line but the first is one tick. Zeros and empties are left out, and reasons unless
they changed (`balancer.core.tick_codec`); the policy is complete, prices included, so that a
journal can be replayed without any other file. Numbers are exact, floats by their shortest
exact form.

A process that dies while it writes leaves a torn last line; reading reports and skips it.
Anything else that is wrong is an error which names the line.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from ..version import VERSION
from .decisions import Decision, Reason
from .errors import InputError, JournalError, MisuseError, nearest
from .observations import Observations
from .policy import Policy
from .tick_codec import (
    decision_from_plain,
    decision_to_plain,
    observations_from_plain,
    observations_to_plain,
)
from .value_codec import LARGEST_INT, from_plain, to_plain

__all__ = [
    "FORMAT",
    "LONGEST_HEADER",
    "LONGEST_LINE",
    "Entry",
    "Journal",
    "JournalWriter",
    "TextSink",
    "read",
]

FORMAT = 2
"""Version of the format, in the first line. Format 1 did not count requests."""

LONGEST_LINE = 1_000_000
"""Most characters in a line: some 2,000 times an ordinary one."""

LONGEST_HEADER = 64_000_000
"""Most characters in the first line, which may hold all that a controller remembers."""

_HEADER_KEYS = ("journal", "versions", "policy", "run")
_OPTIONAL_KEYS = ("state",)
_ENTRY_KEYS = ("tick", "observations", "decision")

_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class TextSink(Protocol):
    """What a journal is written to: an open text file, for one."""

    def write(self, text: str, /) -> object:
        """Take in a text that ends in a newline."""


class Entry(NamedTuple):
    """One tick: what was seen, and what was decided on it."""

    observations: Observations
    decision: Decision


class JournalWriter:
    """Writes a journal. Opening, flushing and closing the stream is the caller's business.

    Args:
        stream: where the lines go; the first is written at once.
        policy: under which the decisions are taken.
        run: what this is a journal of, as plain values; reports read it.
        versions: of whatever else shaped the run, beside this project's own.
        state: `Controller.state()` of the controller that decides, when it goes on from an
            earlier journal; None when it is fresh.

    Raises:
        MisuseError: `run` holds what JSON cannot, or the line would be too long.
    """

    __slots__ = ("_kept", "_reasons", "_repeated", "_stream", "_tick")

    def __init__(
        self,
        stream: TextSink,
        policy: Policy,
        run: Mapping[str, object],
        versions: Mapping[str, str] | None = None,
        *,
        state: Mapping[str, object] | None = None,
    ) -> None:
        self._stream = stream
        tick = None if state is None else state["tick"]
        self._tick = tick if isinstance(tick, int) else -1
        self._reasons: tuple[Reason, ...] = ()
        self._kept: tuple[object, ...] = ()
        self._repeated = ""
        header: dict[str, object] = {
            "journal": FORMAT,
            "versions": {"open-balancer": VERSION, **(versions or {})},
            "policy": to_plain(policy),
            "run": dict(run),
        }
        if state is not None:
            header["state"] = dict(state)
        stream.write(_line(_text(header), LONGEST_LINE if state is None else LONGEST_HEADER))

    def write(self, observations: Observations, decision: Decision) -> None:
        """Write one tick.

        Raises:
            MisuseError: the decision is of another tick, the tick does not grow, or a value
                is none that JSON can hold.
        """
        tick = observations.tick
        if decision.tick != tick or tick <= self._tick:
            raise MisuseError(
                f"observations of tick {tick} with a decision of tick {decision.tick}, "
                f"after tick {self._tick}; ticks must agree and grow"
            )
        kept = (decision.mode, decision.mix, decision.admit, decision.limits, decision.mixes)
        if kept != self._kept:
            self._kept = kept
            self._repeated = _text(decision_to_plain(decision, reasons=False))
        decided = self._repeated
        if decision.reasons != self._reasons:
            self._reasons = decision.reasons
            decided = _text(decision_to_plain(decision))
        seen = _text(observations_to_plain(observations))
        self._stream.write(_line(f'{{"tick":{tick},"observations":{seen},"decision":{decided}}}'))
        self._tick = tick


class Journal:
    """A journal that is being read: its first line, and the ticks as an iterator.

    Attributes:
        policy: under which the decisions were taken.
        run: what it is a journal of.
        versions: of what wrote it.
        state: of the controller before the first tick, as it was written; None: a fresh one.
        where: its name, for errors.
        torn: once the ticks are through: what was skipped at the end, or "".
    """

    __slots__ = ("_lines", "policy", "run", "state", "torn", "versions", "where")

    def __init__(
        self,
        *,
        policy: Policy,
        run: Mapping[str, Any],
        versions: Mapping[str, str],
        where: str,
        lines: Iterator[str],
        state: Mapping[str, Any] | None = None,
    ) -> None:
        self.policy = policy
        self.run = run
        self.versions = versions
        self.state = state
        self.where = where
        self.torn = ""
        self._lines = lines

    def __iter__(self) -> Iterator[Entry]:
        """The ticks, in growing order; can be gone through once.

        Raises:
            JournalError: a line that is wrong, other than a torn last one.
        """
        last: Entry | None = None
        told: object = None
        number = 2
        line = next(self._lines, None)
        while line is not None:
            following = next(self._lines, None)
            place = f"{self.where}:{number}"
            values = _parse(line, place, final=following is None)
            if values is None:
                self.torn = f"{place}: the last line is torn and was skipped"
                return
            try:
                last, told = self._entry(values, last, told)
            except InputError as error:
                raise JournalError(error.problem, where=place) from None
            yield last
            line, number = following, number + 1

    def _entry(
        self, values: dict[str, Any], last: Entry | None, told: object
    ) -> tuple[Entry, object]:
        _check_keys(values, _ENTRY_KEYS)
        tick = values["tick"]
        if type(tick) is not int or not 0 <= tick <= LARGEST_INT:
            raise JournalError(f"tick: found {tick!r}, expected a whole number, not negative")
        if last is not None and tick <= last.observations.tick:
            raise JournalError(f"tick {tick} comes after tick {last.observations.tick}")
        seen = observations_from_plain(tick, values["observations"])
        plain = values["decision"]
        if last is not None and plain == told:
            # The same objects again, as the controller gave them.
            return Entry(seen, last.decision._replace(tick=tick)), told
        reasons = last.decision.reasons if last else ()
        decision = decision_from_plain(tick, plain, reasons, self.policy.strategies)
        return Entry(seen, decision), plain


def read(lines: Iterable[str], where: str = "journal") -> Journal:
    """Read a journal; the first line now, the ticks as they are asked for.

    Args:
        lines: with their newlines, as an open text file gives them.
        where: its name, for errors.

    Raises:
        JournalError: the first line is missing, of another version, or wrong.
    """
    iterator = iter(lines)
    place = f"{where}:1"
    values = _parse(next(iterator, ""), place, final=False, most=LONGEST_HEADER)
    if values is None or "journal" not in values:
        raise JournalError("no header; expected the first line of a journal", where=place)
    if values["journal"] != FORMAT:
        raise JournalError(
            f"the journal's format is {values['journal']!r}; this version reads {FORMAT}: "
            "read it with the version that wrote it, or record it anew",
            where=place,
        )
    try:
        _check_keys(values, _HEADER_KEYS, _OPTIONAL_KEYS)
        policy = from_plain(Policy, values["policy"], "policy")
        for name in ("versions", "run", *(name for name in _OPTIONAL_KEYS if name in values)):
            if not isinstance(values[name], dict):
                raise JournalError(f"{name}: expected an object")
    except InputError as error:
        problem = f"{error.where}: {error.problem}" if error.where else error.problem
        raise JournalError(problem, where=place) from None
    versions = {str(name): str(version) for name, version in values["versions"].items()}
    return Journal(
        policy=policy,
        run=values["run"],
        versions=versions,
        where=where,
        lines=iterator,
        state=values.get("state"),
    )


def _text(values: object) -> str:
    try:
        return _encode(values)
    except (TypeError, ValueError, RecursionError) as error:
        raise MisuseError(f"a journal cannot hold this: {error}") from error


def _line(text: str, most: int = LONGEST_LINE) -> str:
    if len(text) >= most:
        raise MisuseError(f"a line of {len(text):,} characters; at most {most:,} fit")
    return text + "\n"


def _of_csv(line: str, place: str) -> str:
    """What to do with a file of columns that was taken for a journal, or ""."""
    file, _, number = place.rpartition(":")
    heads = number == "1" and "{" not in line and any(line.count(each) > 1 for each in ",;\t|")
    if not (heads or file.lower().endswith(".csv")):
        return ""
    return "; a CSV file? see open-balancer new --from"


def _parse(
    line: str, place: str, *, final: bool, most: int = LONGEST_LINE
) -> dict[str, Any] | None:
    """Values of a line; None when it is the last one and torn, or there is none.

    Raises:
        JournalError: it is not JSON, not an object, too long, or holds NaN.
    """
    if len(line) > most:
        raise JournalError(f"longer than {most:,} characters", where=place)
    if final and not line.endswith("\n"):
        return None
    try:
        values = json.loads(line, parse_constant=_no_constant, object_pairs_hook=_no_doubles)
    except JournalError as error:
        raise JournalError(error.problem, where=place) from None
    except (ValueError, RecursionError) as error:
        if final or not line:
            return None
        raise JournalError(f"not JSON: {error}{_of_csv(line, place)}", where=place) from None
    if not isinstance(values, dict):
        raise JournalError(f"found {type(values).__name__}, expected an object", where=place)
    return values


def _no_constant(name: str) -> float:
    raise JournalError(f"{name} is no number a journal may hold")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise JournalError(f"key {double!r} is given twice")
    return values


def _check_keys(
    values: Mapping[str, Any], needed: tuple[str, ...], optional: tuple[str, ...] = ()
) -> None:
    known = (*needed, *optional)
    for name in values:
        if name not in known:
            raise JournalError(f"unknown key {name!r}{nearest(name, known)}")
    for name in needed:
        if name not in values:
            raise JournalError(f"key {name!r} is missing")
