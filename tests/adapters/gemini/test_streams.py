"""Streamed answers through the wrapper."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest
from google.genai import errors, types

from balancer.adapters.gemini import FALLBACK_MODEL, ShedError, Wrapped, served
from balancer.core.histogram import MIN_INDEX
from balancer.core.observations import ModeObservations
from balancer.core.policy import Strategy

from .bench import FLASH, HIDDEN_RETRY, LITE, Bench, failures, policy, served_models
from .script import Reply, chunk, error
from .test_answers import CHAIN, STATIC, Make, Play

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")


def texts(chunks: list[types.GenerateContentResponse]) -> list[str | None]:
    """Of chunks."""
    return [piece.text for piece in chunks]


def test_a_stream_is_counted_by_its_last_usage(play: Play, bench: Make) -> None:
    """With the time to its first token; every chunk says how it was served."""
    script = play(
        Reply(
            chunks=[
                chunk("Hel", candidatesTokenCount=1, thoughtsTokenCount=9),
                chunk("lo.", "STOP", candidatesTokenCount=7, thoughtsTokenCount=9),
            ]
        )
    )
    here = bench(script)
    chunks = here.stream()
    assert texts(chunks) == ["Hel", "lo."]
    how = [served(piece) for piece in chunks]
    assert [(each.model, each.attempts) for each in how if each] == [(FLASH, 1)] * 2
    entry = served_models(here.seen())[FLASH]
    assert (entry.prompt_tokens, entry.output_tokens, entry.thinking_tokens) == (10, 7, 9)
    assert (entry.latency.total, entry.ttft.total, entry.failed) == (1, 1, 0)


def test_the_time_that_its_reader_takes_is_in_no_latency(play: Play, bench: Make) -> None:
    """Forty seconds for each chunk, in which the controller sees nothing that ages."""
    script = play(Reply(chunks=[chunk("Hel"), chunk("lo.", "STOP")]))
    here = bench(script)
    aged: list[int] = []

    def read() -> None:
        here.clock.advance(40.0)
        aged.extend(here.seen().served[0].ages.counts())

    assert texts(here.stream(read=read)) == ["Hel", "lo."]
    latency = served_models(here.seen())[FLASH].latency
    assert (latency.total, len(aged)) == (1, 2)
    assert {*aged, *latency.counts()} == {MIN_INDEX}


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
def test_no_deadline_runs_while_its_reader_has_control(play: Play, kind: str) -> None:
    """Of ours or of the HTTP client, on whose clock a reader takes a thousand seconds a chunk."""
    script = play(Reply(chunks=[chunk("Hel"), chunk("lo"), chunk(".", "STOP")], gap_s=0.01))
    here = Bench(url=script.url, kind=kind, policy=policy())

    def read() -> None:
        loop: Any = asyncio.get_running_loop()
        time = loop.time
        loop.time = lambda: time() + 1000.0

    assert texts(here.stream(read=read)) == ["Hel", "lo", "."]
    (one,) = script.received
    assert one.headers["x-server-timeout"] == "10"
    assert failures(served_models(here.seen())[FLASH]) == {}


@pytest.mark.parametrize(
    ("reply", "kind_of_failure"),
    [
        (error(503), "overloaded"),
        (Reply(then="reset"), "reset"),
        (Reply(chunks=[chunk(None, "MAX_TOKENS", candidatesTokenCount=0)]), "empty"),
        (Reply(chunks=[chunk(None)]), "cut"),
        (Reply(chunks=[b"data: {nonsense\r\n\r\n"]), "malformed"),
    ],
)
def test_a_stream_is_tried_again_before_its_first_chunk(
    play: Play, bench: Make, kind: str, reply: Reply, kind_of_failure: str
) -> None:
    """Chunks that hold nothing are kept back until one does."""
    if HIDDEN_RETRY and (reply.then, kind) == ("reset", "aiohttp"):
        pytest.skip("the SDK waits for seconds and tries again")
    here = bench(play(reply), policy(CHAIN))
    chunks = here.stream()
    assert texts(chunks) == ["Hel", "lo."]
    how = served(chunks[0])
    assert how is not None
    assert (how.model, how.attempts) == (LITE, 2)
    assert failures(served_models(here.seen())[FLASH]) == {kind_of_failure: 1}


def test_a_stream_that_ends_early_is_a_failure(play: Play, bench: Make) -> None:
    """What came is not taken back, and nothing is tried again; the SDK ends it in silence."""
    script = play(Reply(chunks=[chunk("Hel"), chunk("lo")]))
    here = bench(script, policy(CHAIN))
    assert texts(here.stream()) == ["Hel", "lo"]
    assert failures(served_models(here.seen())[FLASH]) == {"cut": 1}
    assert len(script.received) == 1


@pytest.mark.parametrize(
    ("piece", "raised", "kind_of_failure"),
    [
        (
            b'data: {"error": {"code": 503, "status": "UNAVAILABLE"}}\r\n\r\n',
            errors.ServerError,
            "overloaded",
        ),
        (b"data: {nonsense\r\n\r\n", errors.UnknownApiResponseError, "malformed"),
    ],
)
def test_an_error_inside_a_stream_is_raised(
    play: Play, bench: Make, piece: bytes, raised: type[Exception], kind_of_failure: str
) -> None:
    """After the chunks that came before it, which are billed."""
    script = play(Reply(chunks=[chunk("Hel"), piece]))
    here = bench(script, policy(CHAIN))
    with pytest.raises(raised):
        here.stream()
    entry = served_models(here.seen())[FLASH]
    assert failures(entry) == {kind_of_failure: 1}
    assert entry.output_tokens == 5


def test_a_stream_that_is_given_up_is_accounted(play: Play, bench: Make) -> None:
    """As started and abandoned, not as a failure, and no longer in flight."""
    script = play(Reply(chunks=[chunk("Hel"), chunk("lo"), chunk(".", "STOP")], gap_s=0.05))
    here = bench(script, policy(CHAIN))
    assert texts(here.stream(most=1)) == ["Hel"]
    seen = here.seen()
    entry = served_models(seen)[FLASH]
    assert (entry.started, entry.failed) == (1, 0)
    assert seen.in_flight == 0


def test_a_stream_that_is_never_read_sends_nothing(play: Play) -> None:
    """As the SDK's own."""
    script = play()
    here = Bench(url=script.url, kind="sync", policy=policy())
    here.run(lambda client: client.models.generate_content_stream(model=FLASH, contents="x"))
    assert script.received == []
    assert here.seen().offered == (0, 0, 0)


def test_a_stream_that_is_dropped_is_accounted(play: Play) -> None:
    """When it is collected."""
    script = play(Reply(chunks=[chunk("Hel"), chunk("lo.", "STOP")], gap_s=0.05))
    here = Bench(url=script.url, kind="sync", policy=policy())

    def use(client: Wrapped) -> None:
        stream = client.models.generate_content_stream(model=FLASH, contents="x")
        next(stream)
        del stream
        gc.collect()
        assert here.seen().in_flight == 0

    here.run(use)


def test_a_stream_may_be_shed_or_get_the_static_answer(play: Play, bench: Make) -> None:
    """As one chunk."""
    here = bench(play(error(503)), policy(STATIC))
    (only,) = here.stream()
    assert (only.text, only.model_version) == ("We are busy.", FALLBACK_MODEL)
    script = play()
    here = bench(script, policy(Strategy(model=FLASH, max_starts_per_s=1.0, timeout_s=60.0)))
    here.seen()
    here.ask()
    with pytest.raises(ShedError):
        here.stream()
    assert len(script.received) == 1


def test_a_hang_ends_at_the_plan_s_deadline(play: Play, bench: Make) -> None:
    """Which may be shorter than the ten seconds that Gemini takes at least."""
    script = play(Reply(then="hang"))
    plan = Strategy(model=FLASH, fallback_models=(LITE,), timeout_s=5.0, retries=0)
    here = bench(script, policy(plan), speed=1.0)
    assert here.ask().text == "Hello."
    assert [sent.headers["x-server-timeout"] for sent in script.received] == ["10", "10"]
    entry = served_models(here.seen())[FLASH]
    assert failures(entry) == {"timeout": 1}
    assert entry.latency.total == 1


def test_a_stream_that_stalls_ends_at_the_deadline(play: Play, bench: Make) -> None:
    """What came is not taken back."""
    script = play(Reply(chunks=[chunk("Hel")], then="hang"))
    here = bench(script, policy(Strategy(model=FLASH, timeout_s=5.0, retries=2)))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each client has its own
        here.stream()
    assert "Timeout" in type(caught.value).__name__
    assert failures(served_models(here.seen())[FLASH]) == {"timeout": 1}
    assert len(script.received) == 1


@pytest.mark.parametrize("kind", ["httpx", "aiohttp"])
@pytest.mark.parametrize("streamed", [False, True])
def test_a_cancelled_task_is_accounted(play: Play, kind: str, streamed: bool) -> None:
    """Not as a failure, and no longer in flight; the cancellation goes on."""
    script = play(Reply(then="hang"))
    here = Bench(url=script.url, kind=kind, policy=policy(CHAIN))

    async def use(client: Wrapped) -> None:
        models = client.aio.models

        async def call() -> None:
            if not streamed:
                await models.generate_content(model=FLASH, contents="x")
                return
            async for _ in await models.generate_content_stream(model=FLASH, contents="x"):
                pass

        task = asyncio.create_task(call())
        await asyncio.to_thread(script.asked.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    here.run(use)
    seen = here.seen()
    assert seen.in_flight == 0
    entry = served_models(seen)[FLASH]
    assert (entry.started, entry.failed) == (1, 0)


def test_many_threads_share_a_wrapped_client(play: Play) -> None:
    """Each with a block of its own; every call is counted."""
    here = Bench(url=play().url, kind="sync", policy=policy())

    def use(client: Wrapped) -> None:
        def call() -> None:
            for _ in range(5):
                client.models.generate_content(model=FLASH, contents="x")

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    here.run(use)
    entry: ModeObservations = served_models(here.seen())[FLASH]
    assert (entry.started, entry.finished, entry.failed) == (20, 20, 0)
