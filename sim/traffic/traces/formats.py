"""The formats of public traces: which columns they have, and how their clocks count.

azure: CSV with `TIMESTAMP,ContextTokens,GeneratedTokens`, wall time. The LLM inference traces of
    2023 have it without an offset ("2023-11-16 18:15:46.6805900"), those of 2024 with one
    ("2024-05-10 00:00:00.009930+00:00", or without a fraction), the multimodal trace of 2025 ends
    it with Z and has a column `NumImages` more ("2024-10-15T12:00:00.269Z,0,770,491"); it ships
    as `.csv.gz`. [D] github.com/Azure/AzurePublicDataset: AzureLLMInferenceDataset2023.md,
    AzureLLMInferenceDataset2024.md, AzureLMMInferenceDataset2025.md, and their notebooks.
burstgpt: CSV with `Timestamp` in seconds, `Request tokens` and `Response tokens`; BurstGPT_1 and _2
    have `Model`, `Total tokens` and `Log Type` beside them, BurstGPT_3 also `Session ID` and
    `Elapsed time`. Failed requests have 0 response tokens; they are left out of the files
    `BurstGPT_without_fails`. [D] github.com/HPMLL/BurstGPT: README.md.
mooncake: JSON Lines with `timestamp` in whole milliseconds, `input_length`, `output_length`: the
    conversation, toolagent and synthetic traces and the first one alike. [D]
    github.com/kvcache-ai/Mooncake: FAST25-release/README.md.
bailian: JSON Lines with the same three keys, but `timestamp` in seconds ("61.114"); told by
    `chat_id`, which every line has (beside `parent_chat_id`, `type`, `turn`). [D]
    github.com/alibaba-edu/qwen-bailian-usagetraces-anon: README.md; AIPerf, "Profile with Bailian
    Traces".

Seconds or milliseconds is never guessed: a line that belongs to the other format is refused.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any

from balancer.core.errors import nearest

from .lines import MalformedError
from .rows import AmbiguousError, Batch, Clock, Names, Rows

__all__ = ["FORMATS"]


Format = Callable[[Iterator[str]], Iterator[Batch]]


def _csv(lines: Iterator[str], names: Names, clock: Clock) -> Iterator[Batch]:
    reader = csv.reader(lines, strict=True)
    rows = Rows(names, clock)
    wrong: MalformedError | None = None
    try:
        header = next(filter(None, reader), None)
        if header is None:
            return
        pick, width = itemgetter(*_places(header, names, reader.line_num)), len(header)
        for cells in reader:
            if not cells:
                continue
            if len(cells) != width:
                problem = f"found {len(cells)} columns, expected {width}"
                wrong = MalformedError(reader.line_num, problem)
                break
            if rows.add(reader.line_num, pick(cells)):
                yield from rows.convert()
    except csv.Error as error:
        wrong = MalformedError(reader.line_num, f"is not CSV: {error}")
    except MalformedError as error:
        wrong = error
    yield from rows.convert()
    if wrong is not None:
        raise wrong


def _places(cells: list[str], columns: Iterable[str], line: int) -> list[int]:
    found = [cell.strip().lower() for cell in cells]
    for column in columns:
        if column.lower() not in found:
            hint = nearest(column.lower(), found)
            problem = f"has no column {column!r}{hint}; found {', '.join(cells)[:200]}"
            raise MalformedError(line, problem)
    return [found.index(column.lower()) for column in columns]


def _json(
    lines: Iterator[str], clock: Clock, foreign: Callable[[dict[str, Any]], str]
) -> Iterator[Batch]:
    """Batches of JSON Lines; `foreign` says what is wrong with a line of another format."""
    rows = Rows(("timestamp", "input_length", "output_length"), clock)
    wrong: MalformedError | None = None
    try:
        for line, text in enumerate(lines, start=1):
            if text.isspace():
                continue
            if rows.add(line, _values(line, text, foreign)):
                yield from rows.convert()
    except MalformedError as error:
        wrong = error
    yield from rows.convert()
    if wrong is not None:
        raise wrong


def _values(line: int, text: str, foreign: Callable[[dict[str, Any]], str]) -> tuple[Any, Any, Any]:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedError(line, "is not JSON; expected one object a line") from None
    if not isinstance(entry, dict):
        raise MalformedError(line, "is no JSON object; expected one a line")
    if problem := foreign(entry):
        raise MalformedError(line, problem)
    try:
        return entry["timestamp"], entry["input_length"], entry["output_length"]
    except KeyError as error:
        name = str(error.args[0])
        problem = f"has no key {name!r}{nearest(name, entry)}"
        raise MalformedError(line, problem) from None


class _WallClock:
    """Seconds since the first time, in real time where the times say their offset from UTC."""

    def __init__(self) -> None:
        self._first: datetime | None = None

    def __call__(self, column: Sequence[str]) -> list[float]:
        moments = [datetime.fromisoformat(text.strip()) for text in column]
        first = self._first = self._first or moments[0]
        try:
            return [(moment - first).total_seconds() for moment in moments]
        except TypeError:
            with_or_not = "without" if first.tzinfo else "with"
            others = "with" if first.tzinfo else "without"
            raise AmbiguousError(
                f"{with_or_not} an offset from UTC, where the times before it are {others} one; "
                "expected all of one kind"
            ) from None


def _seconds(column: Sequence[str]) -> list[float]:
    return list(map(float, column))


def _whole_milliseconds(column: Sequence[Any]) -> list[float]:
    found = _numbers(column)
    if not all(map(float.is_integer, found)):
        raise AmbiguousError(
            "expected whole milliseconds as in Mooncake's traces; if these are seconds, say "
            "`format: bailian` of a Bailian trace, and multiply them by 1,000 in any other"
        )
    return [number / 1e3 for number in found]


def _numbers(column: Sequence[Any]) -> list[float]:
    if not set(map(type, column)) <= {int, float}:
        raise TypeError
    return list(map(float, column))


def _of_bailian(entry: dict[str, Any]) -> str:
    if "chat_id" not in entry:
        return ""
    return (
        "has the key 'chat_id' of a Bailian trace, whose time is in seconds and not in "
        "milliseconds; say `format: bailian`"
    )


def _of_mooncake(entry: dict[str, Any]) -> str:
    if "chat_id" in entry:
        return ""
    return (
        "has no key 'chat_id', which every line of a Bailian trace has; say `format: mooncake` if "
        "the time is in milliseconds"
    )


def _azure(lines: Iterator[str]) -> Iterator[Batch]:
    return _csv(lines, ("TIMESTAMP", "ContextTokens", "GeneratedTokens"), _WallClock())


def _burstgpt(lines: Iterator[str]) -> Iterator[Batch]:
    return _csv(lines, ("Timestamp", "Request tokens", "Response tokens"), _seconds)


def _mooncake(lines: Iterator[str]) -> Iterator[Batch]:
    return _json(lines, _whole_milliseconds, _of_bailian)


def _bailian(lines: Iterator[str]) -> Iterator[Batch]:
    return _json(lines, _numbers, _of_mooncake)


FORMATS: dict[str, Format] = {
    "azure": _azure,
    "burstgpt": _burstgpt,
    "mooncake": _mooncake,
    "bailian": _bailian,
}
"""Readers by the name of their format."""
