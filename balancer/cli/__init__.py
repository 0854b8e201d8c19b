"""The command: the one place that puts library and harness together, a file a subcommand."""

from .main import app, main

__all__ = ["app", "main"]
