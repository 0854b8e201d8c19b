"""The wrapper and the proxy make the same edits: what arrives upstream is the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from balancer.adapters.gemini import wrap
from balancer.core.catalog import Catalog
from balancer.core.modes import MODES, Mode
from balancer.core.policy import Policy
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.wire.members import camel, child, member
from tests.service.conftest import Service, serving
from tests.wire.valid_requests import CARDS, Valid, requests

genai = pytest.importorskip("google.genai")
types = genai.types

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession"),
]


def only(mode: Mode) -> Policy:
    """What a mode of the default policy does to a call, but that its model stays."""
    default = default_policy()
    strategy = replace(
        default.strategies[mode],
        model=None,
        fallback_models=(),
        shed=(0.0, 0.0, 0.0),
        service_tier=(None, "flex", None),
    )
    catalog = Catalog(dated=default.catalog.dated, cards=CARDS)
    return replace(default, strategies=(strategy,) * 4, catalog=catalog, baseline=None)


class Side:
    """A proxy for each mode, and a client of its upstream that is wrapped.

    Attributes:
        service: the proxy, and the script behind it.
        through: a client of the proxy.
        wrapped: a wrapped client of the same upstream.
    """

    def __init__(self, service: Service, mode: Mode, stack: ExitStack) -> None:
        self.service = service
        options = {"api_version": "v1beta"}
        self.through, plain = (
            stack.enter_context(
                genai.Client(api_key="k", http_options={**options, "base_url": url})
            )
            for url in (service.url, service.script.url)
        )
        self.wrapped = wrap(plain, Balancer(only(mode)))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    """One for each mode."""
    with ExitStack() as stack:
        found = []
        for mode in MODES:
            directory = tmp_path_factory.mktemp("data")
            service = stack.enter_context(serving(directory, policy=only(mode)))
            found.append(Side(service, mode, stack))
        yield found


def arguments(asked: Valid) -> dict[str, Any]:
    """A body as arguments of the SDK's method."""
    body = asked.body
    config: dict[str, Any] = dict(child(body, "generationConfig"))
    for name in ("systemInstruction", "tools", "toolConfig", "safetySettings", "cachedContent"):
        found = member(body, name)
        if found is not None:
            config[name] = found
    return {
        "model": asked.card.name,
        "contents": [types.Content.model_validate(each) for each in member(body, "contents")],
        "config": types.GenerateContentConfig.model_validate(config),
    }


def spelled(value: Any) -> Any:
    """A value with its members in camel case: the SDK spells some in snake case."""
    if isinstance(value, list):
        return [spelled(each) for each in value]
    if isinstance(value, dict):
        return {camel(name): spelled(each) for name, each in value.items()}
    return value


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=requests())
def test_the_same_arrives_upstream(sides: list[Side], asked: Valid) -> None:
    """Sent by the same client, wrapped, and through the proxy."""
    for side in sides:
        script = side.service.script
        script.asked.clear()
        side.through.models.generate_content(**arguments(asked))
        side.wrapped.models.generate_content(**arguments(asked))
        proxied, wrapped = script.asked
        assert proxied.path == wrapped.path
        assert spelled(proxied.json) == spelled(wrapped.json)
