"""Requests made from the OpenAPI document, right ones and wrong ones, by schemathesis."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.service.conftest import TOKEN

from .target import Target
from .tried import Tried

__all__ = ["documented"]

_CONFIG = """\
# No schema says that a text holds no null, which no database takes: it is refused with 400.
generation.allow-x00 = false

# What lies behind the service may be away, or late.
checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", "503", "504"]

# Nor what is told by 422: a model's name, whose turn is last, when an order would end.
[[operations]]
include-path-regex = "^/api/(brownout|test-llm|ai-chat)$"
checks.positive_data_acceptance.expected-statuses = [
    "2xx", "401", "403", "404", "409", "422", "429", "5xx",
]
"""


def documented(target: Target, folder: Path, *, examples: int) -> Tried:
    """Try every operation.

    Args:
        target: the service.
        folder: for the report.
        examples: of each operation, beside those that schemathesis makes for every one.
    """
    config, report = folder / "schemathesis.toml", folder / "report.json"
    config.write_text(_CONFIG, encoding="utf-8")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "run"),
            f"{target.url}/openapi.json",
            *("--header", f"Authorization: Bearer {TOKEN}"),
            *("--max-examples", str(examples), "--seed", "1", "--continue-on-failure"),
            *("--phases", "examples,coverage,fuzzing", "--checks", "all"),
            *("--report", "json", "--report-json-path", str(report), "--no-color"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1) or not report.exists():
        raise RuntimeError(f"schemathesis: {done.stdout[-1000:]} {done.stderr[-1000:]}")
    found = json.loads(report.read_text(encoding="utf-8"))
    fell = [
        f"{failure['title']}: {operation}"
        for failure in found["failures"]
        for operation in failure["operations"]
    ]
    fell += [f"{error['title']}, {error['count']} times" for error in found["errors"]]
    operations, cases = found["operations"], found["test_cases"]["generated"]
    if operations["tested"] != operations["total"]:
        fell.append(f"only {operations['tested']} of {operations['total']} operations were tried")
    return Tried(
        what="requests from the OpenAPI document (schemathesis)",
        wanted="what the document says of them, never 500",
        cases=cases,
        fell=(*fell, *target.left_over()),
        measured=f"{operations['tested']} operations",
    )
