"""The memory gauge: of the container, or of the machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from balancer.runtime import memory

MEMINFO = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n"


def write(directory: Path, **files: str) -> None:
    """Files of a made-up machine."""
    for name, text in files.items():
        (directory / name).write_text(text)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without anything."""
    monkeypatch.setattr(memory, "_CGROUP_2", (tmp_path / "current", tmp_path / "max"))
    monkeypatch.setattr(memory, "_CGROUP_1", (tmp_path / "usage", tmp_path / "limit"))
    monkeypatch.setattr(memory, "_MACHINE", tmp_path / "meminfo")
    return tmp_path


def test_without_anything_to_read_it_is_zero(machine: Path) -> None:
    """As on systems other than Linux."""
    assert memory.memory_ppm() == 0
    write(machine, meminfo="MemTotal: none\n")
    assert memory.memory_ppm() == 0


def test_of_a_machine_it_is_what_is_not_available(machine: Path) -> None:
    """File caches are available."""
    write(machine, meminfo=MEMINFO, current="500", max="max")
    assert memory.memory_ppm() == 600_000


def test_a_containers_limit_counts_without_its_file_cache(machine: Path) -> None:
    """Of either version of control groups."""
    write(machine, current="900", max="1000")
    (machine / "memory.stat").write_text("anon 700\ninactive_file 100\n")
    assert memory.memory_ppm() == 800_000
    (machine / "current").unlink()
    write(machine, usage="750", limit="1000")
    (machine / "memory.stat").write_text("total_inactive_file 0\n")
    assert memory.memory_ppm() == 750_000
    write(machine, limit=str(1 << 63))
    assert memory.memory_ppm() == 0


def test_here_it_is_a_share() -> None:
    """Whatever this machine is."""
    assert 0 <= memory.memory_ppm() <= 1_000_000
