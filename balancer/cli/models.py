"""`open-balancer models`: what is known of models, and which of those in use end."""

from __future__ import annotations

import sys
from datetime import date
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .endings import FAIL, told
from .import_prices import import_app

if TYPE_CHECKING:
    from ..core.catalog import Catalog, ModelCard
    from ..runtime.ends import End

__all__ = ["DateOption", "models_app", "read_day", "warn_of_ends"]

models_app = typer.Typer(help="Models: prices, ends, other price tables.", no_args_is_help=True)
models_app.add_typer(import_app, name="import")

DateOption = Annotated[
    str | None,
    typer.Option("--date", metavar="DAY", help="Such as 2026-12-02. [today]", show_default=False),
]


def read_day(text: str | None) -> date:
    """The day that `--date` names, or today.

    Raises:
        InputError: it names none.
    """
    from ..core.errors import InputError
    from ..runtime import clock
    from ..units import parse_day

    try:
        return parse_day(clock.today() if text is None else text)
    except ValueError as error:
        raise InputError(str(error), where="--date") from None


def warn_of_ends(found: tuple[End, ...]) -> None:
    """A line on standard error for each."""
    for end in found:
        typer.echo(f"warning: {end.text}", err=True)


@models_app.command("list")
def models_list(
    day: DateOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> None:
    """List the models that ship, at the prices of a day, in dollars per million tokens."""
    with told():
        from ..prices import default_catalog

        catalog = default_catalog(read_day(day))
    if as_json:
        import json

        typer.echo(json.dumps(_plain(catalog), indent=2))
    else:
        _show(catalog)


@models_app.command("check")
def models_check(
    policy: Annotated[
        Path | None,
        typer.Argument(
            metavar="[POLICY]", help="Without a file: the default policy.", show_default=False
        ),
    ] = None,
    day: DateOption = None,
    within: Annotated[str, typer.Option(metavar="SPAN", help="How far ahead, such as 90d.")] = (
        "90d"
    ),
) -> None:
    """Say which models a policy names or leads to that end soon, and what serves them then.

    Exit code 0: none has ended; 1: one has; 2: bad input.
    """
    with told():
        from ..policy_file import load_policy
        from ..runtime.ends import ends

        loaded, today = load_policy(policy), read_day(day)
        endings = ends(loaded, loaded.catalog, today, _days(within))
    name = policy or "the default policy"
    warn_of_ends(endings)
    gone = sum(end.ended for end in endings)
    if not endings:
        typer.echo(f"{name}: as of {today}, no model of it ends within {_days(within)} days")
        return
    typer.echo(f"{name}: as of {today}, {gone} of its models ended and {len(endings) - gone} will")
    if gone:
        raise typer.Exit(FAIL)


def _days(text: str) -> int:
    from ..core.errors import InputError
    from ..units import parse_seconds

    try:
        found = f"{text}d" if text.isdecimal() else text
        # No calendar has more days.
        return min(int(parse_seconds(found) // 86_400), date.max.toordinal())
    except ValueError as error:
        raise InputError(str(error), where="--within") from None


def _plain(catalog: Catalog) -> dict[str, Any]:
    from ..core.value_codec import to_plain

    def row(card: ModelCard) -> dict[str, Any]:
        serving = catalog.serving(card)
        return {
            **to_plain(card),
            "ended": card.ended(catalog.as_of),
            "answered_by": serving.name,
        }

    return {
        "as_of": catalog.as_of,
        "dated": catalog.dated,
        "models": [row(card) for card in catalog.cards],
    }


def _show(catalog: Catalog) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from ..core.pricing import NANO_USD

    table = Table(box=box.SIMPLE_HEAD, title=f"models as of {catalog.as_of}", title_justify="left")
    table.add_column("model", no_wrap=True)
    for name in ("in", "out", "cached", "flex", "batch", "priority"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("thinking", "ends"):
        table.add_column(name)
    for card in catalog.cards:
        usd = [f"{nano / NANO_USD:g}" for nano in card.price[1:4]]
        tiers = [_tier(card, tier) for tier in ("flex", "batch", "priority")]
        table.add_row(card.name, *usd, *tiers, _thinking(card), _ends(card, catalog))
    text = StringIO()
    # Wide enough for every row: a terminal that is narrower wraps it.
    Console(file=text, width=200).print(table)
    rule = "\N{BOX DRAWINGS LIGHT HORIZONTAL}"
    plain = "-" if rule.encode(sys.stdout.encoding or "utf-8", "ignore") == b"" else rule
    for line in text.getvalue().rstrip().splitlines():
        typer.echo(line.rstrip().replace(rule, plain))
    typer.echo("dollars per million tokens; flex, batch and priority: in/out")


def _tier(card: ModelCard, tier: str) -> str:
    from ..core.pricing import NANO_USD

    if tier not in dict(card.tier_prices):
        return "-"
    row = card.price_of(tier)
    return f"{row[1] / NANO_USD:g}/{row[2] / NANO_USD:g}"


def _thinking(card: ModelCard) -> str:
    if card.levels:
        text = " ".join(card.levels)
    elif card.budget:
        text = f"{'0, ' if card.off else ''}{card.budget[0]}-{card.budget[1]}"
    else:
        return "-"
    default = card.default_thinking
    return text if default is None else f"{text} (default {default})"


def _ends(card: ModelCard, catalog: Catalog) -> str:
    if not card.shutdown:
        return "-"
    ended = card.ended(catalog.as_of)
    verb = "ended" if ended else "ends"
    after = catalog.on(max(card.shutdown, catalog.as_of)).serving(card)
    then = "" if after is card or after.name == card.name else f", then {after.name}"
    return f"{verb} {card.shutdown}{then}"
