"""Recorded traffic: public formats, windows of a trace, and what is wrong with a bad line."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.errors import TraceError
from sim.traffic.traces import Trace, lines, read_trace, rows, window

AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
MULTIMODAL = "TIMESTAMP,NumImages,ContextTokens,GeneratedTokens\n"
BURSTGPT = (
    "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
)
BURSTGPT_1 = "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
PLAIN = "Timestamp,Request tokens,Response tokens\n"
REAL = Path(__file__).parents[3] / "shared" / "traces" / "AzureLLMInferenceTrace_conv.csv"


def read(folder: Path, form: str, text: str | bytes) -> Trace:
    """Read a trace written for the occasion."""
    path = folder / "trace"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_trace(path, form)


def plain(*seconds: float) -> str:
    """A trace with requests at these times; the n-th has n tokens each way."""
    return PLAIN + "".join(f"{at},{place},{place}\n" for place, at in enumerate(seconds, start=1))


def whole(trace: Trace) -> tuple[list[float], list[int], list[int]]:
    """All that a trace holds."""
    return trace.s.tolist(), trace.prompt.tolist(), trace.output.tolist()


@pytest.fixture(params=[1, 2, 3, 4096])
def at_once(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Rows that are converted together: whatever it is, a trace reads the same."""
    monkeypatch.setattr(rows, "_AT_ONCE", request.param)
    window._read.cache_clear()
    yield request.param
    window._read.cache_clear()


@pytest.mark.parametrize(
    "text",
    [
        AZURE + "2023-11-16 23:59:59.5000000,374,44\n2023-11-17 00:00:01.0000000,396,109\n",
        AZURE + "2024-05-12 00:00:00+00:00,374,44\n2024-05-12 00:00:01.500000+00:00,396,109\n",
        MULTIMODAL + "2024-10-15T12:00:00.269Z,0,374,44\n2024-10-15T12:00:01.769Z,16,396,109\n",
    ],
    ids=["2023", "2024", "multimodal"],
)
def test_azure_traces_are_read(tmp_path: Path, text: str) -> None:
    """Seven digits of a second, offsets, with and without a fraction, a column for images."""
    assert whole(read(tmp_path, "azure", text)) == ([0.0, 1.5], [374, 396], [44, 109])


@pytest.mark.parametrize(
    "text",
    [
        BURSTGPT_1 + "5,ChatGPT,472,18,490,Conversation log\n9.5,GPT-4,10,0,10,API log\n",
        BURSTGPT + "5,a,1,ChatGPT,472,18,490,Conversation log\n9.5,,2,GPT-4,10,0,10,API log\n",
    ],
    ids=["1 and 2", "3"],
)
def test_burstgpt_traces_are_read_by_the_names_of_their_columns(tmp_path: Path, text: str) -> None:
    """Seconds as numbers; a failed request keeps the 0 it was recorded with."""
    assert whole(read(tmp_path, "burstgpt", text)) == ([0.0, 4.5], [472, 10], [18, 0])


def test_mooncake_traces_are_read(tmp_path: Path) -> None:
    """One JSON object a line, milliseconds; other keys are left alone."""
    entries = [
        {"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1, 2]},
        {"timestamp": 3000.0, "input_length": 7322, "output_length": 490, "hash_ids": []},
    ]
    trace = read(tmp_path, "mooncake", "\n".join(map(json.dumps, entries)))
    assert whole(trace) == ([0.0, 3.0], [6758, 7322], [500, 490])


def bailian(at: float) -> dict[str, object]:
    """A line of a Bailian trace."""
    return {
        "chat_id": 159,
        "parent_chat_id": -1,
        "timestamp": at,
        "input_length": 521,
        "output_length": 132,
        "type": "text",
        "turn": 1,
        "hash_ids": [1089, 1090],
    }


def test_bailian_traces_are_read_in_seconds(tmp_path: Path) -> None:
    """The keys of Mooncake's, on another clock."""
    text = "\n".join(json.dumps(bailian(at)) for at in (61.25, 62.75, 70))
    assert read(tmp_path, "bailian", text).s.tolist() == [0.0, 1.5, 8.75]


@pytest.mark.parametrize(
    ("form", "entry", "said"),
    [
        ("mooncake", bailian(61.114), "trace:1: has the key 'chat_id' of a Bailian trace"),
        ("mooncake", bailian(61000), "say `format: bailian`"),
        (
            "mooncake",
            {"timestamp": 0.061, "input_length": 1, "output_length": 1},
            "trace:1: timestamp: found 0.061, expected whole milliseconds",
        ),
        (
            "bailian",
            {"timestamp": 61000, "input_length": 1, "output_length": 1},
            "trace:1: has no key 'chat_id', which every line of a Bailian trace has",
        ),
    ],
)
def test_seconds_and_milliseconds_are_never_guessed(
    tmp_path: Path, form: str, entry: dict[str, object], said: str
) -> None:
    """A line of the other format is refused, and so is a fraction that could be either."""
    with pytest.raises(TraceError) as caught:
        read(tmp_path, form, json.dumps(entry) + "\n")
    assert said in str(caught.value)


def test_offsets_from_utc_are_honoured(tmp_path: Path) -> None:
    """Across a change of the clocks a minute is a minute, and a later zone is an earlier time."""
    text = (
        AZURE + "2025-03-30 01:59:30+01:00,1,1\n2025-03-30 03:00:30+02:00,1,1\n"
        "2025-03-29 20:01:30-05:00,1,1\n"
    )
    assert read(tmp_path, "azure", text).s.tolist() == [0.0, 60.0, 120.0]


def test_a_clock_that_goes_back_in_real_time_is_refused(tmp_path: Path) -> None:
    """Though the hands of the clocks go forward."""
    text = AZURE + "2025-03-30 12:00:00+00:00,1,1\n2025-03-30 13:00:00+08:00,1,1\n"
    with pytest.raises(TraceError, match=r"trace:3: the clock goes back by 25200 s"):
        read(tmp_path, "azure", text)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("first", "then", "said"),
    [("", "+00:00", "with an offset from UTC"), ("Z", "", "without an offset from UTC")],
)
def test_times_with_and_without_an_offset_do_not_mix(
    tmp_path: Path, first: str, then: str, said: str
) -> None:
    """Nobody knows how far apart they are."""
    times = [f"2025-03-30 12:00:0{second}{first}" for second in range(3)]
    text = AZURE + "".join(f"{at},1,1\n" for at in [*times, f"2025-03-30 12:00:04{then}"])
    with pytest.raises(TraceError, match=rf"trace:5: TIMESTAMP: found '[^']*', {said}"):
        read(tmp_path, "azure", text)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 10**9), st.integers(-14 * 60, 14 * 60)), min_size=2, max_size=20
    )
)
def test_the_zone_a_time_is_written_in_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[int, int]]
) -> None:
    """Ascending moments, each told in a zone of its own, read as the moments they are."""
    micros = list(accumulate((step for step, _ in steps), initial=0))[1:]
    start = datetime(2024, 5, 10, tzinfo=UTC)
    told = [
        (start + timedelta(microseconds=at)).astimezone(timezone(timedelta(minutes=zone)))
        for at, (_, zone) in zip(micros, steps, strict=True)
    ]
    text = AZURE + "".join(f"{moment},1,1\n" for moment in told)
    text += f"{start + timedelta(microseconds=micros[-1], seconds=1)},1,1\n"
    trace = read(tmp_path_factory.mktemp("zones"), "azure", text)
    assert np.allclose(trace.s[:-1] * 1e6, np.array(micros) - micros[0], atol=0.5)


@pytest.mark.parametrize("name", ["trace.csv.gz", "trace.csv"])
def test_a_packed_trace_is_read_whatever_its_name(tmp_path: Path, name: str) -> None:
    """As the multimodal trace is published, and as a browser renames it."""
    path = tmp_path / name
    path.write_bytes(gzip.compress(plain(0, 1, 4).encode()))
    assert whole(read_trace(path, "burstgpt")) == ([0.0, 1.0, 4.0], [1, 2, 3], [1, 2, 3])


def test_packed_json_lines_are_read(tmp_path: Path) -> None:
    """The other kind of trace."""
    text = "\n".join(json.dumps(bailian(at)) for at in (0, 1.5))
    assert read(tmp_path, "bailian", gzip.compress(text.encode())).s.tolist() == [0.0, 1.5]


@pytest.mark.parametrize("damage", ["cut", "bit", "head", "mark"])
def test_a_damaged_packed_trace_is_one_message(tmp_path: Path, damage: str) -> None:
    """Cut off, a bit wrong, no more than its first bytes, or something else behind them."""
    packed = bytearray(gzip.compress(plain(*range(1000)).encode()))
    if damage == "bit":
        packed[len(packed) // 2] ^= 0x10
    kept = {"cut": packed[: len(packed) // 2], "bit": packed, "head": packed[:2], "mark": packed}
    content = bytes(kept[damage]) if damage != "mark" else b"\x1f\x8bnothing of the kind"
    with pytest.raises(TraceError) as caught:
        read(tmp_path, "burstgpt", content)
    assert str(caught.value).endswith("trace: is a damaged or truncated gzip file; fetch it again")


def test_a_decompression_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Endless empty lines hold no request that would count as one too many."""
    monkeypatch.setattr(lines, "_SMALL", 10_000)
    with pytest.raises(TraceError, match="unpacks to more than 300 times its size"):
        read(tmp_path, "burstgpt", gzip.compress(PLAIN.encode() + b"\n" * 5_000_000))
    assert len(read(tmp_path, "burstgpt", gzip.compress(plain(*range(2000)).encode())).s) == 2000


def test_a_round_of_a_trace_is_one_mean_gap_longer_than_its_last_request(tmp_path: Path) -> None:
    """Three requests, 0 to 4 s: mean gap 2 s, so the next round starts at 6 s."""
    trace = read(tmp_path, "burstgpt", plain(0, 1, 4))
    assert trace.span_s == 6.0
    assert (trace.before_s, trace.next_s) == (None, None)


def test_a_window_begins_and_ends_where_it_is_said(tmp_path: Path) -> None:
    """Its first moment is in it, its last is not; its neighbours are known."""
    path = tmp_path / "trace"
    path.write_text(plain(10, 11, 13, 14, 17))
    trace = read_trace(path, "burstgpt", 1.0, 3.0)
    assert whole(trace) == ([0.0, 2.0], [2, 3], [2, 3])
    assert (trace.before_s, trace.next_s, trace.span_s) == (0.0, 4.0, 3.0)


def test_a_window_that_outlasts_the_trace_is_as_long_as_what_it_holds(tmp_path: Path) -> None:
    """And one mean gap, unless that would be longer than it was asked to be."""
    path = tmp_path / "trace"
    path.write_text(plain(0, 1, 3, 5))
    assert read_trace(path, "burstgpt", 1.0, 60.0).span_s == 6.0
    assert read_trace(path, "burstgpt", 1.0, 5.0).span_s == 5.0


def test_a_window_in_a_gap_is_empty(tmp_path: Path) -> None:
    """And knows where the gap begins and ends."""
    path = tmp_path / "trace"
    path.write_text(plain(0, 1, 100))
    trace = read_trace(path, "burstgpt", 10.0, 20.0)
    assert (len(trace.s), trace.before_s, trace.next_s) == (0, 1.0, 100.0)


def test_a_window_behind_the_trace_is_refused(tmp_path: Path) -> None:
    """With the place where the trace ends."""
    path = tmp_path / "trace"
    path.write_text(plain(5, 6, 12))
    with pytest.raises(
        TraceError, match=r"ends 7s after its first request, before workload.arrivals.start \(1m\)"
    ):
        read_trace(path, "burstgpt", 60.0, 10.0)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("bad", ["yesterday,1,1\n", "0,1,1\n", '9,"1\n', "9,1\n", "x" * 1_000_001])
def test_what_lies_behind_a_window_is_not_read(tmp_path: Path, bad: str) -> None:
    """A line that nobody asked for stops nobody; the same line inside is refused."""
    path = tmp_path / "trace"
    path.write_text(plain(0, 1, 2, 3) + bad)
    assert len(read_trace(path, "burstgpt", 1.0, 1.5).s) == 2
    with pytest.raises(TraceError, match=r"trace:6: "):
        read_trace(path, "burstgpt", 1.0, 3.0)


@pytest.mark.usefixtures("at_once")
def test_the_first_bad_line_is_the_one_that_is_named(tmp_path: Path) -> None:
    """Whichever of its columns is the bad one."""
    with pytest.raises(TraceError, match=r"trace:4: Response tokens: found 'few'"):
        read(tmp_path, "burstgpt", PLAIN + "\n1,1,1\n2,1,few\n3,many,1\nlater,1,1\n0,1,1\n")


@given(
    times=st.lists(st.integers(0, 50), min_size=2, max_size=30).map(sorted),
    start=st.integers(0, 60),
    length=st.integers(1, 60),
    together=st.integers(1, 9),
)
def test_a_window_holds_what_the_whole_holds_there(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[int],
    start: int,
    length: int,
    together: int,
) -> None:
    """However the rows fall into the batches they are converted in."""
    path = tmp_path_factory.mktemp("windows") / "trace"
    path.write_text(plain(*times))
    since = np.array(times) - times[0]
    inside = (since >= start) & (since < start + length)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "_AT_ONCE", together)
        if since[-1] < start + length and len(set(since[since >= start])) < 2:
            with pytest.raises(TraceError, match=r"ends|one time"):
                read_trace(path, "burstgpt", float(start), float(length))
            return
        trace = read_trace(path, "burstgpt", float(start), float(length))
    assert trace.s.tolist() == (since[inside] - start).tolist()
    assert trace.output.tolist() == (np.flatnonzero(inside) + 1).tolist()


@pytest.mark.skipif(not REAL.exists(), reason="the Azure trace is not beside the project")
def test_the_azure_trace_is_read_to_the_token() -> None:
    """Requests, tokens and times of the published file, as the csv module reads it."""
    trace = read_trace(REAL, "azure")
    assert (len(trace.s), int(trace.prompt.sum()), int(trace.output.sum())) == (
        19_366,
        22_361_870,
        4_088_665,
    )
    with REAL.open(newline="") as stream:
        found = list(csv.DictReader(stream))
    assert trace.prompt.tolist() == [int(row["ContextTokens"]) for row in found]
    assert trace.output.tolist() == [int(row["GeneratedTokens"]) for row in found]
    moments = [datetime.fromisoformat(row["TIMESTAMP"] + "+00:00").timestamp() for row in found]
    assert np.allclose(trace.s, np.array(moments) - moments[0], atol=1e-6)


@pytest.mark.skipif(not REAL.exists(), reason="the Azure trace is not beside the project")
def test_windows_of_the_azure_trace_add_up_to_it() -> None:
    """Ten minutes at a time, none lost and none twice."""
    parts = [read_trace(REAL, "azure", 600.0 * place, 600.0) for place in range(6)]
    assert sum(len(part.s) for part in parts) == 19_366
    assert sum(int(part.prompt.sum()) for part in parts) == 22_361_870


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


def test_more_requests_than_fit_in_memory_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line at which they became too many is named; a window of few is taken."""
    monkeypatch.setattr(window, "_MOST_REQUESTS", 2)
    with pytest.raises(TraceError, match=r"trace:4: found more than 2 requests to replay"):
        read(tmp_path, "burstgpt", plain(0, 1, 4))
    assert len(read_trace(tmp_path / "trace", "burstgpt", 0.0, 4.0).s) == 2


def test_a_trace_that_has_changed_is_read_again(tmp_path: Path) -> None:
    """The same file is kept in memory only as long as it is the same."""
    first = read(tmp_path, "burstgpt", BURSTGPT + "0,,,,1,1,,\n2,,,,1,1,,\n")
    again = read_trace(tmp_path / "trace", "burstgpt")
    longer = read(tmp_path, "burstgpt", BURSTGPT + "0,,,,1,1,,\n2,,,,1,1,,\n3,,,,1,1,,\n")
    assert again is first
    assert len(longer.s) == 3
