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

csv: a CSV file of one's own, whose columns a scenario names (`own`).

Seconds or milliseconds is never guessed: a line that belongs to the other format is refused, unless
the scenario says the unit.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from balancer.core.errors import nearest

from .clocks import SECONDS_OF, WallClock, seconds
from .layout import Layout
from .lines import MalformedError
from .own import own_csv
from .recognition import COLUMNS, JSON_KEYS, other_format
from .rows import AmbiguousError, Batch, Clock, Rows
from .tables import csv_batches

__all__ = ["FORMATS"]


Format = Callable[[Iterator[str], Layout], Iterator[Batch]]


def _json(
    lines: Iterator[str], form: str, clock: Clock, foreign: Callable[[dict[str, Any]], str]
) -> Iterator[Batch]:
    """Batches of JSON Lines; `foreign` says what is wrong with a line of another format."""
    timestamp, prompt, output = JSON_KEYS
    rows = Rows((timestamp, prompt, output), clock)
    wrong: MalformedError | None = None
    try:
        for line, text in enumerate(lines, start=1):
            if text.isspace():
                continue
            if rows.add(line, _values(line, text, form, foreign)):
                yield from rows.convert()
    except MalformedError as error:
        wrong = error
    yield from rows.convert()
    if wrong is not None:
        raise wrong


def _values(
    line: int, text: str, form: str, foreign: Callable[[dict[str, Any]], str]
) -> tuple[Any, Any, Any]:
    try:
        entry = json.loads(text)
    except (ValueError, RecursionError):
        problem = f"is not JSON; expected one object a line{other_format(text, form)}"
        raise MalformedError(line, problem) from None
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


def _azure(lines: Iterator[str], _layout: Layout) -> Iterator[Batch]:
    return csv_batches(lines, COLUMNS["azure"], WallClock(), form="azure")


def _burstgpt(lines: Iterator[str], layout: Layout) -> Iterator[Batch]:
    clock = seconds(layout.unit or "s")
    return csv_batches(lines, COLUMNS["burstgpt"], clock, form="burstgpt")


def _mooncake(lines: Iterator[str], layout: Layout) -> Iterator[Batch]:
    return _json(lines, "mooncake", _json_clock(layout, _whole_milliseconds), _of_bailian)


def _bailian(lines: Iterator[str], layout: Layout) -> Iterator[Batch]:
    return _json(lines, "bailian", _json_clock(layout, _numbers), _of_mooncake)


def _json_clock(layout: Layout, usual: Clock) -> Clock:
    """The clock of a unit that the scenario says, or the format's own."""
    if layout.unit is None:
        return usual
    factor = SECONDS_OF[layout.unit]
    return lambda column: [number * factor for number in _numbers(column)]


FORMATS: dict[str, Format] = {
    "azure": _azure,
    "burstgpt": _burstgpt,
    "mooncake": _mooncake,
    "bailian": _bailian,
    "csv": own_csv,
}
"""Readers by the name of their format."""
