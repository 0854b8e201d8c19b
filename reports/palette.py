"""The colours of a report, by role, for light paper and for dark screens.

Figures are drawn once, in the light colours; each light colour is unique, so `reports.svg`
can turn it into the CSS variable of its role, and the browser picks light or dark. Hues
follow Okabe and Ito (2008), "Color Universal Design", darkened until text in them has a
contrast of at least 4.5 against the page (WCAG 2.2, 1.4.3). The modes also fall in
lightness, so their order survives a grey print.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from balancer.core.modes import Mode

__all__ = ["FILL_ROLES", "MODE_ROLES", "PALETTE", "Colour", "contrast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """One role's colour: `#rrggbb` on light paper and on a dark screen."""

    light: str
    dark: str


PALETTE: Final[dict[str, Colour]] = {
    "page": Colour(light="#ffffff", dark="#14181d"),
    "ink": Colour(light="#1c2128", dark="#e8ebef"),
    "muted": Colour(light="#59626d", dark="#a3adb9"),
    "grid": Colour(light="#e4e7eb", dark="#2b323a"),
    "surface": Colour(light="#f5f6f8", dark="#1c2229"),
    "fault": Colour(light="#c9ced6", dark="#4a5461"),
    "with": Colour(light="#0069a8", dark="#5ab6ec"),
    "without": Colour(light="#b04a00", dark="#f2a04e"),
    "shed": Colour(light="#9b3a74", dark="#e08fbf"),
    "good": Colour(light="#00724f", dark="#3ecb9b"),
    "bad": Colour(light="#b3261e", dark="#ff8a80"),
    "unsure": Colour(light="#7a5900", dark="#e9c46a"),
    "mode-normal": Colour(light="#a9d3c5", dark="#3f7d6b"),
    "mode-soft": Colour(light="#f0c23c", dark="#e3b93f"),
    "mode-hard": Colour(light="#e0772b", dark="#e58440"),
    "mode-emergency": Colour(light="#8c1d40", dark="#d2577f"),
    "fill-1": Colour(light="#77aadd", dark="#2f5d8c"),
    "fill-2": Colour(light="#eedd88", dark="#6e5f14"),
    "fill-3": Colour(light="#ee8866", dark="#8f3d1e"),
    "fill-4": Colour(light="#44bb99", dark="#1a6650"),
    "fill-5": Colour(light="#ffaabb", dark="#8a3f52"),
    "fill-6": Colour(light="#99ddff", dark="#1f6682"),
    "fill-7": Colour(light="#bbcc33", dark="#5a650d"),
    "fill-8": Colour(light="#c9b6e4", dark="#5d4a80"),
    "fill-9": Colour(light="#aaaa00", dark="#57571f"),
    "fill-10": Colour(light="#d8b48a", dark="#6b4f2e"),
    "fill-11": Colour(light="#dddddd", dark="#4a4f56"),
}
"""Role to colour; the role is also the name of the CSS variable, `--role`."""

FILL_ROLES: Final = tuple(f"fill-{place}" for place in range(1, 12))
"""Roles of fills with a word in them, to tell kinds apart. Most are Tol's "light" scheme ("Colour
Schemes", SRON 2021), made for labelled cells; the word says what the colour says."""

MODE_ROLES: Final[dict[Mode, str]] = {mode: f"mode-{mode.label}" for mode in Mode}
"""Role of each mode's colour."""


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two `#rrggbb` colours, 1..21 (WCAG 2.2, "relative luminance")."""
    brighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else float(((value + 0.055) / 1.055) ** 2.4)
        for value in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
