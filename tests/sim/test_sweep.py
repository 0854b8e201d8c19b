"""The ranking over what an answer is worth, on lines drawn by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.schema import Worth
from sim.study.sweep import SWEEP_USD, Line, line, reigns, sweep
from tests.sim.samples import run

LEAST, MOST = SWEEP_USD[0], SWEEP_USD[-1]


def flat(value: float, bill_usd: float) -> Line:
    """A law whose two runs are alike, all of it normal's own model."""
    return Line(values=(value, value), bills_usd=(bill_usd, bill_usd), sibling_values=(0.0, 0.0))


GOOD, CHEAP, BAD = flat(1.0, 0.0035), flat(0.8, 0.0005), flat(0.7, 0.003)


def test_the_sweep_spans_what_was_said_beforehand() -> None:
    """From a third of a cent to ten cents, in steps of a seventh to a quarter."""
    assert (LEAST, MOST) == (0.003, 0.1)
    ratios = [after / before for before, after in pairwise(SWEEP_USD)]
    assert min(ratios) > 1.13 and max(ratios) <= 1.2501


def test_a_law_is_its_answers_its_waiting_and_its_bill() -> None:
    """Per offered request, from the metrics of its runs."""
    runs = [
        run(
            k,
            offered=230.0,
            reasked=30.0,
            good_answers=180.0,
            sibling_good_answers=50.0,
            waiting_s=800.0,
            cost_usd=3.0,
        )
        for k in (0, 1)
    ]
    found = line(runs, Worth(answer=0.03, waiting=0.005))
    assert found.value.estimate == pytest.approx((180.0 - 0.005 * 800.0) / 200.0)
    assert found.bill_usd.estimate == pytest.approx(0.015)
    assert found.utilities_usd(0.1)[0] == pytest.approx(0.1 * 0.88 - 0.015)
    dear, poor = found.utilities_usd(0.1, prices=1.3)[0], found.utilities_usd(0.1, sibling=0.8)[0]
    assert dear == pytest.approx(0.1 * 0.88 - 1.3 * 0.015)
    assert poor == pytest.approx(0.1 * (0.88 - 0.2 * 0.25) - 0.015)


def test_the_cheap_law_reigns_where_answers_are_worth_little() -> None:
    """Up to the worth at which both come to the same: 0.003 / 0.2."""
    cheap, good = reigns({"good": GOOD, "cheap": CHEAP, "bad": BAD}, ("good", "cheap", "bad"))
    assert (cheap.law, good.law) == ("cheap", "good")
    assert (cheap.from_usd, good.to_usd) == (LEAST, MOST)
    assert cheap.to_usd == good.from_usd == pytest.approx(0.015)


def test_who_is_not_eligible_reigns_nowhere() -> None:
    """But has a regret, which may be negative."""
    lines = {"good": GOOD, "cheap": CHEAP}
    (reign,) = reigns(lines, ("good",))
    assert (reign.law, reign.from_usd, reign.to_usd) == ("good", LEAST, MOST)
    first = sweep(lines, ("good",))[0]
    assert (first.best, first.level) == ("good", ())
    assert first.regret["cheap"] < 0.0 == first.regret["good"]


def test_without_an_eligible_law_nobody_reigns() -> None:
    """And nothing is said of regrets."""
    assert reigns({"good": GOOD}, ()) == ()
    assert {(place.best, place.level) for place in sweep({"good": GOOD}, ())} == {(None, ())}


def test_equal_laws_are_level_and_the_first_reigns() -> None:
    """As a ladder that never moves is with its own normal mode."""
    lines = {"ladder": GOOD, "static": GOOD}
    (reign,) = reigns(lines, ("ladder", "static"))
    assert reign.law == "ladder"
    assert {place.level for place in sweep(lines, ("ladder", "static"))} == {("static",)}


def test_a_regret_is_a_share_of_what_the_answer_is_worth() -> None:
    """At ten cents the cheap law is two cents of quality behind, and 0.3 ahead in its bill."""
    last = sweep({"good": GOOD, "cheap": CHEAP}, ("good", "cheap"))[-1]
    assert last.best == "good"
    assert last.regret["cheap"] == pytest.approx((0.02 - 0.003) / 0.1)


def test_who_cannot_be_told_from_the_best_is_level_with_it() -> None:
    """Better in one run, worse in the other."""
    unsure = Line(values=(1.1, 0.88), bills_usd=(0.0035, 0.0035), sibling_values=(0.0, 0.0))
    last = sweep({"good": GOOD, "unsure": unsure}, ("good", "unsure"))[-1]
    assert (last.best, last.level) == ("good", ("unsure",))


LAWS = st.dictionaries(
    st.sampled_from("abcdefgh"),
    st.builds(flat, st.floats(-1.0, 1.0), st.floats(0.0, 0.05)),
    min_size=1,
)


@given(LAWS)
def test_reigns_cover_the_sweep_without_a_gap_and_are_of_the_best(lines: dict[str, Line]) -> None:
    """In the middle of each nobody has a higher utility."""
    found = reigns(lines, tuple(lines))
    assert (found[0].from_usd, found[-1].to_usd) == (LEAST, MOST)
    assert all(before.to_usd == after.from_usd for before, after in pairwise(found))
    for each in found:
        middle = (each.from_usd + each.to_usd) / 2
        highest = max(line.utilities_usd(middle)[0] for line in lines.values())
        assert lines[each.law].utilities_usd(middle)[0] == pytest.approx(highest, abs=1e-12)


@given(LAWS)
def test_reigns_and_places_tell_the_same(lines: dict[str, Line]) -> None:
    """The exact hull and the look at every worth, but for laws that are equal there."""
    found = reigns(lines, tuple(lines))
    for place in sweep(lines, tuple(lines)):
        (law, *_) = [each.law for each in found if each.from_usd <= place.answer_usd <= each.to_usd]
        assert place.regret[law] == pytest.approx(0.0, abs=1e-9)
