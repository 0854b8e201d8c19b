"""Service tiers of a wrapped client: every kind of client, both APIs, older and newer SDK."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from google.genai import types

from balancer.adapters.gemini import CallOptions
from balancer.core.policy import Policy

from .bench import FLASH, PLAIN, Bench, failures, policy, served_models
from .script import Reply, Script, chunk, error, whole

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

LOW = CallOptions(priority="low")
TIERED = replace(PLAIN, service_tier=("flex", None, "priority"))


def tiered() -> Policy:
    """Flex for low priority and priority for high, on a day when its model still serves."""
    plan = policy(TIERED)
    return replace(plan, catalog=replace(plan.catalog, as_of=""))


def test_a_tier_is_written_and_full_flex_goes_to_standard(
    play: Callable[..., Script], bench: Callable[..., Bench]
) -> None:
    """The caller's config is not changed."""
    script = play(error(503), Reply(body=whole()))
    used = bench(script, tiered())
    config = types.GenerateContentConfig(temperature=0.5)
    assert used.ask(config=config, options=LOW).text == "Hello."
    assert [asked.body.get("serviceTier") for asked in script.received] == ["flex", None]
    assert config.service_tier is None
    entry = served_models(used.seen())[FLASH]
    assert failures(entry) == {"flex_full": 1}
    assert (entry.judged, entry.latency.total) == (1, 1)


def test_the_callers_tier_is_read_from_its_config(
    play: Callable[..., Script], bench: Callable[..., Bench]
) -> None:
    """As the SDK's enum, or as a word."""
    for tier in (types.ServiceTier.FLEX, "flex"):
        script = play(Reply(body=whole()))
        used = bench(script, tiered())
        used.ask(config={"service_tier": tier}, options=CallOptions(priority="high"))
        assert script.received[0].body["serviceTier"] == "flex"


def test_a_tier_that_served_is_read_from_the_header_of_a_stream_too(
    play: Callable[..., Script], bench: Callable[..., Bench]
) -> None:
    """The SDK drops it from the usage. Priority's share is over; another model answers."""
    header = ("x-gemini-service-tier: standard",)
    other = {"modelVersion": "gemini-2.5-flash-lite"}
    script = play(
        Reply(body=whole() | other, headers=header),
        Reply(chunks=[chunk("Hel"), chunk("lo.", "STOP")], headers=header),
    )
    used = bench(script, tiered())
    config = {"service_tier": "priority"}
    used.ask(config=config)
    used.stream(config=config)
    entry = served_models(used.seen())[FLASH]
    assert (entry.finished, entry.failed) == (2, 0)
    assert (entry.rerouted, entry.downgraded) == (1, 2)
    assert [asked.body["serviceTier"] for asked in script.received] == ["priority"] * 2


@pytest.mark.parametrize("asked", [{}, {"X-Vertex-AI-LLM-Shared-Request-Type": "flex"}])
def test_a_vertex_client_is_sent_no_tier_but_its_own_headers(
    play: Callable[..., Script], bench: Callable[..., Bench], asked: dict[str, str]
) -> None:
    """What it asks for there is known, and what provisioned throughput serves costs nothing."""
    usage = {"usageMetadata": whole()["usageMetadata"] | {"trafficType": "PROVISIONED_THROUGHPUT"}}
    script = play(Reply(body=whole() | usage))
    options = types.HttpOptions(headers=asked)
    used = bench(script, tiered(), vertex=True, options=options)
    used.ask(options=LOW)
    assert "serviceTier" not in script.received[0].body
    entry = served_models(used.seen())[FLASH]
    assert (entry.finished, entry.nano_usd, entry.downgraded) == (1, 0, 0)
    assert entry.latency.total == (0 if asked else 1)
