"""The report: one HTML file with everything inside, to read, to print and to pass on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from balancer.records.verdict import Verdict, read_verdicts

from ..junit import JUNIT, run_junit
from ..layout import NARROW, WIDE
from ..page import render
from ..svg import Drawn, drawn
from .captions import caption, describe
from .figures import timeline_figure
from .sections import Section, section
from .summary import Summary, summary
from .timeline_data import timeline_file, write_timeline_data
from .timelines import read_timeline

__all__ = ["REPORT", "page", "write_report"]

REPORT: Final = "report.html"
"""Name of the file that is written, of a run, a gate or a comparison."""


def page(
    sections: Sequence[Section], index: Summary | None = None, missing: Sequence[str] = ()
) -> str:
    """The page of some scenarios.

    Args:
        sections: one for each.
        index: stands before them and leads to each.
        missing: names of scenarios that an interruption left out.
    """
    names = ", ".join(each.scenario for each in sections)
    return render(
        "report.html.jinja",
        title=f"Report: {names}" if len(sections) == 1 else f"Report of {len(sections)} scenarios",
        sections=sections,
        index=index,
        missing=missing,
    )


def write_report(directory: Path, missing: Sequence[str] = ()) -> Path:
    """Write the report of a run beside the verdict: page, JUnit XML, and timelines as CSV.

    Args:
        directory: with `verdict.json` and the journals that it names.
        missing: names of scenarios that an interruption left out.

    Returns:
        The page's path.

    Raises:
        InputError: the verdict or a journal is missing or cannot be read.
    """
    verdicts = read_verdicts(directory)
    anchors = [f"s{place}" for place in range(1, len(verdicts) + 1)]
    sections = [
        _section(directory, verdict, anchor)
        for verdict, anchor in zip(verdicts, anchors, strict=True)
    ]
    index = summary(verdicts, anchors) if len(verdicts) > 1 else None
    path = directory / REPORT
    for name, content in ((JUNIT, run_junit(verdicts)), (REPORT, page(sections, index, missing))):
        (directory / name).write_text(content, encoding="utf-8", newline="\n")
    return path


def _section(directory: Path, verdict: Verdict, anchor: str) -> Section:
    timeline = read_timeline(directory, verdict)
    if timeline is None:
        text = "There is no journal of this run, so there is no timeline."
        return section(verdict, anchor=anchor, figure=Drawn(), caption=text)
    name = timeline_file(verdict)
    write_timeline_data(directory / name, timeline)
    figure = drawn(
        lambda layout: timeline_figure(timeline, layout),
        (WIDE, NARROW),
        prefix=f"{anchor}-",
        title=f"Timeline of {verdict.scenario}",
        description=describe(verdict, timeline),
    )
    told = caption(verdict, timeline)
    return section(verdict, anchor=anchor, figure=figure, caption=told, data=name)
