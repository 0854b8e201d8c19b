"""`open-balancer policy` and `version`."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.policy_file import default_policy, parse_policy
from balancer.version import VERSION
from tests.cli.conftest import Command


def test_a_valid_policy_is_said_to_be(command: Command, tmp_path: Path) -> None:
    """With its law and the number of its rules."""
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p95: 20s}\n")
    done = command("policy", "check", "mine.yaml", "--date", "2026-06-01")
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == "mine.yaml: a valid policy, law mildest, 1 rule\n"


def test_an_unwise_policy_is_warned_about(command: Command, tmp_path: Path) -> None:
    """Valid, but it would leave normal without a fault."""
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p95: 2000ms}\n")
    done = command("policy", "check", "mine.yaml", "--date", "2026-06-01")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: latency_p95 at rest")


def test_a_bare_number_is_told_and_so_is_a_rule_that_never_fires(
    command: Command, tmp_path: Path
) -> None:
    """Half a second was meant, and eight minutes are above every time-out."""
    (tmp_path / "mine.yaml").write_text("thresholds: {soft: {latency_p95: 500}}\n")
    done = command("policy", "check", "mine.yaml", "--date", "2026-06-01")
    bare, never = done.stderr.splitlines()
    assert done.exit_code == 0
    assert bare.startswith("warning: mine.yaml:1: thresholds.soft.latency_p95: 500 has no unit")
    assert never.startswith("warning: rule 'soft latency_p95'") and "never be passed" in never


def test_a_policy_that_is_blind_at_its_traffic_is_told_why(
    command: Command, tmp_path: Path
) -> None:
    """A minute's window, and three calls in it."""
    (tmp_path / "mine.yaml").write_text(
        "law: ladder\nthresholds: {soft: {latency_p95: 15s}}\n"
        "baseline: {workload: w, requests_per_s: 0.05, prompt_tokens: 1, output_tokens: 1}\n"
    )
    done = command("policy", "check", "mine.yaml", "--date", "2026-06-01")
    assert "60 s hold 3 calls, and there is no verdict before 20" in done.stderr
    assert "can never act" in done.stderr


def test_an_impossible_policy_exits_with_2(command: Command, tmp_path: Path) -> None:
    """The error names file, line and key."""
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p59: 2s}\n")
    done = command("policy", "check", "mine.yaml")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: mine.yaml:2: unknown key 'latency_p59'")


def test_the_default_policy_is_shown_without_a_file(command: Command) -> None:
    """In a form that reads back as the same policy."""
    done = command("policy", "show")
    assert done.exit_code == 0
    assert parse_policy(done.stdout).rules == default_policy().rules


def test_a_shown_policy_has_every_default_filled_in(command: Command, tmp_path: Path) -> None:
    """What the file does not say is shown as it will be."""
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    shown = command("policy", "show", "mine.yaml").stdout
    assert "name: mine" in shown
    assert "hold:" in shown


@pytest.mark.parametrize("words", [("version",), ("--version",)])
def test_the_version_is_printed(command: Command, words: tuple[str, ...]) -> None:
    """As it stands in verdicts and journals, however one asks for it."""
    assert command(*words).stdout == f"open-balancer {VERSION}\n"


def test_help_has_a_short_name(command: Command) -> None:
    """Everywhere."""
    assert command("policy", "check", "-h").stdout == command("policy", "check", "--help").stdout
