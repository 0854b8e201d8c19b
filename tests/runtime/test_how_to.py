"""The examples of the how-to guide run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from balancer.core.modes import Mode
from balancer.core.replay import replay
from balancer.journal_file import open_journal

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "use-the-controller-in-an-application.md"
LOOP, REQUEST, ORDERS = re.findall(r"```python\n(.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)


def run(example: str, errors: list[Exception], names: dict[str, Any]) -> dict[str, Any]:
    """Run an example against an upstream that fails so often first."""

    def ask(prompt: str, *, model: str, cap: int | None) -> tuple[str, dict[str, int]]:
        assert model.startswith("gemini")
        if errors:
            raise errors.pop(0)
        return "Rayleigh scattering.", {"prompt": len(prompt), "output": 5}

    names.setdefault("ask", ask)
    exec(compile(example, str(GUIDE), "exec"), names)  # noqa: S102 - our own pages
    return names


def test_a_call_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The answer is printed, and the journal has the call."""
    monkeypatch.chdir(tmp_path)
    names = run(LOOP, [], {})
    assert capsys.readouterr().out == "Rayleigh scattering.\n"
    entries = list(open_journal(tmp_path / "journal.jsonl"))
    assert sum(sum(entry.observations.admitted) for entry in entries) == 1
    with pytest.raises(TimeoutError):
        run(LOOP, [TimeoutError()], {})
    with names["balancer"]:
        run(ORDERS, [], names)
        assert names["balancer"].status().bypass.startswith("suspected")
        assert names["Mode"] is Mode


def test_a_request_with_retries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The second model answers after the first has failed."""
    monkeypatch.chdir(tmp_path)
    run(REQUEST, [ConnectionError()], {})
    assert capsys.readouterr().out == "Rayleigh scattering.\n"
    assert replay(open_journal(tmp_path / "journal.jsonl")).identical
    entries = list(open_journal(tmp_path / "journal.jsonl"))
    assert sum(each.failed for entry in entries for each in entry.observations.served) == 1
    assert (tmp_path / "balancer.json").exists()
