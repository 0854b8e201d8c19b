"""The Interactions API of the mock: the same models, quotas, faults and bills under other paths."""

from __future__ import annotations

from .endpoint import Interactions
from .paths import InteractionRoute, interaction_route, is_interaction
from .shape import flat

__all__ = ["InteractionRoute", "Interactions", "flat", "interaction_route", "is_interaction"]
