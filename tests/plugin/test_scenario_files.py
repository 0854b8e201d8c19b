"""The pytest plugin, as pytest runs it in a project with scenario files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import sim.study.experiment  # noqa: F401  # numpy refuses to be imported again inside a test
from sim.compiled import cache_directory

pytestmark = pytest.mark.slow

pytest_plugins = ["pytester"]

COMPILED = cache_directory()
"""A test of pytester has a home of its own, where everything would be compiled again."""

TINY = """\
scenario: tiny
title: Does it hold for two minutes?
duration: 2m
warm_up: 10s
replications: 24
workload:
  arrivals: {process: poisson, rate: 5}
faults:
  - {kind: latency, factor: x1.1, at: 30s, for: 10s}
expectations:
"""
HOLDS = TINY + "  - never_above: normal\n  - availability: {at_least: 50%}\n"
FAILS = TINY + "  - never_above: normal\n  - latency_p95: {at_most: 1ms}\n"
OPEN = TINY + "  - metric: cost_usd\n    at_most: $0.0001\n  - transitions_per_hour: {at_most: 0}\n"


@pytest.fixture
def project(pytester: pytest.Pytester) -> pytest.Pytester:
    """An empty project; pytest's own cache would only be in the way."""
    pytester.makeini("[pytest]\naddopts = -p no:cacheprovider\n")
    return pytester


def test_each_expectation_is_a_test_with_a_readable_id(project: pytest.Pytester) -> None:
    """Named by what is expected, under the file."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    found = project.runpytest("--collect-only", "-q")
    found.stdout.fnmatch_lines(
        ["tiny.yaml::never-above-normal", "tiny.yaml::availability-at-least-50%"]
    )
    assert not project.path.joinpath("balancer-reports").exists()


def test_expectations_that_are_met_pass_and_share_a_run(project: pytest.Pytester) -> None:
    """One verdict for the file, and no page where there is nothing to look at."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    found = project.runpytest()
    found.assert_outcomes(passed=2)
    files = {path.name for path in project.path.joinpath("balancer-reports/tiny").iterdir()}
    arms = ("policy", "static", "cheapest", "none")
    assert files == {"verdict.json", *(f"tiny.{arm}.0.jsonl" for arm in arms)}


def test_a_failure_shows_the_verdict_and_the_report_and_no_traceback(
    project: pytest.Pytester,
) -> None:
    """Only the expectation that failed fails."""
    project.path.joinpath("tiny.yaml").write_text(FAILS)
    found = project.runpytest("--junitxml=junit.xml")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(
        [
            "fail: tiny: latency p95 at most 1ms*",
            "*expected*verdict*measured*",
            "report: balancer-reports/tiny/report.html",
        ]
    )
    assert "Traceback" not in found.stdout.str()
    assert "pytest_plugin.py" not in found.stdout.str()
    assert project.path.joinpath("balancer-reports/tiny/report.html").is_file()
    junit = project.path.joinpath("junit.xml").read_text()
    for name in ("estimate", "low", "high", "bound", "verdict", "harm"):
        assert f'<property name="{name}"' in junit


@pytest.mark.parametrize(
    ("choice", "outcome"), [("fail", "failed"), ("skip", "skipped"), ("xfail", "xfailed")]
)
def test_what_is_not_decided_is_told_apart(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, choice: str, outcome: str
) -> None:
    """One replication has no spread: it fails as inconclusive, or as the option says."""
    # Drawing a page takes longer than all the rest, and is tested above.
    monkeypatch.setattr("balancer.pytest_entry._page", lambda directory: directory)
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    found = project.runpytest(
        "-v", "--balancer-replications=1", f"--balancer-inconclusive={choice}", "-rA"
    )
    found.assert_outcomes(**{"passed": 1, outcome: 1})
    assert ("INCONCLUSIVE" in found.stdout.str()) == (choice == "fail")
    assert "inconclusive: tiny: availability at least 50%" in found.stdout.str()


@pytest.mark.parametrize("count", ["0", "-1", "ten", "1.5", "²", "100001", "1" + "0" * 30])
def test_an_impossible_number_of_replications_is_refused(
    project: pytest.Pytester, count: str
) -> None:
    """In one line, before anything is collected."""
    found = project.runpytest(f"--balancer-replications={count}")
    assert found.ret == pytest.ExitCode.USAGE_ERROR
    assert f"found '{count}', expected a whole number from 1 to 100000" in found.stderr.str()


def test_tests_are_chosen_by_mark_name_and_fault(project: pytest.Pytester) -> None:
    """-m and -k, by what is expected and by what goes wrong."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    for options, chosen in (
        (("-m", "scenario"), 2),
        (("-m", "not scenario"), 0),
        (("-k", "availability"), 1),
        (("-k", "latency"), 2),
        (("-k", "hang"), 0),
    ):
        found = project.runpytest("--collect-only", "-q", *options)
        lines = [line for line in found.stdout.lines if "::" in line]
        assert len(lines) == chosen, options


@pytest.mark.parametrize(
    "text",
    ["name: other\n", "- scenario: x\n", "scenario:\n  name: default\n", "a: 1\n  scenario: x\n"],
    ids=["no key", "list", "nested under it", "nested"],
)
def test_files_of_others_are_left_alone(project: pytest.Pytester, text: str) -> None:
    """Only a mapping with a name under `scenario` is ours."""
    project.path.joinpath("other.yaml").write_text(text)
    assert project.runpytest("--collect-only").ret == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize("where", ["option", "configuration"])
def test_it_can_be_switched_off(project: pytest.Pytester, where: str) -> None:
    """By an option for once, by the configuration for good."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    if where == "configuration":
        project.makeini("[pytest]\nbalancer = false\n")
    options = ["--no-balancer"] if where == "option" else []
    found = project.runpytest("--collect-only", *options)
    assert found.ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_a_mistake_in_a_scenario_is_one_message(project: pytest.Pytester) -> None:
    """The file, the line, what was found; no traceback."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS.replace("duration: 2m", "duration: soon"))
    found = project.runpytest()
    found.assert_outcomes(errors=1)
    found.stdout.fnmatch_lines(["*tiny.yaml:3: duration: found 'soon'*"])
    assert "Traceback" not in found.stdout.str()


def test_a_policy_of_the_command_line_is_tried(project: pytest.Pytester) -> None:
    """It goes before the scenario's, and its mistakes are told as a scenario's."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    project.path.joinpath("mine.yaml").write_text("name: mine\nlaw: none\n")
    project.runpytest("--balancer-policy=mine.yaml").assert_outcomes(passed=2)
    (record,) = json.loads(project.path.joinpath("balancer-reports/tiny/verdict.json").read_text())
    assert (record["policy"], record["law"]) == ("mine", "none")
    found = project.runpytest("--balancer-policy=none.yaml")
    found.stdout.fnmatch_lines(["*none.yaml: no such file*"])


def test_a_scenario_without_expectations_is_run(project: pytest.Pytester) -> None:
    """It passes when it can be simulated."""
    project.path.joinpath("tiny.yaml").write_text(TINY.replace("expectations:\n", ""))
    found = project.runpytest("-v")
    found.assert_outcomes(passed=1)
    found.stdout.fnmatch_lines(["tiny.yaml::runs PASSED*"])


def test_workers_of_one_test_run_share_a_scenario(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever comes first simulates; the outcomes are those of one process."""
    if COMPILED is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(COMPILED.parents[1]))
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    counter = (
        "import sim.pytest_plugin as plugin\n"
        "from pathlib import Path\n"
        "run = plugin.run_scenario\n"
        "def counted(*args, **options):\n"
        "    with Path('runs').open('a') as stream: stream.write('x')\n"
        "    return run(*args, **options)\n"
        "plugin.run_scenario = counted\n"
    )
    project.makeconftest(counter)
    found = project.runpytest_subprocess("-n", "2")
    found.assert_outcomes(passed=2)
    assert project.path.joinpath("runs").read_text() == "x"


def test_scenarios_whose_paths_look_alike_have_a_run_each(
    project: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict of one was that of the other, by which a failing scenario passed."""
    if COMPILED is not None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(COMPILED.parents[1]))
    project.path.joinpath("a").mkdir()
    project.path.joinpath("a", "b.yaml").write_text(HOLDS)
    project.path.joinpath("a", "b.yml").write_text(HOLDS)
    project.path.joinpath("a-b.yaml").write_text(FAILS)
    found = project.runpytest_subprocess("-n", "2", "a/b.yaml", "a/b.yml", "a-b.yaml")
    found.assert_outcomes(passed=5, failed=1)
    reports = project.path.joinpath("balancer-reports").glob("*/verdict.json")
    assert len({path.parent.name for path in reports if path.parent.name != "latest"}) == 3


def test_a_scenario_that_begins_with_a_byte_order_mark_is_found(project: pytest.Pytester) -> None:
    """Some editors write one, and a file that is not collected fails nobody."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS, encoding="utf-8-sig")
    project.runpytest("--collect-only", "-q").stdout.fnmatch_lines(
        ["tiny.yaml::never-above-normal"]
    )


def test_fixtures_simulate_in_python(project: pytest.Pytester) -> None:
    """`simulate` judges a scenario, `policy` is the one of the command line or the default."""
    project.path.joinpath("tiny.yaml").write_text(HOLDS)
    project.makepyfile(
        """
        from dataclasses import replace

        def test_holds(simulate, policy):
            found = simulate("tiny.yaml", replace(policy, law="none"), replications=24)
            assert found.verdict == "pass"
            assert found.record["law"] == "none"
            assert found.comparison.arms["policy"]["transitions"].estimate == 0
        """
    )
    project.runpytest("--no-balancer").assert_outcomes(passed=1)


def test_nothing_of_the_harness_is_imported_where_no_scenario_lies(tmp_path: Path) -> None:
    """A project that only happens to have the package installed pays for one small module."""
    (tmp_path / "test_other.py").write_text(
        "import sys\n\n"
        "def test_lean():\n"
        "    found = {'balancer.core', 'sim', 'scenarios', 'numba', 'numpy', 'pydantic'}\n"
        "    assert 'balancer.pytest_entry' in sys.modules\n"
        "    assert not found & set(sys.modules)\n"
    )
    (tmp_path / "data.yaml").write_text("a: 1\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
