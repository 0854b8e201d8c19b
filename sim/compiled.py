"""Compilation of the data plane: numba, with an on-disk cache that cannot go stale.

numba keys a cached function by the file it stands in, so a change to a function that it
*calls*, in another file, would go unnoticed. Here the cache directory's name is a hash of
every source that takes part in compilation, so any change starts a fresh directory.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

try:
    import fcntl
except ImportError:  # Windows: every process compiles for itself
    fcntl = None  # type: ignore[assignment]

from balancer.core import budget, claims, histogram, pricing
from balancer.core import retry as chain

__all__ = ["cache_directory", "compiled", "direct", "inlined", "prune", "sources", "sources_hash"]

_CORE_SOURCES = tuple(
    Path(str(module.__file__)) for module in (budget, chain, claims, histogram, pricing)
)
_MARK = re.compile(r"from \.+compiled import .*\b(?:compiled|inlined)\b")
_UNUSED_FOR_S = 30 * 86_400.0

P = ParamSpec("P")
R = TypeVar("R")


def sources() -> list[Path]:
    """Files whose functions are compiled: those of this folder that decorate some."""
    here = Path(__file__).parent
    ours = [path for path in sorted(here.rglob("*.py")) if _MARK.search(path.read_text("utf-8"))]
    return [Path(__file__), *ours, *_CORE_SOURCES]


@lru_cache(maxsize=1)
def sources_hash() -> str:
    """Hash of every compiled source and of what compiles it."""
    digest = hashlib.sha256(f"{sys.version_info[:2]} {numba.__version__}".encode())
    for path in sources():
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


@lru_cache(maxsize=1)
def cache_directory() -> Path | None:
    """Where compiled code is kept, or None where nothing can be written."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "open-balancer"
    directory = base / f"compiled-{sources_hash()}"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=directory).close()
        directory.touch()
    except (OSError, RuntimeError):
        return None
    prune(base, keep=directory)
    return directory


def prune(base: Path, *, keep: Path) -> None:
    """Drop directories of sources that have not been run for a month."""
    oldest = time.time() - _UNUSED_FOR_S
    for other in base.glob("compiled-*"):
        with suppress(OSError):
            if other != keep and other.stat().st_mtime < oldest:
                shutil.rmtree(other, ignore_errors=True)


@contextmanager
def _numba_cache_in(directory: Path) -> Iterator[None]:
    # numba reads the setting while it decorates; a user's own numba code keeps theirs.
    settings: Any = numba.config
    before = settings.CACHE_DIR
    settings.CACHE_DIR = str(directory)
    try:
        yield
    finally:
        settings.CACHE_DIR = before


def compiled(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a function on its first call; later processes load it from the cache."""
    done: Callable[P, R] = _compile(function, forceinline=False)
    return done


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """The same, and merged into its compiled callers: for small functions on the hot path."""
    done: Callable[P, R] = _compile(function, forceinline=True)
    return done


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Let one process compile; those that wait for it find its code in the cache."""
    directory = cache_directory()
    if directory is None or fcntl is None:
        yield
        return
    # Somebody may have emptied the cache since this process began.
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def direct(function: Callable[P, R], *like: Any) -> Callable[..., R]:
    """A compiled function for arguments of the same types as these, and for no others.

    numba looks at the types of all arguments on every call; for the arrays of a whole world
    that takes longer than an idle tick. What comes back takes their types for granted.
    """
    dispatcher: Any = function
    typeof: Callable[[Any], Any] = numba.typeof
    signature = tuple(typeof(argument) for argument in like)
    with _one_at_a_time():
        dispatcher.compile(signature)
    found: Callable[..., R] = dispatcher.get_overload(signature)
    return found


def _compile(function: Any, *, forceinline: bool) -> Any:
    # Without numba's reference counting: the kernel only reads and writes arrays that Python
    # owns, and atomic counts on every access made it four times slower. A compiled function
    # cannot allocate, therefore.
    njit: Any = numba.njit
    options = {
        "error_model": "numpy",
        "forceinline": forceinline,
        "nogil": True,
        "_nrt": False,
    }
    directory = cache_directory()
    if directory is None:
        return njit(**options)(function)
    with _numba_cache_in(directory):
        return njit(cache=True, **options)(function)
