"""The pages on telemetry say what the code does: the one table, and every variable."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from balancer import metrics
from balancer.core.modes import MODES
from balancer.core.observations import FAILURES
from balancer.metrics import METRICS, Metric

ROOT = Path(__file__).parent.parent
TABLE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
HOW_TO = (ROOT / "docs" / "how-to" / "export-telemetry.md").read_text(encoding="utf-8")


def row(metric: Metric) -> str:
    """A metric as the page has it."""
    alias = "" if metric.alias is None else f"`{metric.alias}`"
    attributes = ", ".join(f"`{key}`" for key in metric.attributes)
    meaning = f"{metric.meaning} †" if metric.live_only else metric.meaning
    cells = (f"`{metric.name}`", alias, f"`{metric.unit}`", metric.kind.value, attributes, meaning)
    return "| " + " | ".join(cells) + " |"


def test_the_page_has_the_table_row_by_row() -> None:
    """In the order of the code, and no other row."""
    table = TABLE[TABLE.index("| name | alias |") :].split("\n\n")[0].splitlines()
    assert table[2:] == [row(metric) for metric in METRICS]


def test_the_page_says_what_every_attribute_may_be() -> None:
    """Those of modes and failures one by one."""
    attributes = TABLE[TABLE.index("## Attributes") :]
    named = {key for metric in METRICS for key in metric.attributes} | {metrics.ARM}
    values = {*FAILURES, *(mode.label for mode in MODES)}
    assert [word for word in sorted(named | values) if f"`{word}`" not in attributes] == []


def test_the_guide_names_every_variable_that_is_read() -> None:
    """Those of single signals by their pattern."""
    files = [
        *(ROOT / "balancer" / "adapters" / "telemetry").glob("*.py"),
        ROOT / "balancer" / "datadog_account.py",
    ]
    code = "".join(path.read_text(encoding="utf-8") for path in files)
    read = set(re.findall(r'"((?:OTEL|DD|DATADOG)_[A-Z_]*[A-Z])"', code))
    read -= {"DATADOG_APP_KEY", "DD_APP_KEY"}  # the intake takes none
    assert len(read) >= 10
    assert [name for name in sorted(read) if f"`{name}`" not in HOW_TO] == []


def test_the_examples_of_the_guide_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """One after another, with nothing to send to."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    monkeypatch.setenv("DD_API_KEY", "0" * 32)
    monkeypatch.delenv("DD_SITE", raising=False)
    names: dict[str, object] = {}
    examples = re.findall(r"```python\n(.*?)```", HOW_TO, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        exec(example, names)  # noqa: S102 -- our own page
    assert "OTEL_SDK_DISABLED" in os.environ
    assert type(names["telemetry"]).__name__ == "Telemetry"
