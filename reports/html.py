"""The report: one HTML file with everything inside, to read, to print and to pass on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from balancer.core.modes import MODES

from .figures import timeline_figure
from .layout import NARROW, WIDE
from .palette import PALETTE
from .sections import Section, section
from .svg import inline_svg
from .timelines import Timeline, caption, describe, read_timeline
from .verdicts import Verdict, read_verdicts

__all__ = ["REPORT", "page", "write_report"]

REPORT: Final = "report.html"
"""Name of the file that is written."""

HERE: Final = Path(__file__).parent


def page(sections: Sequence[Section]) -> str:
    """The page of some scenarios."""
    # Everything a scenario file says is escaped: autoescape is on for every template.
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    names = ", ".join(each.scenario for each in sections)
    return environment.get_template("report.html.jinja").render(
        title=f"Report: {names}" if len(sections) == 1 else f"Report of {len(sections)} scenarios",
        sections=sections,
        style=Markup(_style()),  # noqa: S704 - our own file, and the palette
        modes={mode.label for mode in MODES},
    )


def _style() -> str:
    light = "".join(f"--{role}:{colour.light};" for role, colour in PALETTE.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in PALETTE.items())
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        + (HERE / "report.css").read_text(encoding="utf-8")
    )


def write_report(directory: Path) -> Path:
    """Write the report of a run beside its verdict, and say where.

    Args:
        directory: with `verdict.json` and the journals that it names.

    Raises:
        InputError: the verdict or a journal is missing or cannot be read.
    """
    sections = [
        _section(directory, verdict, f"s{place}")
        for place, verdict in enumerate(read_verdicts(directory), start=1)
    ]
    path = directory / REPORT
    path.write_text(page(sections), encoding="utf-8", newline="\n")
    return path


def _section(directory: Path, verdict: Verdict, anchor: str) -> Section:
    drawn = read_timeline(directory, verdict)
    if drawn is None:
        return section(
            verdict,
            anchor=anchor,
            wide=Markup(),
            narrow=Markup(),
            caption="There is no journal of this run, so there is no timeline.",
        )
    return _drawn_section(verdict, drawn, anchor)


def _drawn_section(verdict: Verdict, timeline: Timeline, anchor: str) -> Section:
    description = describe(verdict, timeline)
    wide, narrow = (
        inline_svg(
            timeline_figure(timeline, layout),
            prefix=f"{anchor}-{name}",
            title=f"Timeline of {verdict.scenario}",
            description=description,
        )
        for name, layout in (("wide", WIDE), ("narrow", NARROW))
    )
    return section(
        verdict, anchor=anchor, wide=wide, narrow=narrow, caption=caption(verdict, timeline)
    )
