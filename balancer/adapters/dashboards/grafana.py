"""The Grafana dashboard: panels put on the grid, with variables and marks of mode changes.

The file has the classic schema, which every Grafana since version 9 imports; the SDK calls it
deprecated in favour of one that only Grafana 12 and newer know.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from dataclasses import replace
from typing import Final

from ... import metrics
from ...core.modes import MODES
from ...core.policy import Policy
from ...metrics import ARM
from .panels import MODE_COLOURS, Panel, Query, Row, Shape, rows_of
from .prometheus_names import Translation
from .promql import JOB, Queries

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from grafana_foundation_sdk.cog.encoder import JSONEncoder
    from grafana_foundation_sdk.models import (
        common,
        dashboard,
        prometheus,
        stat,
        statetimeline,
        timeseries,
    )

__all__ = ["dashboard_text"]

COLUMNS: Final = 24
LONGEST_UID: Final = 40
LIVE: Final = "()"
"""The arm of live traffic, as a pattern: it has none."""
STEP: Final = "30s"
"""How near in time a change of mode is marked."""

_SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
_PLAIN: Final = "text"
"""Grafana's name for the colour of its text."""
_STACKS: Final = {
    Shape.STACK: common.StackingMode.NORMAL,
    Shape.SHARES: common.StackingMode.PERCENT,
}
_NORMAL, *_DEGRADED = MODES


def dashboard_text(policy: Policy, service: str, translation: Translation) -> str:
    """The dashboard as JSON, the same text for the same policy.

    Args:
        policy: whose thresholds are drawn.
        service: `service.name` of the application's telemetry; the dashboard can be turned to
            others of the same policy.
        translation: how Prometheus names metrics.
    """
    queries = Queries(
        translation=translation,
        scope=((JOB, "=", "$job"), (ARM, "=~", "$arm")),
        by=(ARM,),
    )
    board = dashboard.Dashboard(
        uid=_uid(service),
        title=f"open-Balancer: {service}",
        description=f"Brownout control of {service} under policy {policy.name}. Written by "
        "open-Balancer; what is changed here is overwritten.",
        tags=["brownout", "llm", "open-balancer"],
        graph_tooltip=dashboard.DashboardCursorSync.CROSSHAIR,
        time=dashboard.DashboardDashboardTime(from_val="now-6h", to="now"),
        refresh="30s",
        panels=_placed(rows_of(policy, queries), queries),
        templating=dashboard.DashboardDashboardTemplating(list_val=_variables(service, queries)),
        annotations=dashboard.AnnotationContainer(list_val=[_mode_changes(queries)]),
        links=[],
    )
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board) + "\n"


def _uid(service: str) -> str:
    """What the dashboard is found by: an import replaces the one that is there."""
    uid = "open-balancer-" + re.sub(r"[^A-Za-z0-9_-]", "-", service)
    if len(uid) <= LONGEST_UID and uid.endswith(service):
        return uid
    mark = hashlib.sha256(service.encode()).hexdigest()[:8]
    return f"{uid[: LONGEST_UID - 9]}-{mark}"


# ------------------------------------------------------------------------------ variables


def _variables(service: str, queries: Queries) -> list[dashboard.VariableModel]:
    everywhere = replace(queries, scope=()).series(metrics.CURRENT_MODE)
    jobs = f"label_values({everywhere}, {JOB})"
    arms = {
        "live": LIVE,
        "simulated: with the policy": "policy",
        "simulated: without a controller": "none",
        "simulated: both": "policy|none",
    }
    return [
        dashboard.VariableModel(
            type_val=dashboard.VariableType.DATASOURCE,
            name="datasource",
            label="Data source",
            query="prometheus",
            refresh=dashboard.VariableRefresh.ON_DASHBOARD_LOAD,
        ),
        dashboard.VariableModel(
            type_val=dashboard.VariableType.QUERY,
            name=JOB,
            label="Service",
            description="service.name of the telemetry, after its namespace.",
            datasource=_SOURCE,
            query={"query": jobs, "refId": "jobs"},
            definition=jobs,
            refresh=dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED,
            sort=dashboard.VariableSort.ALPHABETICAL_ASC,
            current=dashboard.VariableOption(selected=True, text=service, value=service),
        ),
        dashboard.VariableModel(
            type_val=dashboard.VariableType.CUSTOM,
            name="arm",
            label="Traffic",
            description="Live traffic, or the arms of a simulated run.",
            query=", ".join(f"{text} : {value}" for text, value in arms.items()),
            options=[
                dashboard.VariableOption(selected=value == LIVE, text=text, value=value)
                for text, value in arms.items()
            ],
            current=dashboard.VariableOption(selected=True, text="live", value=LIVE),
            allow_custom_value=False,
        ),
    ]


def _mode_changes(queries: Queries) -> dashboard.AnnotationQuery:
    """Marks each change of mode, with both modes.

    A counter is first seen at 1, so that the first change of a kind is a series that was not
    there before, and each later one a value that has grown.
    """
    changes = queries.series(metrics.MODE_CHANGES)
    before = f"{changes} offset {STEP}"
    ends = (metrics.MODE_FROM, metrics.MODE_TO)
    names = [f"{{{{{queries.label(end)}}}}}" for end in ends]
    return dashboard.AnnotationQuery(
        name="Changes of mode",
        datasource=_SOURCE,
        enable=True,
        icon_color=MODE_COLOURS[MODES[-1]],
        expr=queries.grouped("max", f"({changes} > {before}) or ({changes} unless {before})", ends),
        step=STEP,
        title_format=" → ".join(names),
        text_format=f"{{{{{queries.label(ARM)}}}}}",
    )


# ------------------------------------------------------------------------------ the grid


def _placed(rows: tuple[Row, ...], queries: Queries) -> list[dashboard.Panel | dashboard.RowPanel]:
    """Rows under each other, their panels from left to right."""
    found: list[dashboard.Panel | dashboard.RowPanel] = []
    y = 0
    for row in rows:
        place = dashboard.GridPos(h=1, w=COLUMNS, x=0, y=y)
        found.append(
            dashboard.RowPanel(
                title=row.title, grid_pos=place, id_val=len(found) + 1, panels=[], collapsed=False
            )
        )
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            place = dashboard.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            found.append(_panel(panel, place, len(found) + 1, queries))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return found


def _panel(
    panel: Panel, place: dashboard.GridPos, number: int, queries: Queries
) -> dashboard.Panel:
    kinds = {Shape.BAND: "state-timeline", Shape.FIGURE: "stat"}
    return dashboard.Panel(
        type_val=kinds.get(panel.shape, "timeseries"),
        id_val=number,
        title=panel.title,
        description=panel.description,
        datasource=_SOURCE,
        grid_pos=place,
        targets=[
            _target(query, ref, queries)
            for query, ref in zip(panel.queries, "ABCDEF", strict=False)
        ],
        options=_options(panel),
        field_config=dashboard.FieldConfigSource(
            defaults=dashboard.FieldConfig(
                unit=panel.unit,
                min_val=None if panel.shape is Shape.FIGURE else panel.least,
                max_val=panel.most,
                no_value=panel.none or None,
                mappings=[_mode_names()] if _shows_mode(panel) else [],
                thresholds=_thresholds(panel),
                color=dashboard.FieldColor(
                    mode=dashboard.FieldColorModeId.THRESHOLDS
                    if panel.shape in (Shape.FIGURE, Shape.BAND)
                    else dashboard.FieldColorModeId.PALETTE_CLASSIC
                ),
                custom=_drawing(panel),
            ),
            overrides=[*_mode_series(panel), *_without_a_controller(panel)],
        ),
    )


def _target(query: Query, ref: str, queries: Queries) -> prometheus.Dataquery:
    return prometheus.Dataquery(
        ref_id=ref,
        datasource=_SOURCE,
        editor_mode=prometheus.QueryEditorMode.CODE,
        expr=query.expression,
        legend_format=f"{query.legend} {{{{{queries.label(ARM)}}}}}",
        range_val=True,
        instant=False,
    )


# ------------------------------------------------------------------------------ looks


def _shows_mode(panel: Panel) -> bool:
    return any(query.legend == "mode" for query in panel.queries)


def _mode_names() -> dashboard.ValueMap:
    return dashboard.ValueMap(
        options={
            str(int(mode)): dashboard.ValueMappingResult(
                text=mode.label, color=MODE_COLOURS[mode], index=int(mode)
            )
            for mode in MODES
        }
    )


def _thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """From each threshold on, the colour of the mode that it brings."""
    if _shows_mode(panel):
        steps = [(float(mode), mode) for mode in _DEGRADED]
    else:
        steps = list(panel.limits)
    base = MODE_COLOURS[_NORMAL] if steps else _PLAIN
    return dashboard.ThresholdsConfig(
        mode=dashboard.ThresholdsMode.ABSOLUTE,
        steps=[
            dashboard.Threshold(value=None, color=base),
            *(dashboard.Threshold(value=value, color=MODE_COLOURS[mode]) for value, mode in steps),
        ],
    )


def _mode_series(panel: Panel) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """Series of a mode have its colour."""
    if not any(query.mode for query in panel.queries):
        return []
    return [
        _override(
            f"/^{mode.label}( |$)/",
            color=dashboard.FieldColor(
                mode=dashboard.FieldColorModeId.FIXED, fixed_color=MODE_COLOURS[mode]
            ),
        )
        for mode in MODES
    ]


def _without_a_controller(
    panel: Panel,
) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """The other arm of a simulated run is dashed, and no stack is put on that of the policy."""
    if panel.shape in (Shape.FIGURE, Shape.BAND):
        return []
    dashed = common.LineStyle(fill="dash", dash=[6, 4])
    if panel.shape not in _STACKS:
        return [_override("/ none$/", lineStyle=dashed)]
    stacking = common.StackingConfig(mode=_STACKS[panel.shape], group="none")
    return [_override("/ none$/", lineStyle=dashed, stacking=stacking, fillOpacity=10)]


def _override(pattern: str, **changed: object) -> dashboard.DashboardFieldConfigSourceOverrides:
    """Series whose name has a pattern are drawn otherwise."""
    return dashboard.DashboardFieldConfigSourceOverrides(
        matcher=dashboard.MatcherConfig(id_val="byRegexp", options=pattern),
        properties=[
            dashboard.DynamicConfigValue(
                id_val=name if name == "color" else f"custom.{name}", value=value
            )
            for name, value in changed.items()
        ],
    )


def _options(panel: Panel) -> object:
    legend = common.VizLegendOptions(
        display_mode=common.LegendDisplayMode.LIST,
        placement=common.LegendPlacement.BOTTOM,
        show_legend=True,
        calcs=[],
    )
    tooltip = common.VizTooltipOptions(
        mode=common.TooltipDisplayMode.MULTI, sort=common.SortOrder.DESCENDING
    )
    if panel.shape is Shape.BAND:
        return statetimeline.Options(
            show_value=common.VisibilityMode.AUTO, legend=legend, tooltip=tooltip
        )
    if panel.shape is Shape.FIGURE:
        return stat.Options(
            graph_mode=common.BigValueGraphMode.NONE,
            color_mode=common.BigValueColorMode.BACKGROUND
            if _shows_mode(panel)
            else common.BigValueColorMode.VALUE,
            reduce_options=common.ReduceDataOptions(calcs=["lastNotNull"], fields="", values=False),
        )
    return timeseries.Options(legend=legend, tooltip=tooltip)


def _drawing(panel: Panel) -> object:
    if panel.shape is Shape.FIGURE:
        return None
    if panel.shape is Shape.BAND:
        return statetimeline.FieldConfig(fill_opacity=90, line_width=0)
    found = timeseries.FieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=60 if panel.shape in _STACKS else 0,
        show_points=common.VisibilityMode.NEVER,
        stacking=common.StackingConfig(
            mode=_STACKS.get(panel.shape, common.StackingMode.NONE), group="A"
        ),
    )
    if panel.limits:
        found.thresholds_style = common.GraphThresholdsStyleConfig(
            mode=common.GraphThresholdsStyleMode.DASHED
        )
        # Without it, a quiet day would not show how far away the first threshold is.
        found.axis_soft_max = panel.limits[0][0] * 1.1
    return found
