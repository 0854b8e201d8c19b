"""Models for the tests of bodies: those that ship, whose settings differ in every way."""

from __future__ import annotations

from balancer.core.catalog import ModelCard
from balancer.prices import default_catalog

CATALOG = default_catalog()


def card(name: str) -> ModelCard:
    """A model that ships."""
    return CATALOG.card(name)


FLASH = card("gemini-2.5-flash")
LITE = card("gemini-2.5-flash-lite")
PRO = card("gemini-2.5-pro")
FLASH_3 = card("gemini-3-flash-preview")
PRO_3 = card("gemini-3.1-pro-preview")
PLAIN = ModelCard(name="plain", price=(1 << 40, 1, 1, 1, 1, 1, 1), budget=None, off=False)
