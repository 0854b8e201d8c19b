"""Provisioned throughput of Vertex AI: capacity of one model that is bought, and serves first.

It is counted in input tokens a second; an output token burns as many of them as its price is
theirs, and so does a cached one [D: the published burn-down rates are the ratios of the prices,
rounded; for the models of today assumed]. So a call burns what it would cost as standard, and a
window of the clock holds as many dollars' worth as it has seconds. A call is served from it if
what it burns still fits in; if not, all of it goes where it would have gone without [D]. Google
estimates what a call will burn and corrects itself when it is over [D]; here the estimate is right.

What serves is the project's own [assumed]: it meets no quota, no spend limit and no load, and is
none of them; it is billed by the hour and not by the call. Faults of the model strike it too.
"""

from __future__ import annotations

from typing import Any

from balancer.core.catalog import ModelCard
from balancer.core.errors import ScenarioError
from balancer.core.tiers import REQUEST_TIERS
from scenarios.schema import ModelProfile
from scenarios.service_tiers import REQUEST_TYPES

from ..compiled import compiled

__all__ = [
    "DEDICATED",
    "OVER",
    "PROVISIONED",
    "SHARED",
    "buy",
    "fits",
]

PROVISIONED = len(REQUEST_TIERS)
"""Code of the tier, after those that calls may ask for."""

OVER, DEDICATED, SHARED = range(len(REQUEST_TYPES))
"""Codes of what a call says: nothing, so that it spills over; nothing but this; nothing of this."""

_PROVIDER = "google"
_SOON = 1e-6


def buy(row: Any, profile: ModelProfile, card: ModelCard) -> None:
    """Write what is bought of a model into its record of `sim.plant.upstream.MODEL`.

    Raises:
        ScenarioError: a model of which there is none to buy.
    """
    bought = profile.provisioned
    if bought is None:
        return
    if card.provider not in ("", _PROVIDER) or card.price[1] == 0:
        whose = "has no price" if card.price[1] == 0 else f"is {card.provider}'s"
        raise ScenarioError(
            f"upstream.models.{card.name}.provisioned: found a model that {whose}, expected one "
            "that Vertex AI sells by the token"
        )
    row["window_s"] = bought.window
    row["bought_nano_usd"] = round(bought.tokens_per_s * bought.window * card.price[1] / 1e6)


@compiled
def fits(model: Any, now_s: float, nano_usd: int) -> bool:
    """Take what a call burns out of what is left of the window, if there is so much.

    Args:
        model: record of `sim.plant.upstream.MODEL`, of which something is bought.
        now_s: time; must not go back.
        nano_usd: what the call would cost as standard.
    """
    window = int(now_s / model.window_s + _SOON)
    if window > model.window:
        model.window = window
        model.burnt_nano_usd = 0
    if model.burnt_nano_usd + nano_usd > model.bought_nano_usd:
        return False
    model.burnt_nano_usd += nano_usd
    return True
