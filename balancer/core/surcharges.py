"""What a call costs beyond its tokens at the price of text, in whole nano-dollars.

A price row (`balancer.core.pricing`) is seven numbers because the simulator's kernel reads it,
and its traffic is text. Real calls also hold audio and images, which have prices of their own,
and search the web, which has a fee. Both come on top of what the row says: a call costs

    cost_nano_usd(row, ...) + surcharge_nano_usd(row, surcharges, ...)

Source: Google's price page, which gives a price by modality and a fee for grounding by prompt
(up to Gemini 2.5) or by search query (from Gemini 3 on).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from .pricing import PriceRow

__all__ = [
    "FEES",
    "MODALITIES",
    "NO_SURCHARGES",
    "Fee",
    "Media",
    "MediaPrice",
    "Surcharges",
    "dearest_row",
    "in_proportion",
    "surcharge_nano_usd",
    "worst_surcharge_nano_usd",
]

MODALITIES = ("image", "audio", "video", "document")
"""Of tokens other than text, as usage names them, in lower case."""

FEES = ("search", "maps")
"""What a call may be charged for beside its tokens."""


class Media(NamedTuple):
    """Tokens of one modality in one call.

    Attributes:
        modality: one of `MODALITIES`.
        prompt_tokens: of the input, cached ones included.
        cached_tokens: of the input, read from a cache.
        output_tokens: of the answer.
    """

    modality: str
    prompt_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaPrice:
    """Prices of one modality, in nano-dollars per million tokens; None is the price of text.

    Attributes:
        modality: one of `MODALITIES`.
        input, output, cached: as in a price row; above its tier too.
    """

    modality: str
    input: int | None = None
    output: int | None = None
    cached: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fee:
    """The price of a call's searches.

    Attributes:
        nano_usd: for one.
        per_query: for every query; else for a call that made any.
        most_queries: that a call is taken to make at most, where money is held for it.
    """

    nano_usd: int
    per_query: bool = False
    most_queries: int = 8

    def of(self, queries: int) -> int:
        """Nano-dollars of a call that made so many queries."""
        return self.nano_usd * (queries if self.per_query else min(queries, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Surcharges:
    """What one model charges beyond text.

    Attributes:
        media: modalities with a price of their own.
        search: grounding in a web search; None is free.
        maps: grounding in maps; None is free.
    """

    media: tuple[MediaPrice, ...] = ()
    search: Fee | None = None
    maps: Fee | None = None


NO_SURCHARGES = Surcharges()


def in_proportion(surcharges: Surcharges, of: PriceRow, to: PriceRow) -> Surcharges:
    """Surcharges where text costs something else: media change as text does, fees do not.

    Google's price page keeps that proportion in every service tier.

    Args:
        surcharges: beside the first row.
        of, to: price rows of text, as they were and as they are.
    """
    media = tuple(
        replace(
            price,
            input=scaled(price.input, of[1], to[1]),
            output=scaled(price.output, of[2], to[2]),
            cached=scaled(price.cached, of[3], to[3]),
        )
        for price in surcharges.media
    )
    return replace(surcharges, media=media)


def scaled(price: int | None, of: int, to: int) -> int | None:
    """A price that changes as another one does; as it is where that one was free."""
    return price if price is None or of == 0 else round(price * to / of)


def surcharge_nano_usd(
    row: Sequence[int],
    surcharges: Surcharges,
    prompt_tokens: int,
    media: Iterable[Media],
    searches: int = 0,
    maps: int = 0,
) -> int:
    """What a call cost beyond `cost_nano_usd`; below 0 where its media are cheaper than text.

    Args:
        row: the model's price row.
        surcharges: of the same model.
        prompt_tokens: all of them, for the row's tier.
        media: what of the usage was no text.
        searches, maps: queries made.
    """
    tier = 3 if prompt_tokens > row[0] else 0
    prices = {price.modality: price for price in surcharges.media}
    total = 0
    for modality, prompt, cached, output in media:
        price = prices.get(modality)
        if price is not None:
            total += (prompt - cached) * _above(price.input, row[1 + tier])
            total += cached * _above(price.cached, row[3 + tier])
            total += output * _above(price.output, row[2 + tier])
    fees = ((surcharges.search, searches), (surcharges.maps, maps))
    return total // 1_000_000 + sum(fee.of(queries) for fee, queries in fees if fee is not None)


def _above(price: int | None, text: int) -> int:
    return 0 if price is None else price - text


def worst_surcharge_nano_usd(
    row: Sequence[int],
    surcharges: Surcharges,
    prompt_tokens: int,
    media: Iterable[tuple[str, int]],
    fees: Iterable[str],
) -> int:
    """The most that a prompt may cost beyond its tokens at the price of text.

    Args:
        row, surcharges: of the model.
        prompt_tokens: the most it may have.
        media: modalities in it, and the most tokens of each.
        fees: of `FEES`, what the call may be charged for.
    """
    whole = [Media(modality, min(tokens, prompt_tokens)) for modality, tokens in media]
    dearer = sum(
        max(0, surcharge_nano_usd(row, surcharges, prompt_tokens, (each,))) for each in whole
    )
    known = {"search": surcharges.search, "maps": surcharges.maps}
    charged = [fee for name in fees if (fee := known.get(name)) is not None]
    return dearer + sum(fee.of(fee.most_queries) for fee in charged)


def dearest_row(row: PriceRow, surcharges: Surcharges) -> PriceRow:
    """A price row for the worst case of an answer: all of it in the dearest modality."""
    dearest = max((price.output or 0 for price in surcharges.media), default=0)
    if dearest <= min(row[2], row[5]):
        return row
    tier, input_, output, cached, input_above, output_above, cached_above = row
    return (
        tier,
        input_,
        max(output, dearest),
        cached,
        input_above,
        max(output_above, dearest),
        cached_above,
    )
