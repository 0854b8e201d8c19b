"""What makes a tuning this one: all that its trials depend on, files and prices too."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from scenarios.loader import load
from sim.tuning.asked import Asked
from sim.tuning.default_space import default_space
from sim.tuning.fields import policy_fields
from tests.tuning.asking import BLIND, asking

pytestmark = pytest.mark.slow

TRACED = """\
scenario: traced
title: Recorded traffic and a fault in Python
duration: 3m
warm_up: 10s
workload:
  arrivals: {trace: trace.csv, format: burstgpt}
faults:
  - {kind: process, process: "fault.py:none", at: 30s, for: 1m}
"""
FILES = {
    "traced.yaml": TRACED,
    "trace.csv": "Timestamp,Request tokens,Response tokens\n0,300,60\n100,300,60\n",
    "fault.py": "def none(env, plant, fault):\n    yield env.timeout(20)\n",
    "prices.toml": '[models."gemini-3.8-flash"]\ninput = 1.0\noutput = 5.0\n',
    "blind.yaml": f"{BLIND}prices: prices.toml\n",
}


def asked_of(folder: Path, **files: str) -> Asked:
    """A tuning of what is in a folder, which has these files beside or in place of `FILES`."""
    for name, text in {**FILES, **files}.items():
        (folder / name).write_text(text)
    fields = policy_fields((folder / "blind.yaml").read_text(), "blind.yaml", base=folder)
    scenario = load(folder / "traced.yaml").scenario
    return asking(folder, [scenario], space=default_space(fields))


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> set[str]:
    """Keys whose values do."""
    return {key for key in one if one[key] != other[key]}


@pytest.mark.parametrize(
    ("file", "old", "new", "what"),
    [
        ("prices.toml", "output = 5.0", "output = 6.0", "the prices"),
        ("trace.csv", "100,300,60", "100,300,61", "the files of the scenarios"),
        ("fault.py", "timeout(20)", "timeout(21)", "the files of the scenarios"),
        ("traced.yaml", "duration: 3m", "duration: 4m", "the scenarios"),
        ("blind.yaml", "1000s", "1001s", "the policies that are tuned"),
    ],
)
def test_a_tuning_is_another_where_a_file_that_it_reads_is(
    tmp_path: Path, file: str, old: str, new: str, what: str
) -> None:
    """So a study of the one is not gone on with by the other."""
    before = asked_of(tmp_path).identity
    assert differing(before, asked_of(tmp_path).identity) == set()
    after = asked_of(tmp_path, **{file: FILES[file].replace(old, new)}).identity
    assert what in differing(before, after)


def test_a_comment_in_a_policy_makes_no_other_tuning(tmp_path: Path) -> None:
    """Nor does its name: trials depend on neither."""
    before = asked_of(tmp_path).identity
    other = FILES["blind.yaml"].replace("# far too late", "# much too late")
    after = asked_of(tmp_path, **{"blind.yaml": other.replace("name: blind", "name: deaf")})
    assert differing(before, after.identity) == set()
