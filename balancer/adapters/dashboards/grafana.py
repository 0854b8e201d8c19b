"""The Grafana dashboard: panels put on the grid, with variables and marks of mode changes.

The file has the classic schema, which every Grafana since version 9 imports; the SDK calls it
deprecated in favour of one that only Grafana 12 and newer know.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final

from balancer.prometheus_names import Translation

from ... import metrics
from ...core.modes import MODES
from ...core.policy import Policy
from ...metrics import ARM
from .grafana_looks import drawing, mode_names, options_of, overrides_of, shows_mode, thresholds
from .grafana_sdk import JSONEncoder, common, dashboard, prometheus
from .panel import MODE_COLOURS, Panel, Query, Row, Shape
from .panels import rows_of
from .promql import JOB, Queries

__all__ = ["dashboard_text"]

COLUMNS: Final = 24
LONGEST_UID: Final = 40
LIVE: Final = "()"
"""The arm of live traffic, as a pattern: it has none."""
STEP: Final = "30s"
"""How near in time a change of mode is marked."""

_SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")


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
        "simulated: static": "static",
        "simulated: without a controller": "none",
        "simulated: with and static": "policy|static",
        "simulated: with and without": "policy|none",
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
    panels: list[dashboard.Panel | dashboard.RowPanel] = []
    y = 0
    for row in rows:
        place = dashboard.GridPos(h=1, w=COLUMNS, x=0, y=y)
        panels.append(
            dashboard.RowPanel(
                title=row.title, grid_pos=place, id_val=len(panels) + 1, panels=[], collapsed=False
            )
        )
        x, y, tallest = 0, y + 1, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, tallest = 0, y + tallest, 0
            place = dashboard.GridPos(h=panel.height, w=panel.width, x=x, y=y)
            panels.append(_panel(panel, place, len(panels) + 1, queries))
            x, tallest = x + panel.width, max(tallest, panel.height)
        y += tallest
    return panels


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
        options=options_of(panel),
        field_config=dashboard.FieldConfigSource(
            defaults=dashboard.FieldConfig(
                unit=panel.unit,
                min_val=None if panel.shape is Shape.FIGURE else panel.least,
                max_val=panel.most,
                no_value=panel.none or None,
                mappings=[mode_names()] if shows_mode(panel) else [],
                thresholds=thresholds(panel),
                color=dashboard.FieldColor(
                    mode=dashboard.FieldColorModeId.THRESHOLDS
                    if panel.shape in (Shape.FIGURE, Shape.BAND)
                    else dashboard.FieldColorModeId.PALETTE_CLASSIC
                ),
                custom=drawing(panel),
            ),
            overrides=overrides_of(panel),
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
