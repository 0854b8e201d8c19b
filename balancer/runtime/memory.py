"""The memory gauge: how much of what there is, is in use."""

from __future__ import annotations

from pathlib import Path

__all__ = ["memory_ppm"]

_CGROUP_2 = (Path("/sys/fs/cgroup/memory.current"), Path("/sys/fs/cgroup/memory.max"))
_CGROUP_1 = (
    Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MACHINE = Path("/proc/meminfo")
_MILLION = 1_000_000


def memory_ppm() -> int:
    """Memory in use, in millionths of what there is.

    Of a container with a limit, its own; otherwise the machine's, file caches not counted.
    0 where neither can be read (systems other than Linux).
    """
    return max(_of_group(), _of_machine())


def _of_group() -> int:
    for used, limit in (_CGROUP_2, _CGROUP_1):
        try:
            most = int(limit.read_text())
            in_use = int(used.read_text()) - _cache(used.with_name("memory.stat"))
        except (OSError, ValueError):  # no such group, or "max"
            continue
        if 0 < most < 1 << 60:
            return min(_MILLION, max(0, in_use) * _MILLION // most)
    return 0


def _cache(stat: Path) -> int:
    """File cache that the kernel would drop before it kills anybody."""
    for line in stat.read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0


def _of_machine() -> int:
    try:
        lines = _MACHINE.read_text().splitlines()
        fields = dict(line.split(":", 1) for line in lines)
        total, free = (int(fields[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (OSError, ValueError, KeyError):
        return 0
    return (total - free) * _MILLION // total
