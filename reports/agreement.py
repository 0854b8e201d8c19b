"""How far a live run and a simulated one agree, as tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text

from balancer.records.codec import clean

from .amounts import NOTHING, amount
from .console import coloured, table
from .metrics import metric

__all__ = ["agreement_tables"]


def agreement_tables(record: Mapping[str, Any]) -> Group:
    """The tables of one scenario."""
    scenario, policy = clean(record["scenario"]), clean(record["policy"])
    agrees = coloured("pass", "agree") if record["agrees"] else coloured("fail", "disagree")
    return Group(
        Text.assemble((scenario, "bold"), ": live and simulated ", agrees),
        Text(
            f"policy {policy}, through {record['target']} at speed {record['speed']:g}, "
            f"seed {record['seed']}, replication {record['replication']}",
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


def _number(value: float | None) -> float:
    """JSON has no NaN: null stands for it."""
    return math.nan if value is None else value


def _figures(record: Mapping[str, Any]) -> Table:
    rows = table()
    rows.add_column("figure")
    for name in ("live", "overhead", "simulated", "difference", "95 % interval", "tolerance"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for entry in record["figures"]:
        unit = entry["unit"]
        relative = bool(entry["relative"])
        rows.add_row(
            metric(entry["name"]).label,
            amount(_number(entry["live"]), unit),
            amount(entry["overhead"], unit) if entry["overhead"] else NOTHING,
            amount(_number(entry["simulated"]), unit),
            _signed(_number(entry["difference"]), unit, relative=relative),
            _interval(_number(entry["low"]), _number(entry["high"]), unit, relative=relative),
            _signed(entry["tolerance"], unit, relative=relative).lstrip("+"),
            _agrees(entry),
        )
    return rows


def _transitions(record: Mapping[str, Any]) -> Table | Text:
    turns = record["transitions"]
    if not turns:
        return Text("no change of mode, live or simulated")
    rows = table()
    rows.add_column("change of mode")
    for name in ("live", "simulated", "difference", "tolerance"):
        rows.add_column(name, justify="right", no_wrap=True)
    rows.add_column("", no_wrap=True)
    for turn in turns:
        rows.add_row(
            f"{turn['from']} → {turn['to']}",
            _second(_number(turn["live_s"])),
            _second(_number(turn["simulated_s"])),
            _ticks(_number(turn["ticks"])),
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
        value = _number(client[name])
        return NOTHING if math.isnan(value) else f"{value * 1e3:.0f} ms"

    return (
        f"in the scenario's time: clients, service and network add {shown('overhead_p50_s')} to a "
        f"request (median; P95 {shown('overhead_p95_s')}); requests were sent "
        f"{shown('sent_late_p95_s')} late at P95, at most {shown('sent_late_max_s')}"
    )
