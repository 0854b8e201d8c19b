"""How a command ends: exit codes, and what can go wrong as one message."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from ..core.errors import BalancerError

__all__ = ["BAD_INPUT", "FAIL", "INCONCLUSIVE", "INTERRUPTED", "PASS", "told"]

PASS, FAIL, BAD_INPUT, INCONCLUSIVE, INTERRUPTED = 0, 1, 2, 3, 130


@contextmanager
def told() -> Iterator[None]:
    """Turn what can go wrong into one message and an exit code; bugs keep their traceback."""
    try:
        yield
    except BalancerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except KeyboardInterrupt:
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
