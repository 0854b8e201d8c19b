"""Colours that can be read."""

from __future__ import annotations

import pytest

from balancer.core.modes import MODES
from reports.palette import MODE_ROLES, PALETTE, contrast

TEXT_ROLES = ("ink", "muted", "with", "without", "shed", "good", "bad", "unsure")


def test_contrast_spans_one_to_twenty_one() -> None:
    """The two ends of the scale, as WCAG defines them."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#123456", "#123456") == pytest.approx(1.0)


@pytest.mark.parametrize("ground", ["page", "surface"])
@pytest.mark.parametrize("role", TEXT_ROLES)
def test_text_stands_out_from_the_page(role: str, ground: str) -> None:
    """Every colour that letters are set in has a contrast of 4.5, on paper and on screen."""
    assert contrast(PALETTE[role].light, PALETTE[ground].light) >= 4.5
    assert contrast(PALETTE[role].dark, PALETTE[ground].dark) >= 4.5


def test_light_colours_are_unique() -> None:
    """A figure's colours are told apart by their light value alone."""
    assert len({colour.light for colour in PALETTE.values()}) == len(PALETTE)


def test_deeper_modes_are_darker_in_print() -> None:
    """The order of the modes survives a grey copy."""
    against_white = [contrast(PALETTE[MODE_ROLES[mode]].light, "#ffffff") for mode in MODES]
    assert against_white[1:] == sorted(against_white[1:])
    assert against_white[3] > 2 * against_white[1]
