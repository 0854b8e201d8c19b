"""A Python with google-genai 2, beside the development environment with version 3."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

__all__ = ["OLDER", "older_python"]

OLDER = "google-genai==2.20.*"
_BESIDE = ("aiohttp", "hypothesis", "pydantic", "pytest", "rich", "ruamel.yaml", "typer")


def older_python() -> Path:
    """Its interpreter, made when it is first asked for; it lives inside the environment."""
    home = Path(sys.prefix) / "google-genai-2"
    python, stamp = home / "bin" / "python", home / "complete"
    with (Path(sys.prefix) / "google-genai-2.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run in several processes
        if not stamp.exists():
            run = [sys.executable, "-m"]
            subprocess.run([*run, "venv", "--clear", "--without-pip", home], check=True)
            install = ["pip", "--python", str(python), "install", "--quiet"]
            subprocess.run([*run, *install, OLDER, *_BESIDE], check=True)
            stamp.touch()
    return python
