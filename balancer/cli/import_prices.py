"""`open-balancer models import`: prices of another table, held against ours."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from ..adapters.price_tables.theirs import Theirs

__all__ = ["import_app"]

import_app = typer.Typer(
    help="Hold prices of another table against ours, and take them over.", no_args_is_help=True
)

Pattern = Annotated[str, typer.Option("--models", metavar="GLOB", help="Names to look at.")]
Output = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write what differs as a table for `prices`.", show_default=False
    ),
]
Day = Annotated[
    str | None,
    typer.Option("--date", metavar="DAY", help="Prices of a day. [today]", show_default=False),
]


@import_app.command("genai-prices")
def from_genai_prices(
    pattern: Pattern = "gemini-*", output: Output = None, day: Day = None
) -> None:
    """Compare with Pydantic's genai-prices as it is installed; nothing is fetched."""
    with told():
        from ..installation import require
        from .models import read_day

        require(packages=(), extras=("genai-prices",))
        from importlib.metadata import version

        from ..adapters.price_tables.genai_prices import read_genai_prices

        today = read_day(day)
        source = f"genai-prices {version('genai-prices')}"
        _import(read_genai_prices(today), source, pattern, output, today)


@import_app.command("litellm")
def from_litellm(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="LiteLLM's price map, JSON.")],
    pattern: Pattern = "gemini-*",
    output: Output = None,
    day: Day = None,
) -> None:
    """Compare with LiteLLM's price map, model_prices_and_context_window.json."""
    with told():
        from ..adapters.price_tables.litellm import read_litellm
        from .models import read_day

        _import(read_litellm(file), file.name, pattern, output, read_day(day))


def _import(
    found: Iterable[Theirs], source: str, pattern: str, output: Path | None, today: date
) -> None:
    from ..adapters.price_tables.theirs import hold_against
    from ..adapters.price_tables.toml_text import model_table_toml
    from ..core.errors import InputError
    from ..prices import default_catalog
    from .json_file import check_writable
    from .whole_files import write_whole

    check_writable(output)
    imported = hold_against(default_catalog(today), found, pattern)
    if not imported.found:
        raise InputError(
            f"there is no model in it that is priced by token and that {pattern!r} names",
            where=source,
        )
    for line in imported.lines:
        typer.echo(line)
    missing = ", ".join(imported.missing) or "none"
    typer.echo(f"the same: {imported.same}; ours alone: {missing}")
    if output is not None:
        rows = imported.table["models"]
        text = model_table_toml(imported.table, today, f"Prices of {source} where ours differ.")
        write_whole(output.parent, {output.name: text})
        typer.echo(f"{output}: {len(rows)} models; name it under prices in a policy")
