"""How far a live run and a simulated one agree, as tables: `agreement.json` read back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from .amounts import NOTHING, amount
from .console import coloured, table
from .fields import as_a, items, number, text
from .metrics import metric

__all__ = ["agreement_tables"]


def agreement_tables(record: Mapping[str, Any]) -> Group:
    """The tables of one scenario.

    Raises:
        InputError: it is no record of an agreement.
    """
    with as_a("agreement", text(record, "scenario")):
        verdict = "pass" if record["agrees"] else "fail"
        word = "agree" if record["agrees"] else "disagree"
        return Group(
            Text.assemble(
                (text(record, "scenario"), "bold"),
                ": live and simulated ",
                coloured(verdict, word),
            ),
            Text(
                f"policy {text(record, 'policy')}, through {text(record, 'target')} at speed "
                f"{number(record['speed']):g}, seed {record['seed']}, replication "
                f"{record['replication']}",
                style="dim",
            ),
            Text(),
            _figures(record),
            Text(),
            _transitions(record),
            Text(),
            Text(_client(record["client"]), style="dim"),
            Text(),
        )


def _figures(record: Mapping[str, Any]) -> Table:
    rows = table()
    rows.add_column("figure")
    for name in ("live", "overhead", "simulated", "difference", "95 % interval", "tolerance"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for entry in items(record, "figures"):
        unit = text(entry, "unit")
        relative = bool(entry["relative"])
        rows.add_row(
            metric(text(entry, "name")).label,
            amount(number(entry["live"]), unit),
            amount(number(entry["overhead"]), unit) if number(entry["overhead"]) else NOTHING,
            amount(number(entry["simulated"]), unit),
            _signed(number(entry["difference"]), unit, relative=relative),
            _interval(number(entry["low"]), number(entry["high"]), unit, relative=relative),
            _signed(number(entry["tolerance"]), unit, relative=relative).lstrip("+"),
            _agrees(entry),
        )
    return rows


def _transitions(record: Mapping[str, Any]) -> Table | Text:
    turns = items(record, "transitions")
    if not turns:
        return Text("no change of mode, live or simulated")
    rows = table()
    rows.add_column("change of mode")
    for name in ("live", "simulated", "difference", "tolerance"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for turn in turns:
        rows.add_row(
            f"{text(turn, 'from')} → {text(turn, 'to')}",
            _second(number(turn["live_s"])),
            _second(number(turn["simulated_s"])),
            _ticks(number(turn["ticks"])),
            f"{turn['tolerance_ticks']} ticks",
            _agrees(turn),
        )
    return rows


def _agrees(entry: Mapping[str, Any]) -> Text:
    return coloured("pass", "agrees") if entry["agrees"] else coloured("fail", "DISAGREES")


def _second(at_s: float) -> str:
    return NOTHING if math.isnan(at_s) else f"{at_s:g} s"


def _ticks(ticks: float) -> str:
    return NOTHING if math.isnan(ticks) else f"{ticks:+g} ticks"


def _signed(value: float, unit: str, *, relative: bool) -> str:
    if math.isnan(value):
        return NOTHING
    if relative:
        return f"{value * 100:+.2f} %"
    if unit == "share":
        return f"{value * 100:+.3g} points"
    return f"{value:+g}"


def _interval(low: float, high: float, unit: str, *, relative: bool) -> str:
    if math.isnan(low) or math.isnan(high):
        return NOTHING
    scale = 100.0 if relative or unit == "share" else 1.0
    return f"{low * scale:+.3g} to {high * scale:+.3g}"


def _client(client: Mapping[str, Any]) -> str:
    def shown(name: str) -> str:
        value = number(client.get(name))
        return NOTHING if math.isnan(value) else f"{value * 1e3:.0f} ms"

    return (
        f"in the scenario's time: clients, service and network add {shown('overhead_p50_s')} to a "
        f"request (median; P95 {shown('overhead_p95_s')}); requests were sent "
        f"{shown('sent_late_p95_s')} late at P95, at most {shown('sent_late_max_s')}"
    )
