"""Wrapped interactions and the mock Gemini: nothing of ours is refused, the bill is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from balancer.adapters.gemini import Wrapped, balancing, served
from balancer.core.modes import MODES, Mode
from balancer.core.policy import Strategy
from balancer.wire import interactions
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings
from tests.waiting import until

from .bench import Bench, failures, policy, served_models
from .conversations import plan_of, talk

FLASH, LITE = "gemini-3.6-flash", "gemini-3.5-flash-lite"
CHAIN = Strategy(model=FLASH, fallback_models=(LITE,), timeout_s=60.0, retries=0)


@pytest.fixture(scope="module")
def quick() -> Iterator[Addresses]:
    """A mock without waits that calls functions."""
    with MockServer(settings(latency=False, call_share=1.0)) as mock:
        yield mock.addresses


def counters(mock: Addresses) -> Any:
    """Of the mock."""
    return Admin(mock.admin_url, mock.token).counters()


def bench(mock: Addresses, plan: Strategy, kind: str = "sync", **more: Any) -> Bench:
    """A bench for it."""
    return Bench(url=mock.url, kind=kind, policy=policy(plan), api_key=mock.api_key, **more)


@pytest.mark.slow
@pytest.mark.parametrize("model", [FLASH, LITE, "gemini-3.8-flash", "gemini-3.1-flash-lite"])
@pytest.mark.parametrize("mode", MODES)
def test_no_mode_makes_the_upstream_refuse_anything(
    quick: Addresses, mode: Mode, model: str
) -> None:
    """Whatever the model, in a conversation with functions, a format, a stream, a background."""
    here = bench(quick, plan_of(mode))
    before = counters(quick)["refused"]
    found = here.run(lambda client: talk(client.interactions, model))
    assert counters(quick)["refused"] == before
    # A plan's cap may cut an answer short.
    over = ("completed", "incomplete")
    assert [each.status in over for each in found] == [True, False, *[True] * 5]
    assert found[1].status == "requires_action"
    assert not here.balancer.status().withdrawn
    assert sum(entry.failed for entry in here.seen().served) == 0


@pytest.mark.parametrize("kind", ["sync", "httpx"])
def test_tokens_and_cost_are_what_the_upstream_bills(kind: str) -> None:
    """Whole ones, streams and the background, from two models."""
    fault = {"kind": "error", "error": "overloaded", "share": 1.0, "model": FLASH}
    with MockServer(settings(fault, speed=200.0)) as mock:
        here = bench(mock.addresses, CHAIN, kind)

        async def later(client: Wrapped) -> list[Any]:
            make = client.aio.interactions.create
            found = [await make(model=FLASH, input="Hi.")]
            async with await make(model=FLASH, input="Hi.", stream=True) as events:
                found += [each async for each in events][-1:]
            made = await make(model=FLASH, input="Hi.", background=True)
            while interactions.is_pending({"status": made.status}):
                made = await client.aio.interactions.get(made.id)
            return [*found, made]

        def now(client: Wrapped) -> list[Any]:
            make, get = client.interactions.create, client.interactions.get
            found = [make(model=FLASH, input="Hi.")]
            found += list(make(model=FLASH, input="Hi.", stream=True))[-1:]
            name = make(model=FLASH, input="Hi.", background=True).id
            over: Callable[[], Any] = lambda: (  # noqa: E731
                made if (made := get(name)).status == "completed" else None
            )
            return [*found, until(over)]

        with balancing(request=3):
            found = here.run(now if kind == "sync" else later)
        how = served(found[0])
        assert how is not None
        assert (how.model, how.attempts) == (LITE, 2)
        seen = here.seen()
        models = served_models(seen)
        assert failures(models[FLASH]) == {"overloaded": 3}
        assert (models[LITE].finished, models[LITE].latency.total) == (3, 2)
        assert models[LITE].ttft.total == 1
        assert models[LITE].nano_usd == counters(mock.addresses)["total"]["bill_nano_usd"]


def test_a_hang_and_a_cut_are_seen() -> None:
    """And another model answers."""
    for fault, kind in (({"kind": "hang"}, "timeout"), ({"kind": "cut"}, "cut")):
        with MockServer(settings({**fault, "share": 1.0, "model": FLASH})) as mock:
            here = bench(mock.addresses, CHAIN)
            events = here.run(
                lambda client: list(
                    client.interactions.create(model=FLASH, input="Hi.", stream=True)
                )
            )
            seen = served_models(here.seen())
            assert failures(seen[FLASH]) == {kind: 1}
            # A cut one had begun, and is its reader's; a hang had not.
            assert (events[-1].event_type == "interaction.completed") == (kind == "timeout")
