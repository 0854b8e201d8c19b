"""Service tiers: what a body asks for, what an answer was served in, and what a plan writes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from balancer.core.catalog import ModelCard
from balancer.core.strategy import Strategy
from balancer.wire import (
    AnswerReader,
    Asked,
    Edits,
    edits,
    edits_within,
    header_tier,
    read_answer,
    read_asked,
    read_tier,
)
from balancer.wire.tiers import usage_tier

CARD = ModelCard(name="big", price=(200_000, 2, 4, 1, 2, 4, 1), budget=(0, 1024), off=True)
ASKED = Asked(model="big")
SAID = {"candidates": [{"content": {"parts": [{"text": "hi"}]}, "finishReason": "STOP"}]}


@pytest.mark.parametrize(
    ("word", "tier"),
    [
        ("flex", "flex"),
        ("FLEX", "flex"),
        ("SERVICE_TIER_PRIORITY", "priority"),
        ("standard", "standard"),
        ("unspecified", None),
        ("SERVICE_TIER_UNSPECIFIED", None),
        ("ON_DEMAND", "standard"),
        ("ON_DEMAND_FLEX", "flex"),
        ("ON_DEMAND_PRIORITY", "priority"),
        ("ON_DEMAND_OFFPEAK", "standard"),
        ("PROVISIONED_THROUGHPUT", "provisioned"),
        ("TRAFFIC_TYPE_UNSPECIFIED", None),
        ("", None),
        ("flex" * 100, None),
        (None, None),
        (5, None),
        (["flex"], None),
    ],
)
def test_a_tier_is_read_by_any_of_its_names(word: Any, tier: str | None) -> None:
    """Words of both APIs; what is none says nothing."""
    assert read_tier(word) == tier


def test_a_body_asks_for_a_tier_in_either_spelling() -> None:
    """And most ask for none."""
    assert read_asked({"serviceTier": "flex"}).service_tier == "flex"
    assert read_asked({"service_tier": "priority"}).service_tier == "priority"
    assert read_asked({}).service_tier is None


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({"serviceTier": "standard"}, "standard"),
        ({"service_tier": "priority"}, "priority"),
        ({"trafficType": "PROVISIONED_THROUGHPUT"}, "provisioned"),
        ({"serviceTier": "flex", "trafficType": "ON_DEMAND"}, "flex"),
        ({"promptTokenCount": 5}, None),
        ("flex", None),
    ],
)
def test_usage_says_the_tier_that_served(usage: Any, tier: str | None) -> None:
    """Gemini's own word goes before Vertex AI's."""
    assert usage_tier({"usageMetadata": usage}) == tier


@pytest.mark.parametrize(
    ("headers", "tier"),
    [
        ({}, None),
        ({"x-gemini-service-tier": "standard"}, "standard"),
        ({"x-vertex-ai-llm-request-type": "dedicated"}, "provisioned"),
        ({"x-vertex-ai-llm-request-type": "shared"}, "standard"),
        ({"x-vertex-ai-llm-shared-request-type": "priority"}, "priority"),
        (
            {
                "x-vertex-ai-llm-request-type": "shared",
                "x-vertex-ai-llm-shared-request-type": "flex",
            },
            "flex",
        ),
        (
            {
                "x-vertex-ai-llm-request-type": "dedicated",
                "x-vertex-ai-llm-shared-request-type": "flex",
            },
            "provisioned",
        ),
    ],
)
def test_headers_say_a_tier(headers: dict[str, str], tier: str | None) -> None:
    """Provisioned capacity serves first; what spills over it is shared."""
    assert header_tier(headers) == tier


def test_an_answer_says_who_served_it_and_how() -> None:
    """The path before a model's name is none of it; usage goes before a header."""
    found = read_answer({**SAID, "modelVersion": "models/gemini-3.6-flash"}, tier="flex")
    assert (found.model, found.tier) == ("gemini-3.6-flash", "flex")
    found = read_answer({**SAID, "usageMetadata": {"serviceTier": "standard"}}, tier="flex")
    assert (found.model, found.tier) == ("", "standard")


def test_a_stream_says_it_in_any_of_its_chunks() -> None:
    """The last word counts, and silence is none."""
    reader = AnswerReader()
    reader.add({**SAID, "modelVersion": "gemini-3.6-flash"})
    reader.add({**SAID, "usageMetadata": {"serviceTier": "priority"}, "modelVersion": 5})
    reader.add(SAID)
    found = reader.answer()
    assert (found.model, found.tier) == ("gemini-3.6-flash", "priority")


def test_only_a_tier_that_is_not_written_is_an_edit() -> None:
    """Who says nothing asks for standard."""
    strategy = Strategy()
    assert edits(strategy, CARD, ASKED).service_tier is None
    assert edits(strategy, CARD, ASKED, tier="standard") == Edits()
    change = edits(strategy, CARD, ASKED, tier="flex")
    assert change == Edits(service_tier="flex")
    assert change.changes_body
    priority = replace(ASKED, service_tier="priority")
    assert edits(strategy, CARD, priority, tier="standard").service_tier == "standard"
    assert edits(strategy, CARD, priority, tier="priority") == Edits()


def test_a_budget_keeps_the_tier() -> None:
    """Whether it shortens the answer or not."""
    for held in (16, None):
        change = edits_within(Strategy(), CARD, ASKED, held=held, limit=1000, tier="priority")
        assert change.service_tier == "priority"


def test_of_an_unknown_model_the_tier_stays() -> None:
    """Nobody knows what it takes."""
    assert edits(Strategy(), None, ASKED, tier="flex").service_tier is None
