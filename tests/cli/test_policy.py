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
    assert done.stdout == "mine.yaml: a valid policy, law mildest, 1 rules\n"


def test_an_unwise_policy_is_warned_about(command: Command, tmp_path: Path) -> None:
    """Valid, but it would leave normal without a fault."""
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p95: 2000ms}\n")
    done = command("policy", "check", "mine.yaml", "--date", "2026-06-01")
    assert done.exit_code == 0
    assert done.stderr.startswith("warning: latency_p95 at rest")


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
