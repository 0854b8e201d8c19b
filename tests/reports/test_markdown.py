"""The comment on a pull request."""

from __future__ import annotations

from balancer.records.gate import GATE
from reports.markdown import gate_markdown, plain

from .gate_samples import difference, sample_gate, scenario


def test_the_first_line_is_the_verdict() -> None:
    """Mail and notifications show no more than that."""
    first = gate_markdown(GATE.of(sample_gate())).splitlines()[0]
    assert first.startswith("### ❌ No: worse beyond the margin in 2 of 8 comparisons")


def test_the_table_has_a_row_for_each_comparison() -> None:
    """With as many cells as its head."""
    lines = [line for line in gate_markdown(GATE.of(sample_gate())).splitlines() if line[:1] == "|"]
    assert len(lines) == 2 + 8
    assert {line.count("|") for line in lines} == {9}


def test_a_long_gate_shows_what_did_not_pass() -> None:
    """A comment of two hundred rows is not read."""
    passed = [difference("availability", (0.0, 0.0, 0.0), "pass")] * 50
    failed = difference("latency_p95_s", (0.2, 0.1, 0.3), "fail")
    text = gate_markdown(GATE.of(sample_gate(scenarios=[scenario("s", "fail", *passed, failed)])))
    assert text.count("\n| ✗ fail") == 1
    assert "\n| ✓ pass" not in text
    assert "50 more comparisons passed." in text


def test_a_long_list_of_failures_ends() -> None:
    """The rest is counted, and not said to have passed."""
    failed = [difference("latency_p95_s", (0.2, 0.1, 0.3), "fail")] * 50
    text = gate_markdown(GATE.of(sample_gate(scenarios=[scenario("s", "fail", *failed)])))
    assert text.count("\n| ✗ fail") == 30
    assert "20 more comparisons are in the report." in text


def test_names_become_no_markup() -> None:
    """Whoever opens a pull request mentions nobody, links nowhere and breaks no table."""
    for evil in ("@all", "#12", "a|b", "<img src=x>", "[x](y)", "`x`", "*x*", "__x__", "~x~", "\\"):
        shown = plain(evil)
        assert not set(shown.replace("&#", "")) & set("@#|<>[]`*~\\!")
        assert "_x" not in shown


def test_ordinary_names_stay_readable() -> None:
    """In mail the comment is read as it is written."""
    assert plain("latency_spike, P95: 5 % (+0.1)") == "latency_spike, P95: 5 % (+0.1)"
