"""What another machine must have in common with this one, so that runs come out the same."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from balancer.version import VERSION

from ..run.header import versions

__all__ = ["difference", "environment"]

_PACKAGES = ("balancer", "scenarios", "sim")
_SUFFIXES = frozenset({".py", ".json", ".yaml"})


@cache
def environment() -> Mapping[str, str]:
    """Versions that a run's figures can depend on, and a hash of our own files."""
    return {"open-balancer": VERSION, **versions(), "files of open-balancer": _files_hash()}


def difference(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str | None:
    """How another environment differs from ours, in words; None: it does not."""
    rows = [
        f"{name} {theirs.get(name, 'missing')} (here: {version})"
        for name, version in ours.items()
        if theirs.get(name) != version
    ]
    return ", ".join(rows) or None


def _files_hash() -> str:
    """Hash of our files: a checkout changes more often than its version."""
    home = Path(__file__).resolve().parent.parent
    digest = hashlib.sha256()
    for package in _PACKAGES:
        for path in sorted((home / package).rglob("*")):
            if path.suffix in _SUFFIXES:
                digest.update(path.relative_to(home).as_posix().encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
