"""What a scenario replays of a trace: the window, how often, and where no request comes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.errors import ScenarioError, TraceError
from scenarios.schema import Scenario
from sim.streams import replication_key
from sim.traffic.replay import Replay, replay
from sim.traffic.workload import check_traffic, generate


def scenario(duration: float, *, warm_up: float = 0.0, **workload: Any) -> Scenario:
    """A scenario with that workload."""
    return Scenario.model_validate(
        {
            "scenario": "s",
            "title": "t",
            "duration": duration,
            "warm_up": warm_up,
            "workload": workload,
        }
    )


def recorded(folder: Path, *rows: tuple[float, int, int], **more: Any) -> dict[str, Any]:
    """Arrivals of a trace with these times, prompt and answer tokens."""
    path = folder / "trace.csv"
    lines = "".join(f"{at},{prompt},{output}\n" for at, prompt, output in rows)
    path.write_text("Timestamp,Request tokens,Response tokens\n" + lines)
    return {"arrivals": {"trace": str(path), "format": "burstgpt", **more}}


def replayed(scenario: Scenario) -> Replay:
    """What is replayed where there is a trace."""
    found = replay(scenario)
    assert found is not None
    return found


def with_a_gap(folder: Path, **more: Any) -> dict[str, Any]:
    """A request a second for 100 s, then none for two days, then one a second for an hour."""
    times = [*range(100), *range(2 * 86_400, 2 * 86_400 + 3600)]
    return recorded(folder, *((at, 10, 20) for at in times), **more)


def test_a_scenario_without_a_trace_replays_nothing() -> None:
    """Its arrivals are drawn."""
    assert replay(scenario(60)) is None


def test_a_replay_begins_at_start(tmp_path: Path) -> None:
    """With its own gaps from there on, the one to the first request included."""
    rows = ((100, 1, 1), (101, 2, 2), (103, 3, 3), (104, 4, 4), (108, 5, 5))
    found = replayed(scenario(4, **recorded(tmp_path, *rows, start="2s")))
    assert found.s.tolist() == [1.0, 2.0]
    assert found.output.tolist() == [3, 4]


def test_a_length_is_replayed_over_and_over(tmp_path: Path) -> None:
    """Its rounds are as long as it, silence at its ends included."""
    rows = tuple((at, at + 1, 1) for at in range(20))
    found = replayed(scenario(10, **recorded(tmp_path, *rows, start=5.5, length="3s")))
    assert found.s.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5, 9.5]
    assert found.prompt.tolist() == [7, 8, 9]
    assert (found.rounds, found.span_s) == (10 / 3, 3.0)


def test_start_and_length_are_told_on_the_clock_of_the_trace(tmp_path: Path) -> None:
    """Twice as fast, four seconds of it last two."""
    rows = tuple((at, 1, 1) for at in range(20))
    arrivals = recorded(tmp_path, *rows, start="4s", length="4s", rate_scale="x2")
    found = replayed(scenario(2, **arrivals))
    assert found.s.tolist() == [0.0, 0.5, 1.0, 1.5]
    assert found.rounds == 1.0


def test_a_start_behind_the_trace_is_refused(tmp_path: Path) -> None:
    """As a mistake in the trace's window, with the file's name."""
    with pytest.raises(TraceError, match=r"trace\.csv: ends 1s after its first request"):
        replay(scenario(60, **recorded(tmp_path, (0, 1, 1), (1, 1, 1), start="1d")))


@pytest.mark.parametrize("start", ["0s", "1h", "80s"])
def test_a_window_without_a_request_after_the_warm_up_is_refused(
    tmp_path: Path, start: str
) -> None:
    """Before anything runs, with the gap and the start that would help, and it does."""
    refused = scenario(3600, warm_up=300, **with_a_gap(tmp_path, start=start))
    with pytest.raises(ScenarioError) as error:
        check_traffic(refused)
    assert str(error.value) == (
        "workload.arrivals: the trace has no request from 99s after its first one to 2d, so none "
        "comes after the warm-up of 5m; begin behind the gap with `start: 2d`"
    )
    helped = scenario(3600, warm_up=300, **with_a_gap(tmp_path, start="2d"))
    assert len(replayed(helped).s) == 3600


def test_a_gap_at_the_end_of_what_is_repeated_is_refused_too(tmp_path: Path) -> None:
    """There is no start behind it."""
    few = recorded(tmp_path, (0, 1, 1), (290, 1, 1))
    with pytest.raises(ScenarioError, match="a longer window, or a shorter warm_up"):
        replay(scenario(400, warm_up=300, **few))


def test_a_pattern_that_asks_for_nothing_is_no_gap_of_the_trace(tmp_path: Path) -> None:
    """All day, or after the warm-up."""
    rows = tuple((at, 1, 1) for at in range(100))
    never = recorded(tmp_path, *rows, pattern=[{"kind": "step", "at": 0, "factor": 0}])
    assert len(replayed(scenario(60, warm_up=30, **never)).s) == 0
    until = recorded(tmp_path, *rows, pattern=[{"kind": "step", "at": 20, "factor": 0}])
    assert len(replayed(scenario(60, warm_up=30, **until)).s) == 20


def test_a_long_gap_is_found_wherever_it_is(tmp_path: Path) -> None:
    """At the start, in between, and at the end; usual gaps are none."""
    even = tuple((at, 1, 1) for at in range(1000))
    assert replayed(scenario(900, **recorded(tmp_path, *even))).gap is None
    inside = (*even[:100], *even[300:])
    assert replayed(scenario(900, **recorded(tmp_path, *inside))).gap == (99.0, 300.0)
    before = recorded(tmp_path, *inside, start="150s")
    assert replayed(scenario(700, **before)).gap == (0.0, 150.0)
    behind = recorded(tmp_path, *even[:500], (5000, 1, 1))
    assert replayed(scenario(900, **behind)).gap == (499.0, 900.0)
    rare = tuple((at, 1, 1) for at in range(0, 1000, 200))
    assert replayed(scenario(900, **recorded(tmp_path, *rare))).gap is None


def test_tokens_that_were_not_recorded_are_those_of_the_others_in_turn(tmp_path: Path) -> None:
    """A failed request was asked; it is counted, and never answered by one token."""
    rows = ((0, 10, 7), (1, 20, 0), (2, 0, 9), (3, 30, 0), (4, 40, 0))
    found = replayed(scenario(5, **recorded(tmp_path, *rows)))
    assert found.output.tolist() == [7, 7, 9, 9, 7]
    assert found.prompt.tolist() == [10, 20, 10, 30, 40]
    assert (found.no_prompt, found.no_output) == (1, 3)


def test_tokens_that_no_class_takes_from_the_trace_are_not_missed(tmp_path: Path) -> None:
    """Whoever declares the answers does not need recorded ones."""
    rows = ((0, 10, 0), (1, 20, 0))
    given_length = [{"name": "chat", "output": 50}]
    wanted = scenario(2, classes=given_length, **recorded(tmp_path, *rows))
    assert (replayed(wanted).no_prompt, replayed(wanted).no_output) == (0, 0)
    assert generate(wanted, replication_key(1, 0))["output"].tolist() == [50, 50]
    with pytest.raises(ScenarioError, match="have 0 output tokens; give the classes"):
        replay(scenario(2, **recorded(tmp_path, *rows)))


def test_more_requests_than_fit_in_memory_are_refused(tmp_path: Path) -> None:
    """Before they are made: a second of a trace, for years."""
    arrivals = recorded(tmp_path, *((at / 1000, 1, 1) for at in range(1001)), length="1s")
    with pytest.raises(ScenarioError, match="are more than the 50,000,000 that fit"):
        replay(scenario(100_000, **arrivals))


@given(
    times=st.lists(st.integers(0, 200), min_size=3, max_size=40, unique=True).map(sorted),
    start=st.integers(0, 100),
    length=st.none() | st.integers(1, 100),
    duration=st.integers(1, 400),
)
def test_a_replay_is_the_window_over_and_over(
    tmp_path_factory: pytest.TempPathFactory,
    times: list[int],
    start: int,
    length: int | None,
    duration: int,
) -> None:
    """No request is lost or made up, and each comes at its place in its round."""
    since = np.array(times) - times[0]
    if (since >= start).sum() < 2:
        return
    more: dict[str, Any] = {"start": start} | ({} if length is None else {"length": length})
    folder = tmp_path_factory.mktemp("replays")
    arrivals = recorded(folder, *((at, 1 + at, 2 + at) for at in since), **more)
    window = since[(since >= start) & (since < start + min(length or duration, duration))]
    if not len(window):
        with pytest.raises(ScenarioError, match="has no request from"):
            replay(scenario(duration, **arrivals))
        return
    found = replayed(scenario(duration, **arrivals))
    assert found.prompt.tolist() == (window + 1).tolist()
    rounds, place = np.divmod(np.arange(len(found.s)), len(window))
    assert np.allclose(found.s, rounds * found.span_s + window[place] - start)
    assert len(found.s) == sum(
        at - start + turn * found.span_s < duration
        for turn in range(int(duration / found.span_s) + 1)
        for at in window.tolist()
    )
