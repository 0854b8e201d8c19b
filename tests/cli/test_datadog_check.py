"""`open-balancer datadog check`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.adapters.datadog.test_advice import BETTER, RULES
from tests.cli.conftest import Command


def test_rules_are_accepted_and_better_ones_offered(command: Command, tmp_path: Path) -> None:
    """Valid rules exit with 0; what is wrong with them is said."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    done = command("datadog", "check", "rules.json")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line[7:] for line in done.stdout.splitlines() if "  use: " in line] == BETTER
    assert done.stdout.endswith("rules.json: 3 valid rules, 3 warnings\n")


def test_the_better_rules_can_be_written(command: Command, tmp_path: Path) -> None:
    """And checked again there is nothing left to say."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    command("datadog", "check", "rules.json", "--out", "better.json")
    done = command("datadog", "check", "better.json", "--strict")
    assert done.exit_code == 0
    assert done.stdout.endswith("better.json: 3 valid rules, no warnings\n")


def test_strict_fails_on_a_warning(command: Command, tmp_path: Path) -> None:
    """For pipelines."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES[0]))
    assert command("datadog", "check", "rules.json", "--strict").exit_code == 1


def test_a_wrong_query_exits_with_2(command: Command, tmp_path: Path) -> None:
    """With its column."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES[0] | {"query": "avg(last_5m):a"}))
    done = command("datadog", "check", "rules.json")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: rules.json: rule 1: query: column 14: found 'a'")


def test_an_unwritable_file_exits_with_2(command: Command, tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "rules.json").write_text(json.dumps(RULES))
    done = command("datadog", "check", "rules.json", "--out", "no/such/file.json")
    assert done.exit_code == 2
    assert "no/such/file.json: is in no directory that exists" in done.stderr
