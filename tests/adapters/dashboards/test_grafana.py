"""The dashboard is one that Grafana takes, asks for known metrics, and lies well on its grid."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest

from balancer import metrics
from balancer.adapters.dashboards.grafana import COLUMNS, dashboard_text
from balancer.adapters.dashboards.panel import MODE_COLOURS
from balancer.core.modes import Mode
from balancer.core.policy import Policy
from balancer.metrics import Metric
from balancer.prometheus_names import Translation, metric_name
from reports.palette import MODE_ROLES, PALETTE
from tests.adapters.dashboards.selectors import known_names, labels_of, names_of

UNITS = {"s", "percentunit", "currencyUSD", "short", "reqps", "cps"}


def board_of(policy: Policy, translation: Translation = Translation.UNDERSCORES) -> Any:
    """The dashboard as Grafana reads it."""
    return json.loads(dashboard_text(policy, "shop", translation))


def panels_of(board: Any) -> list[Any]:
    """All panels but the headings of rows."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def panel_of(board: Any, title: str) -> Any:
    """A panel by the begin of its title; the last one."""
    return [panel for panel in panels_of(board) if panel["title"].startswith(title)][-1]


def expressions_of(board: Any) -> list[str]:
    """Every query of panels and of marks."""
    marks = [mark["expr"] for mark in board["annotations"]["list"]]
    return marks + [target["expr"] for panel in panels_of(board) for target in panel["targets"]]


@pytest.mark.parametrize("translation", Translation)
def test_every_query_names_only_metrics_of_the_table(
    everything: Policy, translation: Translation
) -> None:
    """Parsed by a parser that is not ours: each is valid, too."""
    for expression in expressions_of(board_of(everything, translation)):
        assert names_of(expression) <= known_names(translation)


@pytest.mark.parametrize("translation", Translation)
def test_every_query_is_of_the_chosen_service_and_traffic(
    everything: Policy, translation: Translation
) -> None:
    """A selector without them would mix live and simulated traffic."""
    arm = "open_balancer_arm" if translation.escapes else "open_balancer.arm"
    for expression in expressions_of(board_of(everything, translation)):
        assert labels_of(expression) == {"job", arm}


@pytest.mark.parametrize(
    "metric",
    [
        metrics.CURRENT_MODE,
        metrics.REQUEST_DURATION,
        metrics.FIRST_TOKEN,
        metrics.ATTEMPTS_FAILED,
        metrics.COST,
        metrics.COST_RATE,
        metrics.AVAILABILITY,
        metrics.REQUESTS,
        metrics.ATTEMPTS_STARTED,
        metrics.TOKENS,
        metrics.BUDGET_LEFT,
        metrics.BUDGET_PROJECTED,
        metrics.QUEUE_DEPTH,
        metrics.MEMORY,
        metrics.COST_SAVED,
        metrics.TELEMETRY_DROPPED,
        metrics.MODE_CHANGES,
        metrics.ACTIVATIONS,
        metrics.RECOVERY,
        metrics.REQUEST_COST,
        metrics.COST_PER_ANSWER,
        metrics.SESSION_TOKENS,
        metrics.QUALITY,
    ],
    ids=lambda metric: metric.name,
)
def test_what_matters_is_shown(default: Policy, metric: Metric) -> None:
    """In a panel, or as a mark."""
    asked = set[str]().union(*(names_of(expr) for expr in expressions_of(board_of(default))))
    assert metric_name(metric, Translation.UNDERSCORES) in asked


def test_the_sdk_reads_it_back(everything: Policy) -> None:
    """Into the same dashboard: nothing in it is unknown to Grafana's own model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        from grafana_foundation_sdk.cog.encoder import JSONEncoder
        from grafana_foundation_sdk.cog.plugins import register_default_plugins
        from grafana_foundation_sdk.models.dashboard import Dashboard
    register_default_plugins()
    board = board_of(everything)
    again = json.loads(JSONEncoder().encode(Dashboard.from_json(board)))
    assert again == board


def test_panels_do_not_overlap(everything: Policy) -> None:
    """Nor reach over the right edge, nor share a number."""
    panels = board_of(everything)["panels"]
    cells = [
        {(x, y) for x in range(p["x"], p["x"] + p["w"]) for y in range(p["y"], p["y"] + p["h"])}
        for p in (panel["gridPos"] for panel in panels)
    ]
    assert all(first.isdisjoint(second) for first, second in combinations(cells, 2))
    assert max(x for cell in cells for x, _ in cell) == COLUMNS - 1
    numbers = [panel["id"] for panel in panels]
    assert len(numbers) == len(set(numbers))


def test_rows_are_full(everything: Policy) -> None:
    """No holes: each line of a row's panels is as wide as the dashboard."""
    widths: dict[int, int] = {}
    for panel in panels_of(board_of(everything)):
        place = panel["gridPos"]
        widths[place["y"]] = widths.get(place["y"], 0) + place["w"]
    assert set(widths.values()) == {COLUMNS}


def test_panels_have_a_title_a_unit_and_an_explanation(everything: Policy) -> None:
    """Titles are words for people, no names of metrics."""
    for panel in panels_of(board_of(everything)):
        assert re.fullmatch(r"[A-Z][A-Za-z0-9 ,()]+", panel["title"])
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        assert panel["description"].endswith(".")
        assert all(target["legendFormat"] for target in panel["targets"])


def test_modes_have_the_colours_of_the_reports() -> None:
    """A band here and there means the same."""
    assert {mode: PALETTE[role].dark for mode, role in MODE_ROLES.items()} == MODE_COLOURS


def test_the_band_says_modes_by_name_and_colour(default: Policy) -> None:
    """And not by number."""
    (mapping,) = panel_of(board_of(default), "Mode over time")["fieldConfig"]["defaults"][
        "mappings"
    ]
    shown = {value: (entry["text"], entry["color"]) for value, entry in mapping["options"].items()}
    assert shown == {str(int(mode)): (mode.label, MODE_COLOURS[mode]) for mode in Mode}


def test_series_of_a_mode_have_its_colour(default: Policy) -> None:
    """With and without the name of an arm behind the mode's."""
    overrides = panel_of(board_of(default), "Calls by mode")["fieldConfig"]["overrides"]
    patterns = [override["matcher"]["options"].strip("/") for override in overrides]
    for name in ("soft ", "soft policy"):
        matching = [i for i, pattern in enumerate(patterns) if re.search(pattern, name)]
        assert matching == [int(Mode.SOFT)]
        (value,) = overrides[matching[0]]["properties"]
        assert value["value"]["fixedColor"] == MODE_COLOURS[Mode.SOFT]


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Latency", [None, 15.0, 25.0, 40.0]),
        ("Error rate", [None, 0.05, 0.1, 0.2]),
        ("Cost per hour", [None, 190.0, 320.0, 641.0]),
    ],
)
def test_thresholds_of_the_policy_are_lines(
    default: Policy, title: str, expected: list[float | None]
) -> None:
    """In the colours of the modes that they bring."""
    defaults = panel_of(board_of(default), title)["fieldConfig"]["defaults"]
    steps = defaults["thresholds"]["steps"]
    assert [step["value"] for step in steps] == expected
    assert [step["color"] for step in steps] == list(MODE_COLOURS.values())
    assert defaults["custom"]["thresholdsStyle"]["mode"] == "dashed"


def test_arms_are_not_stacked_on_each_other(default: Policy) -> None:
    """Each has a stack of its own, and that without a controller is dashed everywhere."""
    for panel in panels_of(board_of(default)):
        if panel["type"] != "timeseries":
            continue
        override = panel["fieldConfig"]["overrides"][-1]
        assert override["matcher"]["options"] == "/ (static|cheapest|none)$/"
        changed = {entry["id"]: entry["value"] for entry in override["properties"]}
        assert changed["custom.lineStyle"]["fill"] == "dash"
        stacking = panel["fieldConfig"]["defaults"]["custom"]["stacking"]
        if stacking["mode"] != "none":
            assert changed["custom.stacking"] == {**stacking, "group": "none"}


def test_the_lowest_of_two_thresholds_of_a_mode_is_drawn(default: Policy) -> None:
    """That is where the mode begins; a milder mode above a worse one is not reached."""
    (soft, *_) = (rule for rule in default.rules if rule.signal == "latency_p95")
    more = replace(soft, name="more", threshold=9.0, level=Mode.HARD, window_s=300.0)
    policy = replace(default, rules=(*default.rules, more))
    steps = panel_of(board_of(policy), "Latency")["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [step["value"] for step in steps] == [None, 9.0, 40.0]


def test_a_policy_without_rules_has_no_lines(default: Policy) -> None:
    """And a dashboard all the same."""
    board = board_of(replace(default, rules=()))
    defaults = panel_of(board, "Latency")["fieldConfig"]["defaults"]
    assert len(defaults["thresholds"]["steps"]) == 1
    assert "thresholdsStyle" not in defaults["custom"]


def test_variables_choose_source_service_and_traffic(default: Policy) -> None:
    """Live traffic has no arm, which the pattern `()` finds; simulated traffic has one."""
    variables = {entry["name"]: entry for entry in board_of(default)["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["job"]["current"]["value"] == "shop"
    arms = [option["value"] for option in variables["arm"]["options"]]
    assert arms == ["()", "policy", "static", "none", "policy|static", "policy|none"]
    assert variables["arm"]["current"]["value"] == arms[0]
    # Grafana reads the options from this text again.
    read = [entry.rsplit(" : ", 1)[1] for entry in variables["arm"]["query"].split(", ")]
    assert read == arms


def test_every_panel_uses_the_chosen_source(default: Policy) -> None:
    """No id of anybody's data source is in the file."""
    text = dashboard_text(default, "shop", Translation.UNDERSCORES)
    assert set(re.findall(r'"uid": "([^"]*)"', text)) == {"${datasource}", "open-balancer-shop"}


def test_estimates_are_called_so(default: Policy) -> None:
    """Nobody is to take what was saved for a bill."""
    for panel in panels_of(board_of(default)):
        if any("cost_saved" in target["expr"] for target in panel["targets"]):
            assert "estimate" in panel["title"]
            assert "min" not in panel["fieldConfig"]["defaults"]


def test_long_names_keep_apart() -> None:
    """A dashboard's id has at most 40 characters, and services must not share one."""
    from balancer.policy_file import load_policy

    policy = load_policy(None)
    uids = {
        json.loads(dashboard_text(policy, "a" * 40 + end, Translation.NONE))["uid"] for end in "xy"
    }
    assert len(uids) == 2
    assert all(len(uid) <= 40 for uid in uids)


def test_the_text_is_the_same_twice(everything: Policy) -> None:
    """So that a repository shows only what changed."""
    texts = {dashboard_text(everything, "shop", Translation.UNDERSCORES) for _ in range(2)}
    assert len(texts) == 1
