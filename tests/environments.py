"""Environments beside the development one, for what cannot live in it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

__all__ = ["TRUSTED", "TRUSTED_BEFORE", "python_beside"]

TRUSTED, TRUSTED_BEFORE = "SSL_CERT_FILE", "SSL_CERT_FILE_BEFORE_TESTS"
"""Variables that name the file of trusted certificates: of the tests, and of the machine."""


def python_beside(
    name: str, *packages: str, within: Path = Path(sys.prefix), on_ours: bool = False
) -> Path:
    """Interpreter of an environment with some packages.

    It is made when it is first asked for.

    Args:
        name: of the environment.
        packages: as pip takes them.
        within: the directory it lives in; the development environment's.
        on_ours: whether it has everything of the development environment too, below what is its
            own; then nothing is installed that the packages need themselves.

    Raises:
        subprocess.CalledProcessError: it cannot be made.
    """
    home = within / name
    python, stamp = home / "bin" / "python", home / "complete"
    within.mkdir(parents=True, exist_ok=True)
    with (within / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not stamp.exists():
            run = [sys.executable, "-m"]
            subprocess.run([*run, "venv", "--clear", "--without-pip", home], check=True)
            install = ["pip", "--python", str(python), "install", "--quiet"]
            install += ["--no-deps"] if on_ours else []
            subprocess.run([*run, *install, *packages], check=True, env=_of_the_machine())
            if on_ours:
                ours = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r})\n"
                _site_packages(home).joinpath("ours.pth").write_text(ours, encoding="utf-8")
            stamp.touch()
    return python


def _of_the_machine() -> dict[str, str]:
    """The environment as it was before the tests, which trust nobody on the network."""
    found = dict(os.environ)
    before = found.pop(TRUSTED_BEFORE, None)
    if before:
        found[TRUSTED] = before
    elif before is not None:
        found.pop(TRUSTED, None)
    return found


def _site_packages(home: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(home)}))
