"""Tables in a terminal and in a log."""

from __future__ import annotations

import io

import pytest
from rich.text import Text

from balancer.records.comparison import COMPARISON
from balancer.records.gate import GATE
from balancer.records.verdict import read_verdict
from reports.comparison.tables import comparison_tables
from reports.console import LOG_WIDTH, coloured, show, table
from reports.gate.terminal import gate_tables
from reports.run.terminal import verdict_tables

from .comparison_samples import sample_comparison
from .gate_samples import difference, sample_gate, scenario
from .samples import sample_verdict


@pytest.fixture(autouse=True)
def _no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)


def log(what: object, encoding: str = "utf-8") -> str:
    """What a log of this encoding gets."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    show(what, stream)  # type: ignore[arg-type]
    stream.flush()
    return raw.getvalue().decode(encoding)


SHOWN = {
    "run": verdict_tables(
        [
            read_verdict(sample_verdict(scenario="a_rather_long_name_" * 3, verdict=each), "here")
            for each in ("pass", "fail")
        ]
    ),
    "gate": gate_tables(GATE.of(sample_gate())),
    "comparison": comparison_tables(COMPARISON.of(sample_comparison())),
}


@pytest.mark.parametrize("name", SHOWN)
def test_a_log_has_plain_lines_of_bounded_width(name: str) -> None:
    """No colours, no trailing blanks, nothing cut off, nothing wider than the log."""
    lines = log(SHOWN[name]).splitlines()
    assert not any("\x1b" in line or line != line.rstrip() for line in lines)
    assert max(map(len, lines)) <= LOG_WIDTH
    assert not any("…" in line for line in lines)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("name", SHOWN)
def test_a_log_that_knows_few_signs_gets_those_it_knows(name: str, encoding: str) -> None:
    """Nothing raises, and numbers keep their sign and unit."""
    text = log(SHOWN[name], encoding)
    assert "?" not in text
    assert "---" in text


def test_a_sign_we_do_not_know_either_is_a_question_mark() -> None:
    """Names may hold anything."""
    assert log(Text("負荷"), "ascii") == "??\n"


def test_a_verdict_is_said_as_well_as_coloured() -> None:
    """Without colours it is still there."""
    rows = table()
    rows.add_column("verdict")
    rows.add_row(coloured("fail"))
    assert "fail" in log(rows)


def test_a_gate_says_verdict_and_reason_first() -> None:
    """Whoever reads one line of a log has the answer."""
    first = log(SHOWN["gate"]).splitlines()[0]
    assert first.startswith("gate: fail. No: worse beyond the margin in 2 of 8 comparisons")


def test_every_comparison_of_a_gate_is_a_line() -> None:
    """Under its scenario, with figures, interval and margin."""
    lines = [" ".join(line.split()) for line in log(SHOWN["gate"]).splitlines()]
    assert "Latency P95 fail 990 ms 980 ms +11.0 % +9.00 to +13.0 % +5 %" in lines


def test_a_gate_says_how_many_replications_would_decide() -> None:
    """Below the table, where there is room."""
    needed = difference("cost_usd", (0.0, -0.1, 0.1), "inconclusive", replications_needed=5230)
    gate = GATE.of(sample_gate(scenarios=[scenario("s", "inconclusive", needed)]))
    assert "s, Cost, billed: about 5 230 replications would decide it" in log(
        gate_tables(gate)
    ).replace("\N{NARROW NO-BREAK SPACE}", " ")


def test_many_scenarios_end_with_a_line_for_each_and_one_for_all() -> None:
    """A log is read from its end."""
    last = [line for line in log(SHOWN["run"]).splitlines() if line][-2:]
    assert last[0] == "2 scenarios: fail"
    assert last[1].startswith("No: 1 of 2 scenarios fail")


def narrow(monkeypatch: pytest.MonkeyPatch, columns: int, what: object) -> list[str]:
    """Lines of a log for which the environment says a width."""
    monkeypatch.setenv("COLUMNS", str(columns))
    return log(what).replace("\N{NARROW NO-BREAK SPACE}", " ").splitlines()


@pytest.mark.parametrize("name", SHOWN)
def test_a_log_is_as_wide_as_the_environment_says(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As a terminal is."""
    assert max(map(len, narrow(monkeypatch, 72, SHOWN[name]))) <= 72


def test_what_a_line_is_about_stays_and_columns_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that went are named, so that nobody misses them unawares."""
    lines = narrow(monkeypatch, 60, SHOWN["gate"])
    assert any(line.startswith("  Latency P95 ") for line in lines)
    assert any(line.startswith("no room for: change, its interval, allowed;") for line in lines)
    whole = narrow(monkeypatch, 200, SHOWN["gate"])
    assert not any("no room for" in line for line in whole)


def test_what_was_found_stays_where_columns_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column without a name is what a line comes to."""
    rows = table()
    for name in ("figure", "live", "simulated", "tolerance", ""):
        rows.add_column(name, no_wrap=True)
    rows.add_row("Latency P50", "12 min 16 s", "6.55 s", "10.00 %", "DISAGREES")
    lines = narrow(monkeypatch, 44, rows)
    assert any("Latency P50" in line and "DISAGREES" in line for line in lines)
    assert any(line.startswith("no room for: simulated, tolerance;") for line in lines)


@pytest.mark.parametrize("said", ["", "0", "wide"])
def test_a_width_that_is_none_is_passed_over(monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    """The log keeps its own."""
    monkeypatch.setenv("COLUMNS", said)
    assert max(map(len, log(SHOWN["gate"]).splitlines())) > 100
