"""Recorded traffic: three formats, and what is wrong with a bad line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from balancer.core.errors import TraceError
from sim import traces
from sim.traces import Trace, read_trace

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURSTGPT = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
)


def read(folder: Path, form: str, text: str | bytes) -> Trace:
    """Read a trace written for the occasion."""
    path = folder / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, form)


def test_azure_traces_are_read(tmp_path: Path) -> None:
    """Wall times with seven digits become seconds since the first request."""
    trace = read(
        tmp_path,
        "azure",
        AZURE + "2023-11-16 23:59:59.5000000,374,44\n2023-11-17 00:00:01.0000000,396,109\n",
    )
    assert trace.s.tolist() == [0.0, 1.5]
    assert trace.prompt.tolist() == [374, 396]
    assert trace.output.tolist() == [44, 109]


def test_burstgpt_traces_are_read_by_the_names_of_their_columns(tmp_path: Path) -> None:
    """Seconds as numbers; the columns may stand in any order."""
    text = BURSTGPT + "5,a,1,ChatGPT,472,18,490,Conversation log\n9.5,,2,GPT-4,10,0,10,API log\n"
    trace = read(tmp_path, "burstgpt", text)
    assert trace.s.tolist() == [0.0, 4.5]
    assert trace.prompt.tolist() == [472, 10]
    assert trace.output.tolist() == [18, 0]


def test_mooncake_traces_are_read(tmp_path: Path) -> None:
    """One JSON object a line, milliseconds; other keys are left alone."""
    rows = [
        {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]},
        {"timestamp": 3000, "input_length": 7322, "output_length": 490, "hash_ids": []},
    ]
    trace = read(tmp_path, "mooncake", "\n".join(map(json.dumps, rows)))
    assert trace.s.tolist() == [0.0, 3.0]
    assert trace.prompt.tolist() == [6758, 7322]
    assert trace.output.tolist() == [500, 490]


def test_a_round_of_a_trace_is_one_mean_gap_longer_than_its_last_request(tmp_path: Path) -> None:
    """Three requests, 0 to 4 s: mean gap 2 s, so the next round starts at 6 s."""
    trace = read(tmp_path, "burstgpt", BURSTGPT + "".join(f"{t},,,,1,1,,\n" for t in (0, 1, 4)))
    assert trace.span_s == 6.0


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("azure", "", "trace: holds no requests"),
        ("azure", AZURE, "trace: holds no requests"),
        ("azure", "TIME,ContextTokens,GeneratedTokens\n", "trace:1: has no column 'TIMESTAMP'"),
        ("azure", AZURE + "2023-11-16 18:15:46,1\n", "trace:2: found 2 columns, expected 3"),
        (
            "azure",
            AZURE + "2023-11-16 18:15:46,1,1\nyesterday,1,1\n",
            "trace:3: TIMESTAMP: found 'yesterday', expected a time",
        ),
        ("azure", AZURE + "2023-11-16 18:15:46,-1,1\n", "trace:2: ContextTokens: found '-1'"),
        ("azure", AZURE + "2023-11-16 18:15:46,1,nan\n", "trace:2: GeneratedTokens: found 'nan'"),
        ("azure", AZURE + "2023-11-16 18:15:46,1,1.5\n", "expected a whole number of tokens"),
        ("azure", AZURE + "2023-11-16 18:15:46,1,1e99\n", "expected a whole number of tokens"),
        (
            "azure",
            AZURE + "2023-11-16 18:15:46,1,1\n2023-11-16 18:15:45,1,1\n",
            "trace:3: the clock goes back by 1 s",
        ),
        ("azure", AZURE + "2023-11-16 18:15:46,1,1\n", "all requests have one time"),
        ("azure", AZURE + '2023-11-16 18:15:46,1,"1\n', "trace:2: is not CSV"),
        ("azure", b"\xff\xfe\x00", "is not UTF-8 text"),
        ("azure", AZURE + "x" * 1_000_001, "trace:2: is longer than 1,000,000 characters"),
        ("burstgpt", BURSTGPT + "nan,,,,1,1,,\n", "trace:2: Timestamp: found 'nan'"),
        ("burstgpt", BURSTGPT + "1,,,,1,,,\n", "trace:2: Response tokens: found ''"),
        ("mooncake", "{", "trace:1: is not JSON"),
        ("mooncake", "[1]", "trace:1: is no JSON object"),
        ("mooncake", "[" * 100_000, "trace:1: is not JSON"),
        ("mooncake", '{"timestamp": 0}', "trace:1: has no key 'input_length'"),
        (
            "mooncake",
            '{"timestamp": "0", "input_length": 1, "output_length": 1}',
            "trace:1: timestamp: found '0', expected a time",
        ),
        (
            "mooncake",
            '{"timestamp": 0, "input_length": true, "output_length": 1}',
            "trace:1: input_length: found True",
        ),
    ],
)
def test_a_bad_trace_is_one_message_that_names_the_line(
    tmp_path: Path, form: str, text: str | bytes, said: str
) -> None:
    """Empty, malformed, NaN, negative, backwards, too long, or not text at all."""
    with pytest.raises(TraceError) as caught:
        read(tmp_path, form, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_trace_and_a_directory_are_said_by_path(tmp_path: Path) -> None:
    """As every file a user names."""
    with pytest.raises(TraceError, match=r"none: cannot be read: No such file"):
        read_trace(tmp_path / "none", "azure")
    with pytest.raises(TraceError, match="cannot be read: Is a directory"):
        read_trace(tmp_path, "azure")


def test_a_trace_too_long_for_memory_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line at which it became too long is named."""
    monkeypatch.setattr(traces, "_MOST_REQUESTS", 2)
    with pytest.raises(TraceError, match=r"trace:4: found more than 2 requests"):
        read(tmp_path, "burstgpt", BURSTGPT + "".join(f"{t},,,,1,1,,\n" for t in (0, 1, 4)))


def test_a_trace_that_has_changed_is_read_again(tmp_path: Path) -> None:
    """The same file is kept in memory only as long as it is the same."""
    first = read(tmp_path, "burstgpt", BURSTGPT + "0,,,,1,1,,\n2,,,,1,1,,\n")
    again = read_trace(tmp_path / "trace", "burstgpt")
    longer = read(tmp_path, "burstgpt", BURSTGPT + "0,,,,1,1,,\n2,,,,1,1,,\n3,,,,1,1,,\n")
    assert again is first
    assert len(longer.s) == 3
