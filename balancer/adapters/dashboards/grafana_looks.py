"""How panels look in Grafana: colours, threshold lines, stacks, names of modes."""

from __future__ import annotations

from typing import Final

from ...core.modes import MODES
from .grafana_sdk import common, dashboard, stat, statetimeline, timeseries
from .panel import MODE_COLOURS, Panel, Shape

__all__ = ["drawing", "mode_names", "options_of", "overrides_of", "shows_mode", "thresholds"]

_PLAIN: Final = "text"
"""Grafana's name for the colour of its text."""
_STACKS: Final = {
    Shape.STACK: common.StackingMode.NORMAL,
    Shape.SHARES: common.StackingMode.PERCENT,
}
_NORMAL, *_DEGRADED = MODES


def shows_mode(panel: Panel) -> bool:
    """Whether its values are modes."""
    return any(query.legend == "mode" for query in panel.queries)


def overrides_of(panel: Panel) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """What is drawn otherwise, by the name of a series."""
    return [*_mode_series(panel), *_without_a_controller(panel)]


def mode_names() -> dashboard.ValueMap:
    """Name and colour of each mode, for its number."""
    return dashboard.ValueMap(
        options={
            str(int(mode)): dashboard.ValueMappingResult(
                text=mode.label, color=MODE_COLOURS[mode], index=int(mode)
            )
            for mode in MODES
        }
    )


def thresholds(panel: Panel) -> dashboard.ThresholdsConfig:
    """From each threshold on, the colour of the mode that it brings."""
    if shows_mode(panel):
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


_OTHER_ARMS = "/ (static|cheapest|none)$/"
"""Names of series of the arms without a controller end so."""


def _without_a_controller(
    panel: Panel,
) -> list[dashboard.DashboardFieldConfigSourceOverrides]:
    """Other arms of a simulated run are dashed, and no stack is put on that of the policy."""
    if panel.shape in (Shape.FIGURE, Shape.BAND):
        return []
    dashed = common.LineStyle(fill="dash", dash=[6, 4])
    if panel.shape not in _STACKS:
        return [_override(_OTHER_ARMS, lineStyle=dashed)]
    stacking = common.StackingConfig(mode=_STACKS[panel.shape], group="none")
    return [_override(_OTHER_ARMS, lineStyle=dashed, stacking=stacking, fillOpacity=10)]


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


def options_of(panel: Panel) -> object:
    """Options of the panel's kind."""
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
            if shows_mode(panel)
            else common.BigValueColorMode.VALUE,
            reduce_options=common.ReduceDataOptions(calcs=["lastNotNull"], fields="", values=False),
        )
    return timeseries.Options(legend=legend, tooltip=tooltip)


def drawing(panel: Panel) -> object:
    """How its series are drawn, unless overridden."""
    if panel.shape is Shape.FIGURE:
        return None
    if panel.shape is Shape.BAND:
        return statetimeline.FieldConfig(fill_opacity=90, line_width=0)
    config = timeseries.FieldConfig(
        draw_style=common.GraphDrawStyle.LINE,
        line_width=1,
        fill_opacity=60 if panel.shape in _STACKS else 0,
        show_points=common.VisibilityMode.NEVER,
        stacking=common.StackingConfig(
            mode=_STACKS.get(panel.shape, common.StackingMode.NONE), group="A"
        ),
    )
    if panel.limits:
        config.thresholds_style = common.GraphThresholdsStyleConfig(
            mode=common.GraphThresholdsStyleMode.DASHED
        )
        # Without it, a quiet day would not show how far away the first threshold is.
        config.axis_soft_max = panel.limits[0][0] * 1.1
    return config
