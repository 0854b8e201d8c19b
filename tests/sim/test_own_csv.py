"""A CSV file of one's own: separators and times are found out, units asked for, formats told."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.core.errors import ScenarioError, TraceError
from scenarios.loader import load
from sim.run.replay_assumptions import of_trace
from sim.traffic.replay import Replay, replay
from sim.traffic.traces import Layout, Trace, read_trace

PLAIN = "time,prompt_tokens,output_tokens\n"
AZURE = "TIMESTAMP,ContextTokens,GeneratedTokens\n"
BURSTGPT = "Timestamp,Model,Request tokens,Response tokens\n5,a,1,2\n"
MOONCAKE = '{"timestamp": 0, "input_length": 1, "output_length": 2}\n'


def read(folder: Path, text: str, layout: Layout | None = None, form: str = "csv") -> Trace:
    """Read a file written for the occasion."""
    path = folder / "calls.csv"
    path.write_text(text)
    return read_trace(path, form, layout=layout or Layout())


@pytest.mark.parametrize(
    "times",
    [
        ("2026-10-01T09:00:00Z", "2026-10-01T09:00:02.500Z"),
        ("2026-10-01 09:00:00", "2026-10-01 09:00:02.5"),
        ("1790845200", "1790845202.5"),
        ("1790845200000", "1790845202500"),
        ("0", "2.5"),
        ("100", "102.5"),
    ],
    ids=["ISO", "ISO without a zone", "Unix s", "Unix ms", "from 0", "from elsewhere"],
)
def test_times_are_told_by_their_form(tmp_path: Path, times: tuple[str, str]) -> None:
    """Each is two and a half seconds."""
    text = PLAIN + "".join(f"{at},10,20\n" for at in times)
    trace = read(tmp_path, text)
    assert trace.s.tolist() == [0.0, 2.5]
    assert (trace.prompt.tolist(), trace.output.tolist()) == ([10, 10], [20, 20])


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separators_are_told_by_the_header(tmp_path: Path, separator: str) -> None:
    """In any order of columns, with others between them."""
    rows = [("x", "out", "in", "ts"), ("a", "20", "10", "0"), ("b", "21", "11", "1.5")]
    text = "\n".join(separator.join(row) for row in rows)
    trace = read(tmp_path, text, Layout(names=("ts", "in", "out")))
    assert (trace.s.tolist(), trace.prompt.tolist()) == ([0.0, 1.5], [10, 11])


def test_a_comma_may_stand_before_a_fraction(tmp_path: Path) -> None:
    """Where columns are separated by something else."""
    text = "time;prompt_tokens;output_tokens\n0,5;1;2\n2,25;1;2\n"
    assert read(tmp_path, text).s.tolist() == [0.0, 1.75]


def test_milliseconds_are_said(tmp_path: Path) -> None:
    """Nothing else tells them."""
    text = f"{PLAIN}0,1,1\n1500,1,1\n"
    assert read(tmp_path, text, Layout(unit="ms")).s.tolist() == [0.0, 1.5]


def test_what_failed_has_no_answer_to_replay(tmp_path: Path) -> None:
    """Nor has a row without tokens; both came all the same."""
    text = "time,prompt_tokens,output_tokens,code\n0,5,7,200\n1,5,7,503\n2,5,,ok\n3,5,7,error\n"
    trace = read(tmp_path, text, Layout(status="code"))
    assert trace.output.tolist() == [7, 0, 0, 0]


@pytest.mark.parametrize(
    ("form", "text", "said"),
    [
        ("csv", BURSTGPT, "a BurstGPT file: say `format: burstgpt`"),
        ("azure", BURSTGPT, "a BurstGPT file"),
        ("burstgpt", AZURE, "an Azure file: say `format: azure`"),
        ("csv", MOONCAKE, "`format: mooncake`"),
        ("csv", MOONCAKE.replace("{", '{"chat_id": 1, '), "`format: bailian`"),
        ("mooncake", AZURE, "an Azure file"),
        ("burstgpt", "when,in,out\n", "of a CSV file of your own say `format: csv`"),
        ("csv", "ts,input_tokens,completion_tokens\n", "{time: ts, prompt_tokens: input_tokens, "),
        ("csv", f"{PLAIN}yesterday,1,2\n", "calls.csv:2: time: found 'yesterday', expected an ISO"),
        ("csv", f"{PLAIN}0,1,2\nx,1,2\n", "calls.csv:3: time: found 'x', expected a time"),
        ("csv", PLAIN, "holds no requests"),
        ("csv", "", "holds no requests"),
    ],
)
def test_the_right_format_is_suggested(tmp_path: Path, form: str, text: str, said: str) -> None:
    """By the first line; and what is wrong names its line."""
    with pytest.raises(TraceError) as error:
        read(tmp_path, text, form=form)
    assert said in str(error.value)


def replayed(folder: Path, times: list[float], **arrivals: object) -> Replay | None:
    """A file of requests at these times, replayed for as long as it takes."""
    text = PLAIN + "".join(f"{at},10,20\n" for at in times)
    (folder / "calls.csv").write_text(text)
    lines = "".join(f"    {key}: {value}\n" for key, value in arrivals.items())
    scenario = (
        "scenario: own\ntitle: Mine\nduration: 60s\nwarm_up: 1s\nworkload:\n  arrivals:\n"
        f"    trace: calls.csv\n    format: csv\n{lines}"
    )
    (folder / "own.yaml").write_text(scenario)
    return replay(load(folder / "own.yaml").scenario)


def test_ten_times_the_declared_rate_asks_for_the_unit(tmp_path: Path) -> None:
    """Said, it is taken; so is a rate that fits, and a time that can mean but one thing."""
    dense = [place / 100 for place in range(3000)]
    with pytest.raises(ScenarioError, match=r"100 requests a second, .* say the unit with `time_u"):
        replayed(tmp_path, dense)
    assert replayed(tmp_path, dense, time_unit="s") is not None
    assert replayed(tmp_path, dense, rate=11) is not None
    assert replayed(tmp_path, [1790845200 + at for at in dense]) is not None


def test_how_a_file_was_read_stands_among_the_assumptions(tmp_path: Path) -> None:
    """Separator and times."""
    replayed(tmp_path, [0.0, 10.0, 20.0])
    said = list(of_trace(load(tmp_path / "own.yaml").scenario))
    assert "Of that file columns are separated by ',', times are numbers in s." in said
