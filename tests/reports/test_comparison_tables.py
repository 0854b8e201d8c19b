"""A comparison's tables, as text of a log's width."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from balancer.records.comparison import (
    Answer,
    ComparedScenario,
    Comparison,
    LawResult,
    LawSummary,
    LeastAvailability,
    LivedThrough,
    Near,
    Regret,
    Reign,
    SweptLaw,
    WaysMet,
    Worth,
)
from balancer.records.interval import UNDEFINED, Interval
from balancer.records.verdict import Judgement
from reports.comparison.tables import comparison_tables

WIDTH = 110


def answer(name: str, *, counts: bool, met: bool) -> Answer:
    """An expectation, met or not."""
    judgement = Judgement(name=name, verdict="pass" if met else "fail", value=UNDEFINED)
    return Answer(judgement=judgement, counts=counts, met=met)


def law(name: str, **changes: object) -> LawResult:
    """A law that is eligible, with a regret of a quarter."""
    plain = LawResult(
        law=name,
        eligible=True,
        best=False,
        within_best=False,
        score=Interval(estimate=21.5, low=21.0, high=22.0),
        regret=Interval(estimate=0.25, low=0.2, high=0.3),
        dominated_by=(),
        expectations=(answer("availability at least 99%", counts=True, met=True),),
        metrics={
            "availability": Interval(estimate=0.9876, low=0.9866, high=0.9886),
            "latency_p95_s": UNDEFINED,
        },
        difference={},
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


BEST = law("ladder", best=True, within_best=True, regret=Interval(estimate=0.0, low=0.0, high=0.0))


def comparison(
    *laws: LawResult,
    best: str = "ladder",
    missing: tuple[str, ...] = (),
    reigns: tuple[Reign, ...] = (),
) -> Comparison:
    """One scenario."""
    scenario = ComparedScenario(
        scenario="storm",
        title="",
        teaches="",
        policy="default",
        seed=1,
        replications=5,
        worth=Worth(answer_usd=0.03, waiting=0.005, within_s=60.0),
        left_out=("reaches soft",),
        best=best,
        sweep=(),
        reigns=reigns,
        reigns_of_all=reigns,
        laws=laws,
    )
    summary = LawSummary(
        law="ladder",
        scenarios=1,
        eligible=1,
        best=1,
        within_best=1,
        dominated=0,
        median_regret=0.0,
        largest_regret=Regret(scenario="storm", value=Interval(estimate=0.125, low=0.1, high=0.15)),
        availability=0.98765,
        least_availability=LeastAvailability(scenario="drought", estimate=0.9),
        ahead_of_reference=0.5,
        not_eligible=(),
        near_best=(Near(regret=0.005, scenarios=0), Near(regret=0.01, scenarios=1)),
        lived_through=LivedThrough(
            expectations=(WaysMet(about="recovers", met=2, asked=3),),
            transitions_per_hour=1.25,
            degraded_share=0.304,
        ),
        sweep=tuple(
            SweptLaw(answer_usd=worth, best=0, within_best=place)
            for place, worth in enumerate((0.003, 0.01, 0.02, 0.1))
        ),
    )
    return Comparison(
        version=2,
        laws=tuple(each.law for each in laws),
        reference="ladder",
        confidence=0.95,
        rivals={},
        scenarios=(scenario,),
        missing=missing,
        summary=(summary,),
        command=(),
        versions={},
    )


def shown(found: Comparison) -> list[str]:
    """Lines as they stand in a log."""
    stream = io.StringIO()
    Console(file=stream, width=WIDTH, highlight=False).print(comparison_tables(found))
    return [
        line.replace("\N{NARROW NO-BREAK SPACE}", " ") for line in stream.getvalue().split("\n")
    ]


def line_of(lines: list[str], start: str) -> str:
    """The first line that starts so."""
    return next(line for line in lines if line.startswith(start))


def test_the_first_line_says_who_is_best() -> None:
    """And who cannot be told from it."""
    lines = shown(comparison(BEST, law("breaker", within_best=True)))
    assert lines[0] == "storm: ladder is best; not to be told from it: breaker"


def test_a_scenario_that_nobody_meets_says_so() -> None:
    """Instead of naming the least bad."""
    lines = shown(comparison(law("none", eligible=False), best=""))
    assert lines[0] == "storm: no law meets what is expected"


def test_a_figure_has_its_interval_below() -> None:
    """As far as it reaches; what is undefined is a dash."""
    lines = shown(comparison(BEST))
    row = lines.index(line_of(lines, "ladder"))
    assert "98.76" in lines[row] and "–" in lines[row]
    assert "±0.10" in lines[row + 1]


def test_an_interval_that_is_cut_on_one_side_is_told_by_its_other_end() -> None:
    """Nobody answers more than all: half of its width would leave out half of what may be."""
    metrics = {"availability": Interval(estimate=1.0, low=0.998, high=1.0)}
    lines = shown(comparison(replace(BEST, metrics=metrics)))
    assert "±0.20" in lines[lines.index(line_of(lines, "ladder")) + 1]


@pytest.mark.parametrize(("eligible", "text"), [(True, "25 %"), (False, "(25 %)")])
def test_the_regret_of_a_law_that_misses_something_is_in_brackets(
    eligible: bool, text: str
) -> None:
    """It may be ahead of the best, for a reason."""
    row = line_of(shown(comparison(BEST, law("breaker", eligible=eligible))), "breaker")
    assert row.split("  ")[-1].strip() == text


def test_what_is_missed_and_who_dominates_is_named() -> None:
    """Expectations that do not count are not held against a law."""
    unmet = (
        answer("availability at least 99%", counts=True, met=False),
        answer("reaches soft", counts=False, met=False),
    )
    bad = law("none", eligible=False, expectations=unmet, dominated_by=("ladder", "breaker"))
    lines = shown(comparison(BEST, bad))
    assert "none misses: availability at least 99%" in [line.rstrip() for line in lines]
    assert "none is dominated by ladder, breaker" in [line.rstrip() for line in lines]


def test_the_summary_names_the_largest_regret() -> None:
    """With its interval and its scenario."""
    text = " ".join(" ".join(shown(comparison(BEST))).split())
    assert "12 % ±2.5" in text or "13 % ±2.5" in text
    assert "storm" in text


def test_what_operators_live_through_stands_by_itself_over_all() -> None:
    """Expectations met, and means; a comparison of before it was told has no such table."""
    lines = [line.rstrip() for line in shown(comparison(BEST))]
    after = lines[lines.index("what operators live through, over all") :]
    assert line_of(after, "law").split() == ["law", "recovers", "moves/h", "degraded", "%"]
    assert line_of(after, "ladder").split() == ["ladder", "2/3", "1.2", "30.4"]
    older = comparison(BEST)
    older = replace(older, summary=(replace(older.summary[0], lived_through=LivedThrough()),))
    assert "what operators live through, over all" not in [each.rstrip() for each in shown(older)]


def test_the_summary_names_no_scenario_where_nothing_is_regretted() -> None:
    """The best law of all scenarios; and one scenario is one."""
    own = comparison(BEST)
    nothing = Regret(scenario="storm", value=Interval(estimate=0.0, low=0.0, high=0.0))
    best = replace(own, summary=(replace(own.summary[0], largest_regret=nothing),))
    lines = [line.rstrip() for line in shown(best)]
    after = lines[lines.index("over 1 scenario") :]
    assert "storm" not in " ".join(after)


def test_the_summary_tells_availability_and_who_is_ahead() -> None:
    """Of the law that others are compared to, the second would be nothing."""
    own = comparison(BEST)
    alone, beside = (
        [line.split() for line in shown(found) if "98.77" in line]
        for found in (own, replace(own, reference="none"))
    )
    assert [line[5] for line in alone + beside] == ["0.0", "+50"]


def test_the_summary_tells_some_of_the_sweep() -> None:
    """In how many scenarios a law is best or level, if an answer is worth so much."""
    lines = shown(comparison(BEST))
    head = line_of(lines, "law   ")
    heads = [line for line in lines if "$0.003" in line]
    assert head and len(heads) == 1
    (row,) = [line for line in lines if "98.77" in line]
    assert row.split()[-2:] == ["0", "3"]


def test_who_takes_over_where_an_answer_is_worth_more_is_said() -> None:
    """Below the winner at the scenario's own worth."""
    reigns = (
        Reign(law="always_soft", from_usd=0.003, to_usd=0.0167),
        Reign(law="ladder", from_usd=0.0167, to_usd=0.1),
    )
    lines = shown(comparison(BEST, reigns=reigns))
    assert lines[1] == "over what an answer is worth: always_soft up to $0.0167, then ladder"


def test_what_operators_live_through_is_a_table_of_its_own() -> None:
    """Modes and their changes, and the expectations about them, held against nobody."""
    met = (answer("reaches soft", counts=False, met=True),)
    lines = [line.rstrip() for line in shown(comparison(replace(BEST, expectations=met)))]
    table = lines[lines.index("what operators live through") :]
    assert line_of(table, "ladder").split()[-1] == "yes"
    assert "[1] reaches soft" in table


def test_what_an_interruption_left_out_is_said() -> None:
    """At the end, where one looks first."""
    lines = shown(comparison(BEST, missing=("flood", "drought")))
    assert "not run: flood, drought" in lines


def test_no_line_is_cut_by_a_logs_width() -> None:
    """With figures as wide as they get."""
    wide = {
        "availability": Interval(estimate=1.0, low=0.5, high=1.5),
        "latency_p95_s": Interval(estimate=119.5, low=100.0, high=139.0),
        "cost_usd": Interval(estimate=12345.6, low=11111.1, high=13579.9),
        "cost_per_answer_usd": Interval(estimate=0.07728, low=0.07, high=0.085),
        "quality": Interval(estimate=0.905, low=0.8, high=1.0),
        "transitions_per_hour": Interval(estimate=671.2, low=600.0, high=742.0),
        "degraded_share": Interval(estimate=0.731, low=0.7, high=0.76),
        "retry_amplification": Interval(estimate=14.25, low=10.0, high=18.0),
        "shed_share": Interval(estimate=0.731, low=0.7, high=0.76),
    }
    regret = Interval(estimate=24.6, low=20.0, high=29.0)
    lines = shown(comparison(BEST, law("threshold", eligible=False, metrics=wide, regret=regret)))
    assert not any("…" in line for line in lines)
