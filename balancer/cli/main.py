"""The command `open-balancer`: its subcommands, put together.

Exit codes: 0 the policy holds (or there was nothing to judge), 1 it fails, 2 bad input,
3 inconclusive, 70 a bug of ours, 129 hung up, 130 interrupted, 141 unheard, 143 terminated.
Whatever is slow to import is imported inside the command that needs it, so that `--help`
answers at once and works without the extras.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ..core.errors import InputError
from ..version import VERSION
from .agree import agree
from .backtest import backtest
from .compare import compare
from .dashboards import dashboards
from .datadog import datadog_app
from .demo import demo
from .endings import BUG, UNHEARD, told
from .fit import fit
from .gate import gate
from .library import list_scenarios, new
from .load import load
from .mock_gemini import mock_gemini
from .models import models_app
from .notify import notify_app
from .operator import operator
from .policy import policy_app
from .replay import replay
from .run import run
from .search import search
from .serve import serve
from .telemetry import verify_telemetry
from .tune import tune

__all__ = ["app", "main"]


class _Told(TyperGroup):
    """Whatever a command does outside of its own `told`, such as printing, ends well, too."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: Any = None,
        **extra: Any,
    ) -> Any:
        """Read the options; `--help` and `--version` print here."""
        with told():
            _check_words(args)
            return super().make_context(info_name, args, parent, **extra)

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Call the command."""
        with told():
            return super().invoke(ctx)


def _check_words(words: Sequence[str]) -> None:
    """Refuse what no report can repeat.

    Raises:
        InputError: a word that is no text, such as a file's name that is not UTF-8.
    """
    for word in words:
        shown = os.fsencode(word).decode("utf-8", "backslashreplace")
        if shown != word:
            raise InputError(f"found '{shown}', which is not UTF-8; rename the file")


app = typer.Typer(
    cls=_Told,
    name="open-balancer",
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (run, gate, compare, tune, search, fit, backtest, load, agree):
    app.command()(command)
app.command("scenarios")(list_scenarios)
app.command()(new)
app.command()(replay)
app.command()(mock_gemini)
app.command()(serve)
app.command()(operator)
app.command()(demo)
app.command()(dashboards)
app.command("verify-telemetry")(verify_telemetry)
app.add_typer(policy_app, name="policy")
app.add_typer(models_app, name="models")
app.add_typer(datadog_app, name="datadog")
app.add_typer(notify_app, name="notify")


def _version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Keeps Gemini-powered applications answering, fast and inside budget."""


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"open-balancer {VERSION}")


def main() -> None:
    """Run the command."""
    # Pipelines cancel with SIGTERM; unwinding takes away what is half-written.
    signal.signal(signal.SIGTERM, _terminated)
    # So does a terminal that closes. Not every system has the signal, and nohup ignores it.
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:
        signal.signal(signal.SIGHUP, _terminated)
    _open_streams()
    try:
        app(prog_name="open-balancer")
    except SystemExit as error:
        # Rich, which prints the help, ends with 1 where nobody reads it any more.
        if isinstance(error.__context__, BrokenPipeError):
            error.code = UNHEARD
        raise
    except Exception:  # noqa: BLE001 - Python would end with 1, which says that a policy fails
        traceback.print_exc()
        sys.exit(BUG)


def _open_streams() -> None:
    """Let what is printed go nowhere where it was closed (`>&-`), and stop at no sign."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115
    # The latter, of the locale "C", knows bytes of names that are not UTF-8, and no other sign.
    strict = ("strict", "surrogateescape")
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors in strict:
        sys.stdout.reconfigure(errors="backslashreplace")


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
