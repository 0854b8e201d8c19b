"""A catalogue has a day: prices, service tiers and ends as they are on it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from balancer.core.catalog import Catalog, DatedPrices, ModelCard
from balancer.core.errors import PolicyError
from balancer.core.policy import Baseline, Policy, Strategy
from balancer.core.pricing import PriceRow
from balancer.core.routes import resolve
from balancer.core.surcharges import Fee, MediaPrice, Surcharges
from balancer.core.tiers import STANDARD
from balancer.core.value_codec import from_plain, to_plain
from tests.core.builders import BIG, SMALL


def row(input_: int, output: int, cached: int) -> PriceRow:
    """Without a tier by length."""
    return (1 << 40, input_, output, cached, input_, output, cached)


NOW, NEXT, LAST = row(100, 1000, 10), row(200, 2000, 20), row(300, 3000, 30)
DEAR = ModelCard(
    name="dear",
    price=NOW,
    tier_prices=(("flex", row(50, 500, 10)),),
    price_list=(
        DatedPrices(since="", price=NOW, tier_prices=(("flex", row(50, 500, 10)),)),
        DatedPrices(since="2027-01-01", price=NEXT, tier_prices=(("flex", row(100, 1000, 20)),)),
        DatedPrices(since="2027-02-01", price=LAST),
    ),
    budget=None,
    off=False,
    levels=("LOW",),
    aliases=("newest",),
)
OLD = replace(BIG, name="old", shutdown="2026-12-01", served_by="middle")
MIDDLE = replace(SMALL, name="middle", shutdown="2027-03-01", served_by="dear")
GONE = replace(SMALL, name="gone", shutdown="2026-12-01")
STEADY = replace(DEAR, name="steady", price=row(150, 1500, 15), price_list=(), aliases=())
CATALOG = Catalog(dated="2026-11-28", cards=(DEAR, OLD, MIDDLE, GONE, STEADY), unknown=DEAR)


@pytest.mark.parametrize(
    ("day", "price", "flex"),
    [
        ("", NOW, 50),
        ("2026-12-31", NOW, 50),
        ("2027-01-01", NEXT, 100),
        ("2027-01-31", NEXT, 100),
        ("2027-02-01", LAST, 300),
    ],
)
def test_a_price_holds_from_its_day_on_in_every_tier(day: str, price: PriceRow, flex: int) -> None:
    """A tier without a price of its own costs what standard does."""
    catalog = CATALOG.on(day)
    card = catalog.card("dear")
    assert (card.price, card.price_of("flex")[1]) == (price, flex)
    assert card.price_of(STANDARD) == card.price_of("batch") == price
    assert catalog.unknown is not None
    assert catalog.unknown.price == price
    assert catalog.on("") == CATALOG


def test_the_days_of_change_are_known() -> None:
    """Of prices and of ends, each once."""
    assert CATALOG.turns() == ("2026-12-01", "2027-01-01", "2027-02-01", "2027-03-01")
    assert replace(CATALOG, unknown=None).on("2027-01-01").unknown is None


@pytest.mark.parametrize(
    ("day", "serves"), [("2026-11-30", "old"), ("2026-12-01", "middle"), ("2027-03-01", "dear")]
)
def test_from_its_end_on_a_model_is_who_serves_it(day: str, serves: str) -> None:
    """And that one's successor in turn; under a version's name, and for its price too."""
    catalog = CATALOG.on(day)
    own = catalog.own("old")
    assert own is not None
    assert (own.name, catalog.serving(own).name) == ("old", serves)
    for card in (catalog.card("old"), catalog.find("old-001"), catalog.priced("old")):
        assert card is not None
        assert card.name == serves
    known = catalog.known("old-001")
    assert known is not None
    assert known.name == "old"


def test_a_model_that_nobody_serves_is_taken_as_it_was() -> None:
    """There is no better guess; no step leads to it."""
    assert CATALOG.on("2027-01-01").card("gone").name == "gone"
    assert CATALOG.own("neither") is None
    ring = Catalog(
        dated="", cards=tuple(replace(OLD, name=a, served_by=b) for a, b in ("ab", "ba")), as_of="3"
    )
    assert ring.card("a").name in ("a", "b")


def test_steps_pass_by_a_model_that_has_ended() -> None:
    """And a strategy that names one leads to its name, at its successor's price."""
    top = replace(BIG, name="top", family="f", rank=3)
    lost = replace(GONE, family="f", rank=2)
    least = replace(SMALL, name="least", family="f", rank=1, price=row(1, 1, 1))
    catalog = Catalog(dated="", cards=(top, lost, least))
    down = Strategy(model="one cheaper")
    assert resolve(down, "top", catalog) == ("gone",)
    assert resolve(down, "top", catalog.on("2026-12-01")) == ("least",)
    named = Strategy(model="old")
    assert resolve(named, "dear", CATALOG.on("2027-03-01")) == ("dear",)


def test_media_change_by_tier_as_text_does_and_fees_do_not() -> None:
    """Cached audio follows cached text; what text has free stays as it is."""
    audio = MediaPrice(modality="audio", input=400, cached=40)
    surcharges = Surcharges(media=(audio,), search=Fee(nano_usd=7))
    card = replace(DEAR, surcharges=surcharges)
    assert card.surcharges_of(STANDARD) is surcharges
    assert card.surcharges_of("flex") == Surcharges(
        media=(MediaPrice(modality="audio", input=200, cached=40),), search=Fee(nano_usd=7)
    )
    free = replace(card, price=row(0, 0, 0))
    assert free.surcharges_of("flex").media == (audio,)
    assert DEAR.surcharges_of("flex") is DEAR.surcharges


def policy(*strategies: Strategy, baseline: Baseline | None = None) -> Policy:
    """Of these models, in no hurry to leave normal."""
    modes = strategies or (Strategy(),) * 4
    one, two, three, four = modes
    return Policy(
        name="dated",
        rules=(),
        strategies=(one, two, three, four),
        catalog=CATALOG,
        baseline=baseline,
    )


def test_a_policy_has_a_day_too() -> None:
    """It goes through a journal with it."""
    found = policy().on("2027-01-01")
    assert found.catalog == CATALOG.on("2027-01-01")
    assert found.on("2027-01-01") is found
    assert from_plain(Policy, to_plain(found), "policy") == found


def test_a_policy_that_a_day_makes_none_of_says_so() -> None:
    """What was the cheaper model costs more from that day on."""
    modes = [Strategy(model="dear", shed=(low, 0.0, 0.0)) for low in (0.0, 0.5, 1.0)]
    means = Baseline(
        workload="w", requests_per_s=1, prompt_tokens=1e6, output_tokens=1e5, thinking_tokens=0
    )
    found = policy(Strategy(model="steady"), *modes, baseline=means)
    assert found.on("2026-12-31").strategies == found.strategies
    with pytest.raises(PolicyError, match="as of 2027-01-01: a request is expected to cost"):
        found.on("2027-01-01")


def test_what_a_strategy_says_of_a_model_is_judged_by_the_model_it_names() -> None:
    """Its end must not refuse a policy: what serves it gets the nearest setting."""
    budget = Strategy(model="old", thinking=1024)
    assert policy(*(budget,) * 4).on("2027-03-01").catalog.as_of == "2027-03-01"
    with pytest.raises(PolicyError, match="unknown model 'odl'"):
        policy(*(Strategy(model="odl"),) * 4)
