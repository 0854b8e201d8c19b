"""Service tiers through the proxy and through a wrapped client: the same in both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import pytest

from balancer.adapters.gemini import CallOptions, wrap
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallRecord
from tests.service.conftest import AT_ONCE, Service, serving
from tests.service.upstream import body_of, error, response, sse

genai = pytest.importorskip("google.genai")

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

MODEL, WEAKER = "gemini-3.6-flash", "gemini-3.5-flash-lite"
CATALOG = replace(default_policy().catalog, as_of="2026-11-28")
FULL = error(503, "UNAVAILABLE", "overloaded")


def tiered() -> Policy:
    """Flex for low priority and priority for high, a weaker model behind, and no budget."""
    default = default_policy()
    strategy = replace(
        default.strategies[0],
        model=MODEL,
        fallback_models=(WEAKER,),
        service_tier=("flex", None, "priority"),
    )
    strategies = (strategy, *default.strategies[1:])
    return replace(default, catalog=CATALOG, strategies=strategies, baseline=None)


def told(*headers: str, model: str = MODEL, **usage: str) -> bytes:
    """An answer that says who served it."""
    body = body_of("hi")
    body["modelVersion"] = model
    body["usageMetadata"] |= usage
    return response(200, json.dumps(body).encode(), "Content-Type: application/json", *headers)


@dataclass(slots=True)
class Side:
    """One way to the same upstream.

    Attributes:
        ask: calls the model in a priority, as the SDK does; whole, or as a stream.
        records: attempts that have ended.
    """

    service: Service
    ask: Callable[..., Any]
    records: list[CallRecord]

    def sent(self) -> list[tuple[str, str | None]]:
        """Model and tier of the calls that arrived."""
        return [
            (asked.path.rpartition("/")[2].partition(":")[0], asked.json.get("serviceTier"))
            for asked in self.service.script.asked
        ]


@pytest.fixture(params=["proxy", "wrapper"])
def side(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Side]:
    """The proxy with the SDK before it, and the SDK wrapped."""
    with ExitStack() as stack:
        service = stack.enter_context(serving(tmp_path, policy=tiered()))
        wrapped = request.param == "wrapper"
        url = service.script.url if wrapped else service.url
        options = {"api_version": "v1beta", "base_url": url}
        client = stack.enter_context(genai.Client(api_key="k", http_options=options))
        balancer = Balancer(tiered(), settings=AT_ONCE) if wrapped else service.balancer
        records: list[CallRecord] = []
        balancer.listeners.calls.add(records.append)
        models = wrap(client, balancer).models if wrapped else client.models

        def ask(priority: str, *, stream: bool = False, model: str = MODEL, **config: Any) -> Any:
            if wrapped:
                more: dict[str, Any] = {"options": CallOptions(priority=priority)}
            else:
                config["http_options"] = {"headers": {"x-open-balancer-priority": priority}}
                more = {}
            asked = {"model": model, "contents": "hi", "config": config, **more}
            if stream:
                return list(models.generate_content_stream(**asked))
            return models.generate_content(**asked)

        yield Side(service, ask, records)


def test_calls_ask_for_the_tier_of_their_priority(side: Side) -> None:
    """And nothing is written where the plan has nothing to say."""
    side.service.script.say(told())
    for priority in ("low", "normal", "high"):
        side.ask(priority)
    assert side.sent() == [(MODEL, "flex"), (MODEL, None), (MODEL, "priority")]


def test_a_callers_own_tier_stays_where_the_plan_says_none_and_where_it_is_flex(
    side: Side,
) -> None:
    """Whatever it is else, the plan's word holds."""
    side.service.script.say(told())
    side.ask("normal", service_tier="priority")
    side.ask("high", service_tier="flex")
    side.ask("low", service_tier="priority")
    assert [tier for _, tier in side.sent()] == ["priority", "flex", "flex"]


def test_full_flex_goes_to_standard_on_the_same_model(side: Side) -> None:
    """Before a weaker one is tried, and no caller sees anything of it."""
    side.service.script.say(FULL, FULL, told(model=WEAKER))
    assert side.ask("low").text == "hi"
    assert side.sent() == [(MODEL, "flex"), (MODEL, None), (WEAKER, None)]
    kinds = [record.outcome.kind for record in side.records if record.outcome is not None]
    assert kinds == ["flex_full", "overloaded", None]


def test_a_callers_own_full_flex_is_told(side: Side) -> None:
    """After the plan's other models, in the provider's words."""
    side.service.script.say(FULL)
    with pytest.raises(genai.errors.ServerError, match="overloaded"):
        side.ask("normal", service_tier="flex")
    assert {tier for _, tier in side.sent()} == {"flex"}


@pytest.mark.parametrize("stream", [False, True])
def test_a_downgrade_is_seen_in_the_header(side: Side, stream: bool) -> None:
    """And billed as standard: a share of priority that is used up."""
    header = "x-gemini-service-tier: standard"
    body = body_of("hi") | {"modelVersion": MODEL}
    events = b"data: " + json.dumps(body).encode() + b"\r\n\r\n"
    streamed = response(200, events, "Content-Type: text/event-stream", header)
    side.service.script.say(streamed if stream else told(header))
    side.ask("high", stream=stream)
    (record,) = side.records
    assert record.outcome is not None
    assert (record.tier, record.outcome.served_tier) == ("priority", "standard")
    price = CATALOG.card(MODEL).price
    assert record.nano_usd == (10 * price[1] + 5 * price[2]) // 1_000_000


@pytest.mark.parametrize("stream", [False, True])
def test_another_model_is_billed_as_that(side: Side, stream: bool) -> None:
    """Where a model has ended, its name is answered by another one."""
    body = body_of("hi") | {"modelVersion": WEAKER}
    side.service.script.say(sse(body) if stream else told(model=WEAKER))
    side.ask("normal", stream=stream)
    (record,) = side.records
    assert record.outcome is not None
    assert (record.model, record.outcome.served_model) == (MODEL, WEAKER)
    price = CATALOG.card(WEAKER).price
    assert record.nano_usd == (10 * price[1] + 5 * price[2]) // 1_000_000


def test_a_refused_tier_is_ours(side: Side) -> None:
    """The call goes once more as it was written, and its caller sees an answer."""
    refusal = error(400, "INVALID_ARGUMENT", "Priority is not available for this project.")
    side.service.script.say(refusal, told())
    assert side.ask("high").text == "hi"
    assert [tier for _, tier in side.sent()] == ["priority", None]
    kinds = [record.outcome.kind for record in side.records if record.outcome is not None]
    assert kinds == ["edited", None]
    side.ask("high")
    side.ask("low")
    assert [tier for _, tier in side.sent()][2:] == [None, "flex"]


# --- Vertex AI ----------------------------------------------------------------------------

VERTEX = f"/v1/projects/p/locations/global/publishers/google/models/{MODEL}:generateContent"
RAW = b'{"contents" : [{"role":"user","parts":[{"text":"hi"}]}], "x": 1.50}'


@pytest.mark.parametrize(
    ("asked", "traffic", "tier", "served", "share"),
    [
        ({}, "ON_DEMAND", "standard", "standard", 1.0),
        ({}, "PROVISIONED_THROUGHPUT", "standard", "provisioned", 0.0),
        (
            {"X-Vertex-AI-LLM-Shared-Request-Type": "priority"},
            "ON_DEMAND_PRIORITY",
            "priority",
            "priority",
            1.8,
        ),
        (
            {"X-Vertex-AI-LLM-Shared-Request-Type": "flex"},
            "ON_DEMAND_FLEX",
            "flex",
            "flex",
            0.5,
        ),
    ],
)
def test_vertex_ai_is_sent_as_written_and_billed_as_served(
    tmp_path: Any, asked: dict[str, str], traffic: str, tier: str, served: str, share: float
) -> None:
    """Its tiers stand in headers; provisioned throughput is paid already, its spill-over is not."""
    with serving(tmp_path, policy=tiered()) as service:
        records: list[CallRecord] = []
        service.balancer.listeners.calls.add(records.append)
        service.script.say(told(trafficType=traffic))
        headers = {"content-type": "application/json", "x-open-balancer-priority": "high"}
        with service.client(headers=headers | asked) as client:
            assert client.post(VERTEX, content=RAW).status_code == 200
        (arrived,) = service.script.asked
    assert arrived.body == RAW
    for name, value in asked.items():
        assert arrived.headers[name.lower()] == value
    (record,) = records
    assert record.outcome is not None
    assert (record.tier, record.outcome.served_tier) == (tier, served)
    price = CATALOG.card(MODEL).price
    assert record.nano_usd == pytest.approx(share * (10 * price[1] + 5 * price[2]) / 1e6, abs=2)
