"""The wrapper on google-genai 2: the same tests, in an environment that has it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.older_genai import older_python

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ESSENTIAL = (
    "not httpx and (plan_is_applied or told_apart or tried_again or counted or shed or deadline "
    "or chat or functions or cancelled or passed_through or sentinel or in_a_list or a_date "
    "or own_retries or background or tier)"
)


def test_the_essential_tests_pass_on_the_older_sdk() -> None:
    """Which leaves sockets to the collector, and says so; and warns of members that it writes."""
    quiet = [
        "ignore::ResourceWarning",
        "ignore::pytest.PytestUnraisableExceptionWarning",
        "ignore:warning:DeprecationWarning",
    ]
    found = subprocess.run(
        [
            older_python(),
            *("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", ESSENTIAL),
            *("-m", "slow or not slow"),
            *(part for text in quiet for part in ("-W", text)),
            *(
                HERE / f"test_{name}.py"
                for name in (
                    "answers",
                    "chats",
                    "functions",
                    "interactions",
                    "replies",
                    "streams",
                    "tiers",
                )
            ),
        ],
        cwd=HERE.parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout[-4000:] + found.stderr[-1000:]
