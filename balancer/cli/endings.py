"""How a command ends: exit codes, one message for what went wrong, what an interrupt leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

import typer

from ..core.errors import BalancerError

__all__ = [
    "BAD_INPUT",
    "BUG",
    "FAIL",
    "INCONCLUSIVE",
    "INTERRUPTED",
    "PASS",
    "UNHEARD",
    "Interruption",
    "kept",
    "told",
]

PASS, FAIL, BAD_INPUT, INCONCLUSIVE, BUG, INTERRUPTED, UNHEARD = 0, 1, 2, 3, 70, 130, 141


@contextmanager
def told() -> Iterator[None]:
    """Turn what can go wrong into one message and an exit code; bugs keep their traceback."""
    try:
        yield
    except BalancerError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    except (KeyboardInterrupt, typer.Abort):  # the latter where a question was asked
        typer.echo("interrupted", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read our output has left, as `| head` does. That is no verdict.
        _hush()
        raise typer.Exit(UNHEARD) from None
    except OSError as error:
        # A full disk, too many open files: no bug of ours, and no verdict either.
        about = f"{error.filename}: " if error.filename else ""
        typer.echo(f"error: {about}{error.strerror or error}", err=True)
        _hush()
        raise typer.Exit(BAD_INPUT) from None


class Interruption:
    """What stopped a command early, if anything did."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: BaseException | None = None

    def end(self, missing: Iterable[str]) -> None:
        """Say what is missing, and end as an interrupted command does; nothing if there was none.

        Raises:
            KeyboardInterrupt, SystemExit: the interrupt.
        """
        if self.error is None:
            return
        if names := ", ".join(missing):
            typer.echo(f"not finished: {names}", err=True)
        raise self.error


@contextmanager
def kept(finished: Callable[[], object]) -> Iterator[Interruption]:
    """Let an interrupt end the block and not the command, where something is finished already.

    What is finished took its time: it can be written then, with what is missing.

    Args:
        finished: whatever is true when there is something to keep.
    """
    interruption = Interruption()
    try:
        yield interruption
    except (KeyboardInterrupt, SystemExit) as error:
        if not finished():
            raise
        interruption.error = error


def _hush() -> None:
    """Let go of what standard output still holds: Python would try to write it at exit."""
    with suppress(OSError, ValueError):
        output = sys.stdout.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, output)
        os.close(nowhere)
