"""What all pages share: one style sheet, one frame, and a template engine that escapes."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from balancer.core.modes import MODES

from .palette import PALETTE

__all__ = ["SYMBOLS", "render"]

HERE: Final = Path(__file__).parent

SYMBOLS: Final = {"pass": "✓", "fail": "✗", "inconclusive": "?"}
"""A verdict is never told by its colour alone."""


def render(template: str, *, title: str, **values: object) -> str:
    """A page from one of our templates.

    Args:
        template: file name of a template that extends `page.html.jinja`.
        title: of the page.
        values: what the template asks for; one that is missing is an error.
    """
    # Everything a scenario file says is escaped: autoescape is on for every template.
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        style=Markup(_style()),  # noqa: S704 - our own file, and the palette
        modes={mode.label for mode in MODES},
        symbols=SYMBOLS,
    )
    return environment.get_template(template).render(title=title, **values)


def _style() -> str:
    light = "".join(f"--{role}:{colour.light};" for role, colour in PALETTE.items())
    dark = "".join(f"--{role}:{colour.dark};" for role, colour in PALETTE.items())
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        + (HERE / "report.css").read_text(encoding="utf-8")
    )
