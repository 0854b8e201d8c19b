"""Interactions in the background through a wrapped client: they count once they have ended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from balancer.adapters.gemini import Wrapped

from .bench import Bench, failures, policy, served_models
from .interacting import (
    BEGUN,
    FLASH,
    LITE,
    RETRIES,
    SAYS,
    THINKS,
    THOUGHT,
    Make,
    Play,
    kinds,
    made,
    over,
    stream,
)
from .script import Reply, error

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")


def background(here: Bench, *then: Callable[[Any], Any], **more: Any) -> list[Any]:
    """Make one in the background and do things with it, through one client."""
    asked = {"model": FLASH, "input": "Hi.", "background": True, **more}
    found: list[Any] = []

    async def later(client: Wrapped) -> None:
        found.append(await client.aio.interactions.create(**asked))
        for each in then:
            found.append(await each(client.aio.interactions))  # noqa: PERF401

    def now(client: Wrapped) -> None:
        found.append(client.interactions.create(**asked))
        found.extend(each(client.interactions) for each in then)

    here.run(now if here.kind == "sync" else later)
    return found


def shown(resource: Any) -> Any:
    """Ask for it."""
    return resource.get("i1")


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        (made(), {}),
        (made("failed", errors=[{"code": "internal", "message": "m"}]), {"internal": 1}),
        (made("incomplete", THOUGHT), {"empty": 1}),
        (made("cancelled"), {"rejected": 1}),
    ],
)
def test_one_in_the_background_counts_when_it_says_how_it_ended(
    play: Play, make: Make, ending: Reply, kind: dict[str, int]
) -> None:
    """Once; it has no latency, and no age while it runs."""
    script = play(made("in_progress"), made("in_progress"), ending, ending)
    here = make(script, policy(RETRIES))
    seen: list[Any] = []

    def looks(resource: Any) -> Any:
        seen.append(here.seen())
        return resource.get("i1")

    found = background(here, looks, shown, shown)
    assert [each.status for each in found[:2]] == ["in_progress", "in_progress"]
    entry = served_models(seen[0])[FLASH]
    assert (entry.started, entry.finished, entry.ages.total) == (1, 0, 0)
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, failures(entry), entry.latency.total) == (1, kind, 0)
    assert entry.prompt_tokens == (0 if "internal" in kind else 10)
    assert len(script.received) == 4


def test_a_refusal_of_one_in_the_background_is_tried_again(play: Play, make: Make) -> None:
    """As there is nothing begun yet."""
    script = play(error(503), made("in_progress"))
    assert background(make(script, policy(RETRIES)))[0].status == "in_progress"
    assert [each.body["model"] for each in script.received] == [FLASH, LITE]


@pytest.mark.parametrize("end", ["delete", "cancel"])
def test_one_that_is_given_up_is_charged_what_is_known(play: Play, make: Make, end: str) -> None:
    """And is no failure of the upstream's."""
    script = play(made("in_progress"), made("cancelled"))
    here = make(script)
    background(here, lambda resource: getattr(resource, end)("i1"))
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.ill) == (1, 0)
    assert script.received[1].path.endswith("/cancel" if end == "cancel" else "/i1")


def test_the_stream_of_one_in_the_background_can_be_taken_up_again(play: Play, make: Make) -> None:
    """Losing the connection begins nothing anew; following it says how it ended."""
    script = play(stream(BEGUN, THINKS), stream(SAYS, over()))
    here = make(script, policy(RETRIES))
    got: list[Any] = []

    async def later(client: Wrapped) -> None:
        first = await client.aio.interactions.create(
            model=FLASH, input="Hi.", background=True, stream=True
        )
        got.append([each async for each in first])
        again = await client.aio.interactions.get("i1", stream=True, last_event_id="1")
        got.append([each async for each in again])

    def now(client: Wrapped) -> None:
        got.append(
            list(client.interactions.create(model=FLASH, input="Hi.", background=True, stream=True))
        )
        got.append(list(client.interactions.get("i1", stream=True, last_event_id="1")))

    here.run(now if here.kind == "sync" else later)
    assert [kinds(each) for each in got] == [
        ["interaction.created", "step.delta"],
        ["step.delta", "interaction.completed"],
    ]
    assert "last_event_id=1" in script.received[1].path
    entry = served_models(here.seen())[FLASH]
    assert (entry.finished, entry.failed, entry.prompt_tokens) == (1, 0, 10)
