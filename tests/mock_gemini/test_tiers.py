"""Service tiers on the wire: what is asked for, who served, and who waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from balancer.core.pricing import cost_nano_usd
from balancer.prices import default_catalog
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.bodies import Body, read_body
from sim.mock_gemini.clock import ScenarioClock
from sim.mock_gemini.server import MockServer
from sim.mock_gemini.wall_upstream import Fate, WallUpstream
from sim.plant.service_tiers import FLEX, PRIORITY, STANDARD

from .caller import HELLO, Reply, call, settings

MODEL = "gemini-3.6-flash"
PATH = f"/v1beta/models/{MODEL}:generateContent"
SERVED = "x-gemini-service-tier"


def asked(said: object, member: str = "serviceTier", **how: Any) -> Reply:
    """The answer of a mock to a call that says a tier."""
    with MockServer(settings(latency=False, **how)) as mock:
        return call(mock.addresses, PATH, {**HELLO, member: said})


# --- asked and served ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "member", "served"),
    [
        ("flex", "serviceTier", "flex"),
        ("priority", "service_tier", "priority"),
        ("SERVICE_TIER_FLEX", "service_tier", "flex"),
        ("Standard", "serviceTier", "standard"),
        ("unspecified", "serviceTier", "standard"),
        (None, "serviceTier", "standard"),
    ],
)
def test_the_tier_that_served_is_said_in_usage_and_header(
    said: str | None, member: str, served: str
) -> None:
    """By every spelling that clients send."""
    reply = asked(said, member)
    assert reply.status == 200
    assert reply.json["usageMetadata"]["serviceTier"] == served
    assert reply.headers[SERVED] == served


@pytest.mark.parametrize("said", ["fast", "batch", "", 3, {"tier": "flex"}])
@pytest.mark.parametrize("lenient", [True, False])
def test_a_tier_that_there_is_not_is_refused(said: object, lenient: bool) -> None:
    """As any value that an enumeration does not have, strict or not."""
    reply = asked(said, lenient=lenient)
    assert (reply.status, reply.error["status"]) == (400, "INVALID_ARGUMENT")
    assert reply.error["message"].startswith("Invalid JSON payload received. Invalid value at ")
    assert "service_tier" in reply.error["message"]
    assert SERVED not in reply.headers


def test_priority_on_tier_1_is_served_as_standard_without_a_word() -> None:
    """Usage, header and bill say so, and nothing else does."""
    scenario = {"upstream": {"tier": 1}}
    with MockServer(settings(latency=False, scenario=scenario)) as mock:
        reply = call(mock.addresses, PATH, {**HELLO, "serviceTier": "priority"})
        record = Admin(mock.addresses.admin_url, mock.addresses.token).calls()[0]
    assert reply.status == 200
    assert reply.headers[SERVED] == reply.json["usageMetadata"]["serviceTier"] == "standard"
    assert (record["tier"], record["served_tier"]) == ("priority", "standard")


@pytest.mark.parametrize("tier", ["standard", "flex", "priority"])
def test_the_bill_is_that_of_the_tier_that_served(tier: str) -> None:
    """By the price table."""
    with MockServer(settings(latency=False)) as mock:
        usage = call(mock.addresses, PATH, {**HELLO, "serviceTier": tier}).json["usageMetadata"]
        record = Admin(mock.addresses.admin_url, mock.addresses.token).calls()[0]
    tokens = usage["promptTokenCount"], 0, usage["candidatesTokenCount"]
    price = default_catalog().card(MODEL).price_of(tier)
    bill = cost_nano_usd(price, *tokens, usage.get("thoughtsTokenCount", 0))
    assert record["bill_nano_usd"] == bill


@pytest.mark.parametrize(
    ("said", "traffic"),
    [("standard", "ON_DEMAND"), ("flex", "ON_DEMAND_FLEX"), ("priority", "ON_DEMAND_PRIORITY")],
)
def test_vertex_says_the_traffic_type(said: str, traffic: str) -> None:
    """In its own words."""
    path = f"/v1beta1/projects/p/locations/global/publishers/google/models/{MODEL}:generateContent"
    with MockServer(settings(latency=False)) as mock:
        usage = call(mock.addresses, path, {**HELLO, "serviceTier": said}).json["usageMetadata"]
    assert usage["trafficType"] == traffic
    assert "serviceTier" not in usage


# --- flex that waits ----------------------------------------------------------------------


class Play:
    """An upstream with one place for flex, and calls that begin in it."""

    def __init__(self, **flex: Any) -> None:
        upstream = {
            "models": {MODEL: {"capacity": 1}},
            "service_tiers": {"flex": {"share": 1, **flex}},
        }
        self.settings = settings(scenario={"upstream": upstream}, speed=1000.0)
        self.upstream = WallUpstream(self.settings, ScenarioClock(1000.0))
        self.model = self.upstream.models[MODEL]

    def begin(self, tier: int = FLEX) -> Fate:
        """One more call."""
        body: Body = read_body(dict(HELLO), self.model.card)._replace(tier=tier)
        return self.upstream.begin(self.model, body, None, 0, 10)


def test_flex_waits_for_a_place_and_goes_in_turn() -> None:
    """The second begins when the first has ended; its times count from its own beginning."""

    async def run() -> None:
        play = Play()
        first, second, third = play.begin(), play.begin(), play.begin()
        assert [fate.waits for fate in (first, second, third)] == [False, True, True]
        never: list[asyncio.Future[object]] = [asyncio.Future(), asyncio.Future()]
        places = [
            asyncio.ensure_future(play.upstream.place(fate, gone))
            for fate, gone in zip((second, third), never, strict=True)
        ]
        await asyncio.sleep(0)
        assert not any(place.done() for place in places)
        play.upstream.end(first)
        served = await places[0]
        assert served is not None
        assert (served.outcome, served.served_tier, served.waits) == (None, FLEX, False)
        assert served.request == second.request
        assert served.duration_s > served.ttft_s > 0.0
        assert not places[1].done()
        play.upstream.end(served)
        last = await places[1]
        assert last is not None
        play.upstream.end(last)
        assert play.upstream.in_flight(play.model) == 0

    asyncio.run(run())


def test_standard_and_priority_do_not_wait_for_flex() -> None:
    """Nor does flex get a place that they hold."""

    async def run() -> None:
        play = Play()
        play.begin()
        assert not play.begin(STANDARD).waits
        assert not play.begin(PRIORITY).waits
        assert play.begin().waits

    asyncio.run(run())


def test_a_full_queue_refuses_at_once() -> None:
    """503, as an overloaded model."""

    async def run() -> None:
        play = Play(queue=1)
        play.begin()
        assert play.begin().waits
        refused = play.begin()
        assert (refused.waits, refused.outcome, refused.served) == (False, "overloaded", False)

    asyncio.run(run())


def test_who_leaves_the_queue_makes_room_in_it() -> None:
    """And holds nothing any more."""

    async def run() -> None:
        play = Play(queue=1)
        first, second = play.begin(), play.begin()
        gone: asyncio.Future[object] = asyncio.Future()
        place = asyncio.ensure_future(play.upstream.place(second, gone))
        await asyncio.sleep(0)
        gone.set_result(None)
        assert await place is None
        assert play.begin().waits
        play.upstream.end(first)

    asyncio.run(run())


def test_who_has_waited_for_too_long_is_refused() -> None:
    """A second of the scenario is a millisecond here."""

    async def run() -> None:
        play = Play(longest="1s")
        play.begin()
        late = await play.upstream.place(play.begin(), asyncio.Future())
        assert late is not None
        assert (late.outcome, late.waits, late.duration_s) == ("overloaded", False, 1.0)

    asyncio.run(run())
