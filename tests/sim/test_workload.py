"""The traffic of a scenario: when requests come and what they ask for."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.errors import ScenarioError, TraceError
from scenarios.schema import Scenario
from sim.streams import replication_key
from sim.traffic.rate_curve import curve, integral
from sim.traffic.workload import REQUEST, generate, scenario_keys

KEY = replication_key(1, 0)
HOUR = 3600.0


def scenario(duration: float = HOUR, classes: Any = None, **arrivals: Any) -> Scenario:
    """A scenario with some traffic."""
    workload: dict[str, Any] = {"arrivals": arrivals}
    if classes is not None:
        workload["classes"] = classes
    return Scenario.model_validate(
        {"scenario": "s", "title": "t", "duration": duration, "warm_up": 0, "workload": workload}
    )


def gaps(requests: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Seconds between arrivals."""
    found: np.ndarray[Any, Any] = np.diff(requests["s"])
    return found


def trace(folder: Path, seconds: tuple[float, ...], prompt: int = 100) -> dict[str, Any]:
    """Arrivals from a small trace; the n-th request generates n tokens."""
    path = folder / "trace.csv"
    rows = [f"{at},{prompt},{place + 1}" for place, at in enumerate(seconds)]
    path.write_text("Timestamp,Request tokens,Response tokens\n" + "\n".join(rows) + "\n")
    return {"trace": str(path), "format": "burstgpt"}


def test_the_same_key_gives_the_same_requests() -> None:
    """To the bit; and another replication gives others."""
    first = generate(scenario(rate=5), KEY)
    assert (first == generate(scenario(rate=5), KEY)).all()
    assert first["s"][0] != generate(scenario(rate=5), replication_key(1, 1))["s"][0]


@pytest.mark.parametrize(("process", "cv"), [("poisson", 1.0), ("gamma", 1.09), ("gamma", 3.0)])
def test_gaps_have_the_mean_and_spread_of_their_process(process: str, cv: float) -> None:
    """Within five standard errors over about 180,000 requests."""
    found = gaps(generate(scenario(rate=50, process=process, cv=cv), KEY)) * 50
    assert found.mean() == pytest.approx(1.0, abs=5 * cv / math.sqrt(len(found)))
    assert found.std() == pytest.approx(cv, rel=0.05)


def test_constant_arrivals_are_evenly_spaced_and_reach_the_end() -> None:
    """One every fifth of a second, the last at the horizon."""
    requests = generate(scenario(rate=5, process="constant", duration=10), KEY)
    assert requests["s"] == pytest.approx(np.arange(1, 51) / 5)


def test_poisson_gaps_follow_the_exponential_distribution() -> None:
    """Kolmogorov's distance stays below its 0.1 % critical value."""
    found = np.sort(gaps(generate(scenario(rate=20), KEY)) * 20)
    ranks = np.arange(1, len(found) + 1) / len(found)
    distance = np.abs(ranks - (1 - np.exp(-found))).max()
    assert distance < 1.95 / math.sqrt(len(found))


PATTERNS = st.lists(
    st.one_of(
        st.fixed_dictionaries(
            {"kind": st.just("step"), "at": st.floats(0, 900), "factor": st.floats(0, 4)}
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("ramp"),
                "at": st.floats(0, 900),
                "over": st.floats(1, 500),
                "factor": st.floats(0, 4),
            }
        ),
        st.fixed_dictionaries(
            {
                "kind": st.just("spike"),
                "at": st.floats(0, 900),
                "for": st.floats(1, 300),
                "factor": st.floats(0, 5),
            }
        ),
        st.fixed_dictionaries(
            {"kind": st.just("diurnal"), "amplitude": st.floats(0, 1), "period": st.floats(60, 900)}
        ),
    ),
    max_size=4,
)


@pytest.mark.slow
@given(PATTERNS)
@settings(max_examples=40, deadline=None)
def test_arrivals_of_a_pattern_follow_the_integral_of_its_rate(pattern: list[Any]) -> None:
    """With constant gaps the n-th request comes exactly where the integral reaches n."""
    traffic = scenario(1000.0, rate=3, process="constant", pattern=pattern)
    requests = generate(traffic, KEY)
    segments = curve(traffic.workload.arrivals.pattern, 3.0, 1000.0)
    assert len(requests) == math.floor(integral(segments))
    times = requests["s"]
    assert (np.diff(times) >= 0).all()
    place = np.searchsorted(segments["from_s"], times, side="right") - 1
    x = times - segments["from_s"][place]
    reached = segments["before"][place] + x * (
        segments["rate"][place] + segments["slope"][place] * x / 2
    )
    assert reached == pytest.approx(np.arange(1, len(times) + 1), rel=1e-6, abs=1e-5)


def test_a_spike_brings_its_factor_more_requests() -> None:
    """Three times the Poisson traffic inside, the same outside, within five standard errors."""
    pattern = [{"kind": "spike", "at": 1000, "for": 1000, "factor": 3}]
    times = generate(scenario(rate=20, pattern=pattern), KEY)["s"]
    inside = np.count_nonzero((times >= 1000) & (times < 2000))
    assert inside == pytest.approx(60_000, abs=5 * math.sqrt(60_000))
    assert len(times) - inside == pytest.approx(52_000, abs=5 * math.sqrt(52_000))


def test_no_requests_come_while_the_rate_is_zero() -> None:
    """A step to zero closes the door, a step to one opens it."""
    pattern = [{"kind": "step", "at": 10, "factor": 0}, {"kind": "step", "at": 20, "factor": 1}]
    times = generate(scenario(30, rate=50, pattern=pattern), KEY)["s"]
    assert not ((times > 10) & (times < 20)).any()
    assert (times > 20).any()
    assert len(generate(scenario(9, pattern=[{"kind": "step", "at": 0, "factor": 0}]), KEY)) == 0


def test_a_pattern_leaves_what_requests_ask_for() -> None:
    """The n-th request is the same one however fast it comes."""
    slow = generate(scenario(rate=2), KEY)
    fast = generate(scenario(rate=8), KEY)[: len(slow)]
    for field in ("prompt", "output", "thinking"):
        assert (slow[field] == fast[field]).all()


def test_the_conversation_workload_matches_its_published_figures() -> None:
    """Azure 2023 conversation: means within 5 %, quantiles within 2 %."""
    requests = generate(scenario(rate=50), KEY)
    for field, mean, quantiles in (
        ("prompt", 1155, (181, 1020, 4083, 4142)),
        ("output", 211, (41, 129, 451, 601)),
    ):
        assert requests[field].mean() == pytest.approx(mean, rel=0.05)
        found = np.percentile(requests[field], [5, 50, 95, 99])
        assert found == pytest.approx(quantiles, rel=0.02)


def test_the_thinking_workload_explains_the_published_time_to_first_token() -> None:
    """At 190 tokens a second, 0.55 s of TTFT and the median thought make 5.8 s."""
    thinking = generate(scenario(rate=50), KEY)["thinking"]
    assert 0.55 + np.median(thinking) / 190 == pytest.approx(5.8, rel=0.02)


def test_token_distributions_are_drawn_as_declared() -> None:
    """Lognormal through its quantiles and cut, empirical quantiles, and a constant."""
    classes = [
        {
            "name": "a",
            "prompt": {"p50": 1000, "p95": 3000, "max": 5000},
            "output": {"quantiles": {"0": 10, "0.5": 20, "1": 100}},
            "thinking": 77,
        }
    ]
    requests = generate(scenario(rate=50, classes=classes), KEY)
    assert np.percentile(requests["prompt"], [50, 95]) == pytest.approx([1000, 3000], rel=0.02)
    assert requests["prompt"].max() == 5000
    assert np.percentile(requests["output"], [25, 50, 75]) == pytest.approx([15, 20, 60], rel=0.03)
    assert (requests["thinking"] == 77).all()


def test_a_quantile_table_may_have_more_points_than_guides() -> None:
    """A table of a thousand points is followed as well as one of three."""
    table = {str(step / 999): step * step for step in range(1000)}
    classes = [{"name": "a", "output": {"quantiles": table}}]
    found = generate(scenario(rate=50, classes=classes), KEY)["output"]
    expected = [(q * 999) ** 2 for q in (0.1, 0.5, 0.9)]
    assert np.percentile(found, [10, 50, 90]) == pytest.approx(expected, rel=0.03)


def test_classes_come_in_their_shares_with_their_priority_and_key() -> None:
    """Each request carries its class; keys are numbered in alphabetical order."""
    classes = [
        {"name": "a", "share": "50%", "priority": "high", "key": "zeta", "cached": "25%"},
        {"name": "b", "share": "30%", "priority": "low", "key": "alpha"},
        {"name": "c", "share": "20%"},
    ]
    traffic = scenario(rate=50, classes=classes)
    requests = generate(traffic, KEY)
    assert scenario_keys(traffic) == ("alpha", "zeta")
    for place, (share, priority, key) in enumerate(((0.5, 2, 1), (0.3, 0, 0), (0.2, 1, -1))):
        mine = requests[requests["klass"] == place]
        assert len(mine) / len(requests) == pytest.approx(share, abs=0.01)
        assert set(mine["priority"].tolist()) == {priority}
        assert set(mine["key"].tolist()) == {key}
    first = requests[requests["klass"] == 0]
    assert (first["cached"] == first["prompt"] // 4).all()


def test_a_class_may_come_by_arrivals_of_its_own() -> None:
    """In its own time and number, in order with the rest, carrying its own place."""
    pattern = [{"kind": "step", "at": 0, "factor": 0}, {"kind": "step", "at": "30m", "factor": 1}]
    loop = {
        "name": "loop",
        "key": "k",
        "arrivals": {"process": "constant", "rate": 2, "pattern": pattern},
    }
    requests = generate(scenario(rate=5, classes=[loop, {"name": "chat"}]), KEY)
    mine = requests[requests["klass"] == 0]
    assert len(mine) == pytest.approx(3600, abs=1)
    assert mine["s"].min() >= 1800
    assert set(mine["key"].tolist()) == {0}
    assert (np.diff(requests["s"]) >= 0).all()


def test_a_class_with_its_own_arrivals_leaves_the_others_as_they_were() -> None:
    """The common traffic is the same to the bit, so with and without can be compared."""
    chat = {"name": "chat"}
    loop = {"name": "loop", "arrivals": {"rate": 3}}
    alone = generate(scenario(rate=5, classes=[chat]), KEY)
    both = generate(scenario(rate=5, classes=[chat, loop]), KEY)
    assert (both[both["klass"] == 0] == alone).all()
    assert not np.array_equal(both[both["klass"] == 1]["prompt"][:100], alone["prompt"][:100])


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": "20%", "arrivals": {"rate": 3}},
        {"arrivals": {"trace": "x.csv", "format": "azure"}},
    ],
)
def test_a_class_with_its_own_arrivals_has_neither_share_nor_trace(wrong: dict[str, Any]) -> None:
    """Both would be ambiguous."""
    with pytest.raises(ValueError, match=r"a class with its own|arrivals of a class"):
        scenario(classes=[{"name": "chat"}, {"name": "loop", **wrong}])


def test_a_trace_is_replayed_with_its_own_times_and_tokens(tmp_path: Path) -> None:
    """Times since its first request; tokens as recorded."""
    requests = generate(scenario(4, **trace(tmp_path, (100, 101, 103))), KEY)
    assert requests["s"].tolist() == [0.0, 1.0, 3.0]
    assert requests["output"].tolist() == [1, 2, 3]
    assert set(requests["prompt"].tolist()) == {100}


def test_a_trace_that_ends_early_starts_again(tmp_path: Path) -> None:
    """After one mean gap more, with its first request."""
    requests = generate(scenario(11, **trace(tmp_path, (0, 1, 4))), KEY)
    assert requests["s"].tolist() == [0.0, 1.0, 4.0, 6.0, 7.0, 10.0]
    assert requests["output"].tolist() == [1, 2, 3, 1, 2, 3]


def test_a_trace_is_replayed_faster_and_bent_by_the_pattern(tmp_path: Path) -> None:
    """Twice as fast, and twice again inside a spike."""
    pattern = [{"kind": "spike", "at": 1, "for": 1, "factor": 2}]
    arrivals = trace(tmp_path, tuple(range(11)))
    requests = generate(scenario(3, rate_scale="x2", pattern=pattern, **arrivals), KEY)
    assert requests["s"].tolist() == [0, 0.5, 1, 1.25, 1.5, 1.75, 2, 2.5]


def test_a_class_may_replace_the_tokens_of_a_trace(tmp_path: Path) -> None:
    """What a class declares comes before what was recorded."""
    classes = [{"name": "a", "output": 7}]
    requests = generate(scenario(4, classes=classes, **trace(tmp_path, (0, 1, 2))), KEY)
    assert set(requests["output"].tolist()) == {7}
    assert set(requests["prompt"].tolist()) == {100}


def test_a_request_has_at_least_one_token_each_way() -> None:
    """A draw may round to none; a request without any is none."""
    classes = [{"name": "a", "prompt": 0, "output": {"quantiles": {0: 0, 1: 0}}}]
    requests = generate(scenario(4, classes=classes, rate=50), KEY)
    assert set(requests["prompt"].tolist()) == {1}
    assert set(requests["output"].tolist()) == {1}


def test_a_relative_trace_path_starts_at_the_base(tmp_path: Path) -> None:
    """And at the current directory without one, where there is no such file."""
    trace(tmp_path, (0, 1))
    traffic = scenario(2, trace="trace.csv", format="burstgpt")
    assert len(generate(traffic, KEY, tmp_path)) == 2
    with pytest.raises(TraceError, match=r"trace\.csv: cannot be read"):
        generate(traffic, KEY, tmp_path / "elsewhere")


def test_more_requests_than_fit_in_memory_are_refused() -> None:
    """Before any is made."""
    with pytest.raises(ScenarioError, match="lower the rate or the duration"):
        generate(scenario(rate=100_000), KEY)


def test_a_request_takes_32_bytes() -> None:
    """Two million requests are 64 MB."""
    assert REQUEST.itemsize == 32


def test_requests_ask_for_models_in_their_shares() -> None:
    """By a draw of its own: in all else they are what they are without."""
    plain = scenario(rate=50)
    shares = {"gemini-2.5-flash": 0.7, "gemini-2.5-pro": 0.3}
    mixed = plain.model_copy(
        update={"workload": plain.workload.model_copy(update={"models": shares})}
    )
    requests, without = generate(mixed, KEY), generate(plain, KEY)
    assert np.mean(requests["asked"]) == pytest.approx(0.3, abs=0.01)
    assert not without["asked"].any()
    requests["asked"] = 0
    assert (requests == without).all()
