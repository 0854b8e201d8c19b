"""The command `open-balancer`: its subcommands, put together.

Exit codes: 0 the policy holds (or there was nothing to judge), 1 it fails, 2 bad input,
3 inconclusive, 129 hung up, 130 interrupted, 141 unheard, 143 terminated. Whatever is slow to
import is imported inside the command that needs it, so that `--help` answers at once and works
without the extras.
"""

from __future__ import annotations

import signal
from types import FrameType
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from ..version import VERSION
from .agree import agree
from .backtest import backtest
from .compare import compare
from .dashboards import dashboards
from .datadog import datadog_app
from .demo import demo
from .endings import told
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

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        """Call the command."""
        with told():
            return super().invoke(ctx)


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
    app(prog_name="open-balancer")


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)
