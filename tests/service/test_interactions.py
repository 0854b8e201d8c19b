"""Interactions through the proxy, by google-genai and by HTTP, to the mock and to a script."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from balancer.core.observations import Observations, merge_ticks
from sim.mock_gemini.process import MockProcess, spawn
from tests.service.conftest import UNCHANGED, Service, Start, serving
from tests.service.test_proxy_plans import ONCE
from tests.service.upstream import error, response
from tests.waiting import until

genai = pytest.importorskip("google.genai")

# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

MODEL = "gemini-3.6-flash"
ASKED = {"model": MODEL, "input": "Why is the sky blue?"}
PATH = "/v1beta/interactions"
LITE = """\
baseline: null
modes:
  normal:
    {model: gemini-3.5-flash-lite, fallback_models: [], output_cap: 500, thinking: MINIMAL}
"""


@pytest.fixture(scope="module")
def mock() -> Iterator[MockProcess]:
    """Healthy."""
    with spawn(latency=False) as running:
        yield running


@pytest.fixture
def behind(mock: MockProcess, tmp_path: Path) -> Iterator[Service]:
    """A proxy before it, which changes nothing."""
    with serving(tmp_path, upstream=mock.addresses.url) as running:
        yield running


def seen(service: Service) -> Observations:
    """All that was observed."""
    service.balancer.close()
    return merge_ticks(service.seen)


def heard(http: httpx.Client) -> None:
    """What was answered before has been read by now: the caller had it a moment earlier."""
    http.get("/healthz")


def client(service: Service, **options: Any) -> Any:
    """Google's own."""
    return genai.Client(
        api_key="mock-key", http_options={"base_url": service.url, "timeout": 20_000, **options}
    )


@pytest.mark.parametrize("version", ["v1", "v1beta", ""])
def test_one_is_made_looked_at_and_deleted(behind: Service, version: str) -> None:
    """Under any version of the API; and one goes on from another."""
    with client(behind, api_version=version) as google:
        found = google.interactions.create(**ASKED)
        assert found.status == "completed"
        again = google.interactions.get(found.id)
        assert again.id == found.id
        more = google.interactions.create(
            model=MODEL, input="And at night?", previous_interaction_id=found.id
        )
        assert more.status == "completed"
        google.interactions.delete(found.id)
    entries = seen(behind).served
    assert sum(entry.finished for entry in entries) == 2
    assert all(entry.model == MODEL and entry.output_tokens > 0 for entry in entries)


@pytest.mark.parametrize("asynchronously", [False, True])
def test_a_stream(behind: Service, asynchronously: bool) -> None:
    """Event by event, to its end."""

    async def later() -> list[str]:
        async with client(behind).aio as google:
            stream = await google.interactions.create(**ASKED, stream=True)
            return [event.event_type async for event in stream]

    if asynchronously:
        kinds = asyncio.run(later())
    else:
        with client(behind) as google:
            kinds = [event.event_type for event in google.interactions.create(**ASKED, stream=True)]
    assert kinds[0] == "interaction.created"
    assert kinds[-1] == "interaction.completed"
    (entry,) = seen(behind).served
    assert (entry.finished, entry.ill) == (1, 0)
    assert entry.output_tokens > 0


def test_one_in_the_background_is_judged_by_its_last_word(behind: Service) -> None:
    """Until it is asked for, its outcome is not known; then it counts once."""
    with client(behind) as google:
        begun = google.interactions.create(**ASKED, background=True)
        found = until(lambda: _ended(google, begun.id), "it has ended")
        assert found.status == "completed"
        google.interactions.get(begun.id)
    (entry,) = seen(behind).served
    assert (entry.started, entry.finished, entry.ill) == (1, 1, 0)
    assert entry.output_tokens > 0


def _ended(google: Any, name: str) -> Any:
    found = google.interactions.get(name)
    return found if found.status == "completed" else None


def resource(status: str, **members: Any) -> bytes:
    """An interaction."""
    body = {"id": "i-1", "model": MODEL, "status": status, **members}
    return response(200, json.dumps(body).encode(), "Content-Type: application/json")


STEPS = [{"type": "model_output", "content": [{"type": "text", "text": "hello"}]}]
USAGE = {"total_input_tokens": 10, "total_output_tokens": 5, "total_tokens": 15}


def test_one_in_the_background_has_no_age_and_ends_once(service: Service) -> None:
    """In flight for as long as it likes, it slows nothing down."""
    service.script.say(
        resource("in_progress"),
        resource("in_progress"),
        resource("completed", steps=STEPS, usage=USAGE),
    )
    with service.client() as http:
        http.post(PATH, json={**ASKED, "background": True})
        http.get(f"{PATH}/i-1")
        assert service.balancer.status().in_flight == 0
        for _ in range(2):
            http.get(f"{PATH}/i-1")
        heard(http)
    total = seen(service)
    (entry,) = total.served
    assert (entry.finished, entry.ill, entry.prompt_tokens) == (1, 0, 10)
    assert not entry.latency


@pytest.mark.parametrize(
    ("last", "verb", "path"),
    [
        (resource("cancelled"), "POST", f"{PATH}/i-1/cancel"),
        (response(200, b"{}", "Content-Type: application/json"), "DELETE", f"{PATH}/i-1"),
    ],
)
def test_one_that_is_cancelled_or_deleted_is_no_failure(
    service: Service, last: bytes, verb: str, path: str
) -> None:
    """It was its caller's doing."""
    service.script.say(resource("in_progress"), last)
    with service.client() as http:
        http.post(PATH, json={**ASKED, "background": True})
        assert http.request(verb, path).status_code == 200
        heard(http)
    (entry,) = seen(service).served
    assert (entry.started, entry.ill) == (1, 0)
    assert service.balancer.ledger.reserved_nano_usd == 0


def test_one_in_the_background_that_failed_is_a_failure(service: Service) -> None:
    """As its resource says, whatever the status of HTTP."""
    service.script.say(resource("in_progress"), resource("failed"))
    with service.client() as http:
        http.post(PATH, json={**ASKED, "background": True})
        http.get(f"{PATH}/i-1")
        heard(http)
    (entry,) = seen(service).served
    assert entry.ill == 1


def test_a_plan_is_written_in_its_spelling(start: Start) -> None:
    """The model too, which stands in the body."""
    service = start(policy=LITE)
    service.wait_for_tick()
    service.script.say(resource("completed", steps=STEPS, usage=USAGE))
    with service.client() as http:
        http.post(PATH, json=ASKED)
    assert service.script.asked[-1].json == {
        "model": "gemini-3.5-flash-lite",
        "input": ASKED["input"],
        "generation_config": {"max_output_tokens": 500, "thinking_level": "minimal"},
    }


SHED = "retries: 0, shed: {low: 100%, normal: 100%}, static_fallback: "


@pytest.mark.parametrize("streamed", [False, True])
def test_a_shed_one_gets_the_static_answer(start: Start, streamed: bool) -> None:
    """In a form that google-genai reads."""
    service = start(policy=ONCE.replace("retries: 0", f"{SHED}'Back soon.'"))
    service.wait_for_tick()
    with client(service) as google:
        if not streamed:
            assert google.interactions.create(**ASKED).output_text == "Back soon."
        else:
            events = list(google.interactions.create(**ASKED, stream=True))
            said = [event.delta.text for event in events if event.event_type == "step.delta"]
            assert said == ["Back soon."]
    assert service.script.asked == []


def test_a_refusal_is_raised_as_the_error_it_knows(start: Start) -> None:
    """With our words in it."""
    service = start(policy=ONCE.replace("retries: 0", f"{SHED}null"))
    service.wait_for_tick()
    with (
        client(service, retry_options={"attempts": 1}) as google,
        pytest.raises(Exception, match="sheds load") as caught,
    ):
        google.interactions.create(**ASKED)
    assert getattr(caught.value, "status_code", getattr(caught.value, "code", None)) == 503


def test_a_failed_attempt_is_made_again(start: Start) -> None:
    """By the plan."""
    service = start(policy=ONCE.replace("retries: 0", "retries: 1"))
    service.wait_for_tick()
    service.script.say(error(503, "UNAVAILABLE"), resource("completed", steps=STEPS, usage=USAGE))
    with service.client() as http:
        assert http.post(PATH, json=ASKED).json()["status"] == "completed"
    assert len(service.script.asked) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("last", "verb", "path"),
    [
        (resource("completed", steps=STEPS, usage=USAGE), "GET", f"{PATH}/i-1"),
        (resource("cancelled"), "POST", f"{PATH}/i-1/cancel"),
        (response(200, b"{}", "Content-Type: application/json"), "DELETE", f"{PATH}/i-1"),
    ],
)
def test_one_in_the_background_ends_where_nothing_else_is_passed_on(
    start: Start, last: bytes, verb: str, path: str
) -> None:
    """Its money is let go; other paths and verbs stay shut."""
    service = start(policy=f"{UNCHANGED}\nbudget: {{per_hour: $1}}", passing=False)
    service.script.say(resource("in_progress"), last)
    with service.client() as http:
        http.post(PATH, json={**ASKED, "background": True})
        assert service.balancer.ledger.reserved_nano_usd > 0
        for other, where in (
            ("PATCH", path),
            ("POST", f"{PATH}/i-1"),
            ("GET", f"{PATH}/i-1/more"),
            ("GET", "/v1beta/files/interactions/i-1"),
        ):
            assert http.request(other, where).status_code == 404
        assert len(service.script.asked) == 1
        assert http.request(verb, path).status_code == 200
    until(lambda: service.balancer.ledger.reserved_nano_usd == 0, "the money is let go")
