"""What a client repeats by itself after every attempt of ours has failed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from balancer.core.modes import Mode
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import CallSettings
from balancer.service.proxy.answers import Reply, error_reply
from balancer.service.proxy.paths import find_target
from balancer.service.proxy.reading import Call
from balancer.service.proxy.repeats import Repeats
from balancer.wire import read_asked
from tests.runtime.bench import Bench
from tests.runtime.test_requests import fail
from tests.service.conftest import AT_ONCE, Service, Start
from tests.service.test_proxy_plans import BODY, ONCE, PATH, PER_MINUTE, RETRIES
from tests.service.upstream import answer, error, response, sse
from tests.waiting import until

genai = pytest.importorskip("google.genai")

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

SICK = error(503, "UNAVAILABLE", "The model is overloaded.")
LEFT_TO_CLIENTS = ONCE.replace("retries: 0", "retries: null")
LONG_WAIT = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36s"}


def post(client: httpx.Client, body: Any = BODY, **headers: str) -> httpx.Response:
    """One call."""
    return client.post(PATH, json=body, headers=headers)


def asked(service: Service) -> int:
    """Calls that the upstream has had."""
    return len(service.script.asked)


@pytest.fixture
def sick(start: Start) -> Service:
    """Every attempt fails: two models, and two retries."""
    service = start(policy=RETRIES)
    service.script.say(SICK)
    return service


@pytest.mark.parametrize("streamed", [False, True])
def test_googles_client_with_three_attempts_costs_the_upstream_four_calls(
    sick: Service, streamed: bool
) -> None:
    """Those of the plan, and none for the two repeats."""
    retry = {"attempts": 3, "initial_delay": 0.001, "jitter": 0.0, "exp_base": 1.0}
    options = {"base_url": sick.url, "retry_options": retry}
    with genai.Client(api_key="k", http_options=options) as google:
        models = google.models
        ask = models.generate_content_stream if streamed else models.generate_content
        with pytest.raises(genai.errors.ServerError, match=r"The model is overloaded\."):
            list(ask(model="gemini-2.5-flash", contents="hi"))
    assert asked(sick) == 4


def test_a_repeat_gets_the_failure_and_how_long_to_wait(sick: Service) -> None:
    """To the byte, and it is told apart by a header."""
    with sick.client() as client:
        first, second = post(client), post(client)
    assert (second.status_code, second.content) == (first.status_code, first.content)
    assert first.headers["retry-after"] == "10"
    assert int(second.headers["retry-after"]) <= 10
    assert "x-open-balancer-repeat" not in first.headers
    assert second.headers["x-open-balancer-repeat"] == "true"
    assert asked(sick) == 4


def test_four_repeats_and_then_a_new_request(sick: Service) -> None:
    """Where all callers ask the same, some are still tried."""
    with sick.client() as client:
        seen = ["x-open-balancer-repeat" in post(client).headers for _ in range(6)]
    assert seen == [False, True, True, True, True, False]


def test_a_wait_that_the_upstream_asks_for_goes_on(start: Start) -> None:
    """In the header that clients look at; Gemini says it in the body only."""
    service = start(policy=ONCE)
    service.script.say(error(429, "RESOURCE_EXHAUSTED", "quota", PER_MINUTE, LONG_WAIT))
    with service.client() as client:
        assert post(client).headers["retry-after"] == "36"


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"contents": [{"parts": [{"text": "another"}]}]}, {}),
        (BODY, {"x-goog-api-key": "another"}),
        (BODY, {"x-open-balancer-key": "another"}),
        (BODY, {"x-open-balancer-priority": "high"}),
        (BODY, {"x-open-balancer-request": "7"}),
        (BODY, {"x-server-timeout": "20"}),
    ],
)
def test_another_call_is_no_repeat(sick: Service, body: Any, headers: dict[str, str]) -> None:
    """Other words, another caller, another priority."""
    with sick.client() as client:
        post(client)
        post(client, body, **headers)
    assert asked(sick) == 8


def test_once_somebody_is_answered_a_repeat_is_tried(sick: Service) -> None:
    """As it may be answered too."""
    other = {"contents": [{"parts": [{"text": "another"}]}]}
    with sick.client() as client:
        post(client)
        sick.script.say(answer("well"))
        assert post(client, other).status_code == 200
        assert post(client).status_code == 200


def test_a_stream_that_begins_is_an_answer(sick: Service) -> None:
    """Its model is well."""
    stream = PATH.replace("generate", "streamGenerate") + "?alt=sse"
    with sick.client() as client:
        post(client)
        sick.script.say(sse(*[{"candidates": [{"content": {"parts": [{"text": "a"}]}}]}]))
        assert client.post(stream, json=BODY).status_code == 200
        post(client)
    assert asked(sick) > 5


def test_in_another_mode_a_repeat_is_tried(sick: Service) -> None:
    """Its plan may do what the one before could not."""
    sick.wait_for_tick()
    with sick.client() as client:
        post(client)
        sick.balancer.override(Mode.SOFT, "test", for_s=100.0)
        until(lambda: sick.balancer.decision.mode is Mode.SOFT, "soft is in force")
        assert "x-open-balancer-repeat" not in post(client).headers


def test_a_plan_that_says_nothing_of_retries_leaves_the_clients(start: Start) -> None:
    """One retry layer: then it is theirs."""
    service = start(policy=LEFT_TO_CLIENTS)
    service.script.say(SICK)
    with service.client() as client:
        found = [post(client) for _ in range(3)]
    assert asked(service) == 3
    assert not any("retry-after" in reply.headers for reply in found)


def test_a_callers_mistake_is_answered_anew(start: Start) -> None:
    """Clients do not repeat it, and whoever does is told by the upstream."""
    service = start(policy=ONCE)
    service.script.say(error(400, "INVALID_ARGUMENT", "no"))
    with service.client() as client:
        found = [post(client) for _ in range(2)]
    assert asked(service) == 2
    assert not any("retry-after" in reply.headers for reply in found)


def test_an_answer_that_clients_do_not_repeat_is_made_anew(start: Start) -> None:
    """Such as an empty one: whoever asks again after it means to."""
    service = start(policy=ONCE)
    service.script.say(response(200, b'{"candidates": [{"content": {}, "finishReason": "STOP"}]}'))
    with service.client() as client:
        assert [post(client).status_code for _ in range(2)] == [200, 200]
    assert asked(service) == 2


def test_calls_that_go_through_unchanged_are_not_repeated_for(start: Start) -> None:
    """In shadow mode the clients' retries are their own."""
    from balancer.policy_file import parse_policy

    service = start(balancer=Balancer(parse_policy(RETRIES), settings=AT_ONCE, shadow=True))
    service.script.say(SICK)
    with service.client() as client:
        assert [post(client).status_code for _ in range(2)] == [503, 503]
    assert asked(service) == 2


def test_an_error_too_large_to_keep_is_not(start: Start) -> None:
    """What is kept is bounded."""
    service = start(policy=ONCE)
    service.script.say(response(503, b"x" * 20_000))
    with service.client() as client:
        for _ in range(2):
            post(client)
    assert asked(service) == 2


def test_the_retry_budget_holds_for_all_requests_together(start: Start) -> None:
    """Ten attempts beyond the first on each model, whoever makes them; then only the first ones."""
    service = start(
        policy=RETRIES,
        call_settings=CallSettings(backoff_initial_s=0.0, backoff_jitter_s=0.0, retry_budget=0.1),
    )
    service.script.say(SICK)
    bodies = [{"contents": [{"parts": [{"text": str(n)}]}]} for n in range(8)]
    with service.client() as client:
        for body in bodies:
            post(client, body)
    assert asked(service) == 8 * 2 + 10


def a_call(text: str) -> Call:
    """As the proxy reads it."""
    target = find_target(PATH)
    assert target is not None
    return Call(
        target=target,
        raw=text.encode(),
        body={},
        query=b"",
        headers=[],
        asked=read_asked({}, "gemini-2.5-flash"),
    )


class Apart:
    """Repeats by themselves, with a clock that stands still, and a request that failed."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.repeats = Repeats(lambda: self.now_s, 2.0)
        self._request = Bench().balancer.request()
        while fail(self._request) is not None:
            pass

    def fail(self, text: str) -> Reply:
        """All attempts at a call have failed."""
        reply = error_reply(503, "overloaded")
        return self.repeats.over(a_call(text), Mode.NORMAL, self._request, reply)

    def known(self, text: str) -> Reply | None:
        """The same call comes again."""
        return self.repeats.failure(a_call(text), Mode.NORMAL)


def test_after_the_wait_it_is_a_new_request() -> None:
    """Which is told in wall seconds, however fast the clock runs."""
    apart = Apart()
    assert (b"retry-after", b"5") in apart.fail("a").headers
    apart.now_s = 9.0
    known = apart.known("a")
    assert known is not None
    assert (b"retry-after", b"1") in known.headers
    apart.now_s = 10.0
    assert apart.known("a") is None


def test_the_oldest_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a bound to what is kept."""
    monkeypatch.setattr("balancer.service.proxy.repeats._MOST_KEPT", 2)
    apart = Apart()
    for text in ("a", "b", "a", "c"):
        apart.fail(text)
    assert [apart.known(text) is not None for text in ("a", "b", "c")] == [True, False, True]
