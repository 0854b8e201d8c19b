"""Compiled code is cached where it cannot go stale."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim import compiled

pytestmark = pytest.mark.slow

ROOT = Path(compiled.__file__).parents[1]
PROGRAM = (
    "from sim.compiled import cache_directory\n"
    "from sim.streams import standard_normal\n"
    "print(cache_directory(), standard_normal(0.975))\n"
)


def _run(cache: Path) -> list[str]:
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={"XDG_CACHE_HOME": str(cache), "HOME": str(cache)},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()


def test_the_cache_lies_below_the_user_s_cache_directory(tmp_path: Path) -> None:
    """And holds compiled code after a run."""
    directory, value = _run(tmp_path)
    assert Path(directory).parent == tmp_path / "open-balancer"
    assert any(Path(directory).rglob("*.nbc"))
    assert float(value) == pytest.approx(1.96, abs=0.01)


def test_it_works_where_nothing_can_be_written(tmp_path: Path) -> None:
    """Compiled anew, and uncached."""
    file = tmp_path / "file"
    file.write_text("no directory")
    directory, value = _run(file)
    assert directory == "None"
    assert float(value) == pytest.approx(1.96, abs=0.01)


def test_the_hash_covers_every_compiled_source_and_the_core_s() -> None:
    """A file that compiles something, and the core files the kernel calls into."""
    names = {path.name for path in compiled.sources()}
    assert {"kernel.py", "upstream.py", "asked.py", "pricing.py", "budget.py"} <= names


def test_directories_of_old_sources_are_dropped(tmp_path: Path) -> None:
    """After a month without use; newer ones stay."""
    old, new, keep = (tmp_path / f"compiled-{name}" for name in ("old", "new", "keep"))
    for directory in (old, new, keep):
        directory.mkdir()
    os.utime(old, (0, 0))
    compiled.prune(tmp_path, keep=keep)
    assert not old.exists()
    assert new.exists()
    assert keep.exists()
