"""`open-balancer new --from`: a scenario and a policy of one's own traffic."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from balancer.policy_file import load_policy
from scenarios.loader import load

Command = Callable[..., Result]


def calls(path: Path, header: str, *, timed: bool) -> None:
    """An hour and a quarter of half a request a second, which take five to twenty seconds."""
    draws = random.Random(7)
    lines, at = [header], 0.0
    while at < 4500:
        at += draws.expovariate(0.5)
        cells = [
            f"{1790845200 + at:.3f}",
            str(draws.randint(100, 900)),
            str(draws.randint(20, 400)),
        ]
        if timed:
            cells += [
                f"{draws.uniform(5000, 20000):.0f}",
                "200" if draws.random() < 0.99 else "503",
            ]
        lines.append(";".join(cells))
    path.write_text("\n".join(lines))


@pytest.mark.slow
def test_a_file_with_latencies_becomes_a_scenario_and_a_policy(
    command: Command, tmp_path: Path
) -> None:
    """Thresholds are above its own P95 of nearly 20 s, and what it spends; columns are guessed."""
    calls(tmp_path / "mine.csv", "ts;input_tokens;completion_tokens;latency_ms;status", timed=True)
    done = command("new", "mine", "--from", "mine.csv")
    assert (done.exit_code, done.stderr) == (0, "")
    assert "mine.csv: columns are separated by ';', times are Unix time in s" in done.stdout
    assert "latencies are in ms" in done.stdout
    assert "thresholds fit the latencies of the file" in done.stdout
    assert "no faults were seen: add those you fear before you tune" in done.stdout
    found = load(tmp_path / "mine.yaml")
    assert found.policy == load_policy(tmp_path / "mine-policy.yaml")
    assert found.scenario.workload.arrivals.rate == pytest.approx(0.5, rel=0.1)
    assert found.policy is not None
    soft = {
        rule.signal: rule.threshold for rule in found.policy.rules if rule.level.label == "soft"
    }
    assert 19.0 < soft["latency_p95"] < 30.0
    assert soft["token_cost_per_hour"] < 20.0


@pytest.mark.slow
def test_a_policy_made_of_a_file_is_its_own_and_follows_prices(
    command: Command, tmp_path: Path
) -> None:
    """Name, header and workload are the file's; a change of prices that is known breaks nothing."""
    calls(tmp_path / "calls.csv", "ts;input_tokens;completion_tokens;latency_ms;status", timed=True)
    assert command("new", "mine", "--from", "calls.csv").exit_code == 0
    text = (tmp_path / "mine-policy.yaml").read_text()
    assert text.startswith("# The default policy, fitted to calls.csv: ")
    scenario = (tmp_path / "mine.yaml").read_text()
    assert "# Fitted to the calls of calls.csv: " in scenario
    assert "policy default" not in scenario
    found = load_policy(tmp_path / "mine-policy.yaml")
    assert found.baseline is not None
    assert (found.name, found.baseline.workload) == ("mine", "calls.csv")
    assert "conversation" not in text and "$" not in text
    costs = [rule for rule in found.rules if rule.signal == "token_cost_per_hour"]
    usual = found.at_rest()["token_cost_per_hour"]
    assert [rule.threshold / usual for rule in costs] == pytest.approx(
        [rule.at_rest for rule in costs], rel=0.01
    )
    for day in ("2026-12-31", "2027-01-01"):
        done = command("policy", "check", "mine-policy.yaml", "--date", day)
        assert (done.exit_code, "token_cost_per_hour" in done.stderr) == (0, False), done.stderr


@pytest.mark.slow
def test_a_file_without_latencies_is_replayed(command: Command, tmp_path: Path) -> None:
    """From where the scenario is written, with its columns named."""
    calls(tmp_path / "mine.csv", "when;in;out", timed=False)
    (tmp_path / "tests").mkdir()
    done = command("new", "mine", "--from", "mine.csv", "--dir", "tests")
    assert done.exit_code == 2
    assert "shows no column for time and prompt_tokens and output_tokens" in done.stderr
    assert list((tmp_path / "tests").iterdir()) == []
    told = "time=when,prompt_tokens=in,output_tokens=out"
    done = command("new", "mine", "--from", "mine.csv", "--dir", "tests", "--columns", told)
    assert (done.exit_code, done.stderr) == (0, "")
    arrivals = load(tmp_path / "tests" / "mine.yaml").scenario.workload.arrivals
    assert arrivals.trace is not None
    assert Path(arrivals.trace).resolve() == (tmp_path / "mine.csv").resolve()
    assert arrivals.columns is not None
    assert (arrivals.format, arrivals.columns.time) == ("csv", "when")
    again = command("new", "mine", "--from", "mine.csv", "--dir", "tests", "--columns", told)
    assert (again.exit_code, "exists already" in again.stderr) == (2, True)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--columns", "time=ts"], "says how a file is read, but not which: add --from"),
        (["--from", "none.csv"], "cannot be read"),
        (["--from", "few.csv", "--columns", "tme=ts"], "knows no 'tme'"),
        (["--from", "few.csv", "--columns", "time"], "found 'time', expected ROLE=COLUMN"),
        (["--from", "few.csv"], "say what they are: --time-unit s, or --time-unit ms"),
        (["--from", "few.csv", "--time-unit", "h"], "found 'h', expected s or ms"),
        (["--from", "few.jsonl"], "no CSV file; replay it with `format: mooncake`"),
        (["--from", "bad.csv"], "bad.csv:3: found 'x', expected a number or a time"),
        (["--from", "nan.csv"], "tokens: found a number that is none"),
    ],
)
def test_what_cannot_be_read_is_told(
    command: Command, tmp_path: Path, options: list[str], said: str
) -> None:
    """In one message; nothing is written."""
    (tmp_path / "few.csv").write_text("ts,input_tokens,output_tokens\n0,1,2\n150000,1,2\n")
    (tmp_path / "bad.csv").write_text("ts,input_tokens,output_tokens\n0,1,2\nx,1,2\n")
    (tmp_path / "nan.csv").write_text("ts,input_tokens,output_tokens\n0,1,2\n1,1,nan\n")
    (tmp_path / "few.jsonl").write_text('{"timestamp": 0, "input_length": 1, "output_length": 2}')
    before = sorted(tmp_path.iterdir())
    done = command("new", "mine", *options)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
    assert sorted(tmp_path.iterdir()) == before
