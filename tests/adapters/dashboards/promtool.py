"""Prometheus's own tool, where it is installed: it checks rules, and plays series to them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

__all__ = ["EVERY_S", "FIRING", "Promtool", "needs_promtool"]

EVERY_S = 15
"""Seconds between two values of a series, and between two evaluations of the rules."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None,
    reason="promtool is not installed (Debian's package prometheus has it)",
)

FIRING = 'count(ALERTS{{alertname="{}", alertstate="firing"}}) or vector(0)'


class Promtool:
    """Runs promtool in a directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def check(self, rules: str) -> None:
        """Fail unless every rule is valid."""
        (self._directory / "rules.yaml").write_text(rules, encoding="utf-8")
        self._run("check", "rules", "--lint=all", "--lint-fatal", "rules.yaml")

    def play(
        self,
        rules: str,
        series: Mapping[str, Sequence[float | None]],
        expected: Sequence[tuple[float, str, float]] = (),
        alerts: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        """Fail unless what is expected comes out.

        Args:
            rules: as Prometheus reads them.
            series: their values, `EVERY_S` apart; None is no value.
            expected: seconds from the start, an expression, and the sum of its values there.
            alerts: as promtool's `alert_rule_test`.
        """
        (self._directory / "rules.yaml").write_text(rules, encoding="utf-8")
        test = {
            "rule_files": ["rules.yaml"],
            "evaluation_interval": f"{EVERY_S}s",
            "tests": [
                {
                    "interval": f"{EVERY_S}s",
                    "input_series": [
                        {"series": name, "values": " ".join(map(_value, values))}
                        for name, values in series.items()
                    ],
                    "promql_expr_test": [
                        {
                            "expr": f"sum({expression})",
                            "eval_time": f"{at_s:g}s",
                            "exp_samples": [{"labels": "{}", "value": value}],
                        }
                        for at_s, expression, value in expected
                    ],
                    "alert_rule_test": list(alerts),
                }
            ],
        }
        # JSON is YAML too.
        (self._directory / "test.yaml").write_text(json.dumps(test), encoding="utf-8")
        self._run("test", "rules", "test.yaml")

    def _run(self, *words: str) -> None:
        done = subprocess.run(
            ["promtool", *words], cwd=self._directory, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _value(value: float | None) -> str:
    return "_" if value is None else f"{value:g}"
