"""`open-balancer datadog plan`, `apply` and `destroy`, against a Datadog over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.datadog.fake import API_KEY, APP_KEY, Fake, a_datadog
from tests.cli.conftest import Command

SECRET = "s3cret-" * 6
URL = ("--webhook-url", "https://balancer.example.org")
MINE = ("--policy", "mine.yaml")


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Fake]:
    """A Datadog that the environment leads to, and a policy."""
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p95: 9s}\n")
    for name in ("OTEL_SERVICE_NAME", "DATADOG_API_KEY", "DATADOG_APP_KEY", "DD_SITE"):
        monkeypatch.delenv(name, raising=False)
    with a_datadog() as fake:
        monkeypatch.setenv("DD_API_KEY", API_KEY)
        monkeypatch.setenv("DD_APP_KEY", APP_KEY)
        monkeypatch.setenv("DD_HOST", fake.url)
        monkeypatch.setenv("OPEN_BALANCER_WEBHOOK_SECRET", SECRET)
        yield fake


def test_plan_shows_and_changes_nothing(command: Command, fake: Fake) -> None:
    """What would be made, with its query."""
    done = command("datadog", "plan", *MINE, *URL)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "+ monitor [open-balancer] open-balancer: soft latency_p95" in done.stdout
    assert "percentile(last_1m):p95:open_balancer.request.duration" in done.stdout
    assert done.stdout.endswith("8 to create\n")
    assert fake.writes() == []
    assert SECRET not in done.stdout


def test_apply_then_plan_has_nothing_to_do(command: Command, fake: Fake) -> None:
    """And says so to a pipeline by its exit code."""
    assert command("datadog", "plan", *MINE, *URL, "--check").exit_code == 1
    assert command("datadog", "apply", *MINE, *URL).stdout.endswith("8 created\n")
    done = command("datadog", "plan", *MINE, *URL, "--check")
    assert (done.exit_code, done.stdout) == (0, "8 to keep\n")


def test_a_changed_policy_is_shown_as_a_difference(
    command: Command, fake: Fake, tmp_path: Path
) -> None:
    """Value by value."""
    command("datadog", "apply", *MINE, *URL)
    (tmp_path / "mine.yaml").write_text("thresholds:\n  soft: {latency_p95: 7s}\n")
    shown = command("datadog", "plan", *MINE, *URL).stdout
    assert "~ monitor" in shown
    assert "options.thresholds.critical_recovery\n        - 7.2\n        + 5.6\n" in shown
    assert shown.endswith("1 to update, 7 to keep\n")


def test_destroy_leaves_nothing_of_ours(command: Command, fake: Fake) -> None:
    """A second time there is nothing to do."""
    command("datadog", "apply", *MINE, *URL)
    assert command("datadog", "destroy").stdout.endswith("8 deleted\n")
    assert fake.things() == 0
    assert command("datadog", "destroy").stdout == "nothing of ours was there\n"


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("DD_API_KEY", "", "error: Datadog: the API key is missing"),
        ("DD_API_KEY", "wrong", "the API key was not accepted (401)"),
        ("DD_APP_KEY", "wrong", "not allowed (403)"),
        ("DD_SITE", "datadog.com", "error: DD_SITE: found 'datadog.com'"),
        ("OPEN_BALANCER_WEBHOOK_SECRET", "weak", "expected at least 32"),
    ],
)
def test_trouble_exits_with_2_in_one_line(
    command: Command,
    fake: Fake,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    value: str,
    problem: str,
) -> None:
    """What is wrong with the environment is said, and no secret."""
    monkeypatch.setenv(variable, value)
    done = command("datadog", "apply", *MINE, *URL)
    assert done.exit_code == 2
    assert problem in done.stderr
    assert done.stderr.count("\n") == 1
    assert fake.writes() == []
