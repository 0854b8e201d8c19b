"""What `import balancer` gives, and what it leaves alone."""

from __future__ import annotations

import subprocess
import sys

import pytest

import balancer
from balancer.policy_file import load_policy


def test_every_public_name_is_there() -> None:
    """`__all__` lists nothing that cannot be had."""
    for name in balancer.__all__:
        assert getattr(balancer, name) is not None
    assert set(dir(balancer)) == set(balancer.__all__)


def test_names_that_read_files_come_from_their_module() -> None:
    """The lazy names are the functions themselves."""
    assert balancer.load_policy is load_policy


def test_an_unknown_name_is_an_attribute_error() -> None:
    """As with any module."""
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = balancer.nothing


def test_importing_pulls_in_no_third_party_module() -> None:
    """Only the standard library, in a fresh interpreter; not even pydantic."""
    script = (
        "import sys; before = set(sys.modules); import balancer; "
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(sorted(new - set(sys.stdlib_module_names) - {'balancer'}))"
    )
    found = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
