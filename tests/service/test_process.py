"""A real process: it drains when told to stop, and loses next to nothing when it is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from google import genai
from google.genai import errors

from balancer.core.observations import Observations, merge_ticks
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from balancer.runtime.clock import Clock
from tests.adapters.datadog.fake import API_KEY, APP_KEY, a_datadog
from tests.service.processes import process
from tests.service.status import status, status_with
from tests.service.upstream import (
    Connection,
    Script,
    answer,
    body_of,
    hang,
    response,
    scripted_upstream,
    sse,
)
from tests.waiting import GIVE_UP_S, until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODEL = "gemini-2.5-flash"
PATH = f"/v1beta/models/{MODEL}:generateContent"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}


@pytest.fixture
def script() -> Iterator[Script]:
    """An upstream on a thread of its own."""
    ready, stop = threading.Event(), asyncio.Event()
    found: list[Any] = []

    async def main() -> None:
        async with scripted_upstream() as made:
            found.extend([made, asyncio.get_running_loop()])
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(GIVE_UP_S)
    yield found[0]
    found[1].call_soon_threadsafe(stop.set)
    thread.join(GIVE_UP_S)


def journalled(data: Path) -> Observations:
    """Everything in the journal's files."""
    ticks = {}
    for path in data.glob("journal*.jsonl"):
        for entry in open_journal(path):
            ticks[entry.observations.tick] = entry.observations
    return merge_ticks(ticks[tick] for tick in sorted(ticks))


def test_a_stop_drains_what_is_in_flight_and_loses_no_observation(
    tmp_path: Path, script: Script
) -> None:
    """The call is answered, and stands in the journal; the exit is a clean one."""

    async def slow(connection: Connection) -> None:
        begun.set()
        await asyncio.sleep(1.0)
        await connection.write(answer("late but whole"))

    begun = threading.Event()
    script.say(answer("x"), answer("x"), slow)
    with process(tmp_path, script.url) as (child, client), ThreadPoolExecutor() as pool:
        for _ in range(2):
            client.post(PATH, json=BODY)
        call = pool.submit(client.post, PATH, json=BODY)
        assert begun.wait(GIVE_UP_S)
        child.send_signal(signal.SIGTERM)
        assert "late but whole" in call.result(GIVE_UP_S).text
        assert child.wait(GIVE_UP_S) == 0
    seen = journalled(tmp_path)
    assert sum(seen.offered) == 3
    (entry,) = seen.served
    assert (entry.started, entry.finished, entry.failed) == (3, 3, 0)


def test_a_stop_says_so_first_takes_no_new_work_and_ends_streams_with_a_word(
    tmp_path: Path, script: Script
) -> None:
    """google-genai raises what it tries again, of a stream, a whole answer and a new call."""
    script.say(sse(body_of("one", finish=None), after=hang))
    serving = process(tmp_path, script.url, "--drain", "1h")
    with serving as (child, client), ThreadPoolExecutor() as pool:
        base = str(client.base_url).rstrip("/")
        gemini = genai.Client(api_key="a-key", http_options={"base_url": base})
        stream = gemini.models.generate_content_stream(model=MODEL, contents="hi")
        assert next(stream).text == "one"
        script.say(hang)
        whole = pool.submit(gemini.models.generate_content, model=MODEL, contents="hi")
        until(lambda: len(script.asked) == 2, "both calls are under way")
        idle = [httpx.Client(base_url=base, timeout=GIVE_UP_S) for _ in range(3)]
        for each in idle:
            assert each.get("/readyz").status_code == 200
        child.send_signal(signal.SIGTERM)
        until(lambda: idle[0].get("/readyz").status_code == 503, "it is not ready")
        ready = idle[0].get("/readyz").json()
        assert (ready["ready"], list(ready["problems"])) == (False, ["stopping"])
        for each in idle:
            found = each.post(PATH, json=BODY)
            assert (found.status_code, found.headers["retry-after"]) == (503, "1")
        assert httpx.get(f"{base}/healthz").status_code == 200
        with pytest.raises(errors.ServerError) as told:
            gemini.models.generate_content(model=MODEL, contents="hi")
        assert (told.value.code, told.value.status) == (503, "UNAVAILABLE")
        # A second signal ends what the first one lets end by itself.
        child.send_signal(signal.SIGTERM)
        with pytest.raises(errors.ServerError) as told:
            list(stream)
        assert (told.value.code, told.value.status) == (503, "UNAVAILABLE")
        with pytest.raises(errors.ServerError, match="the service stops"):
            whole.result(GIVE_UP_S)
        assert child.wait(GIVE_UP_S) == 0
        assert child.stderr is not None
        said = child.stderr.read()
    assert "Traceback" not in said
    assert "ERROR" not in said
    assert len(script.asked) == 2
    seen = journalled(tmp_path)
    assert [entry.ill for entry in seen.served] == [0] * len(seen.served)


def test_what_is_under_way_when_its_time_is_up_is_told_so(tmp_path: Path, script: Script) -> None:
    """And the process ends."""
    script.say(hang)
    serving = process(tmp_path, script.url, "--drain", "100ms")
    with serving as (child, client), ThreadPoolExecutor() as pool:
        call = pool.submit(client.post, PATH, json=BODY)
        until(lambda: len(script.asked) == 1, "the call is under way")
        child.send_signal(signal.SIGTERM)
        found = call.result(GIVE_UP_S)
        assert (found.status_code, found.json()["error"]["status"]) == (503, "UNAVAILABLE")
        assert child.wait(GIVE_UP_S) == 0


def test_a_kill_loses_at_most_one_tick_and_a_restart_goes_on(
    tmp_path: Path, script: Script
) -> None:
    """Journal, mode, order and policy are there again."""
    policy = {"policy": "thresholds: {soft: {error_rate: 7%}}", "reason": "a try"}
    order = {"mode": "soft", "reason": "a drill", "duration": "10m"}
    with process(tmp_path, script.url) as (child, client):
        assert client.put("/api/brownout", json=policy).json()["version"] == 2
        for _ in range(5):
            client.post(PATH, json=BODY)
        client.post("/api/brownout", json=order)
        tick = status_with(client, mode="soft")["tick"]
        # What is lost is the tick under way: the one of the change must be over.
        until(lambda: status(client)["tick"] >= tick + 2, "the tick of the change is over")
        # The history is written by a thread that nobody waits for.
        until(lambda: client.get("/api/history/modes").json().get("entries"), "it is written")
        child.kill()
        child.wait(GIVE_UP_S)
    seen = journalled(tmp_path)
    assert seen.tick >= tick
    assert sum(seen.offered) == 5
    with process(tmp_path, script.url) as (child, client):
        found = status_with(client, mode="soft")
        assert found["override"]["reason"] == "a drill"
        assert found["policy"]["version"] == 2
        assert "7%" in found["policy"]["text"]
        assert status_with(client, problems={})["tick"] >= tick
        modes = client.get("/api/history/modes").json()["entries"]
        assert [row["to_mode"] for row in modes] == ["soft"]


def test_ticks_that_come_late_are_caught_up(tmp_path: Path, script: Script) -> None:
    """A platform takes the processor away, and gives it back: nothing is lost or counted twice.

    The order's end passes meanwhile, and a call that came meanwhile is answered. What was decided
    is decided anew from the journal.
    """
    script.say(*(answer("x") for _ in range(4)))
    serving = process(tmp_path, script.url, "--speed", "20")
    with serving as (child, client), ThreadPoolExecutor() as pool:
        for _ in range(3):
            client.post(PATH, json=BODY)
        client.post("/api/brownout", json={"mode": "soft", "reason": "a drill", "duration": "20s"})
        before = status_with(client, mode="soft")["tick"]
        child.send_signal(signal.SIGSTOP)
        away = Clock(speed=20)
        call = pool.submit(client.post, PATH, json=BODY)
        start_s = away.now_s()
        until(lambda: away.now_s() > start_s + 40, "40 ticks pass")
        child.send_signal(signal.SIGCONT)
        assert call.result(GIVE_UP_S).status_code == 200
        found = status_with(client, mode="normal")
        assert found["tick"] >= before + 40
        assert (found["problems"], found["override"]) == ({}, None)
        child.terminate()
        assert child.wait(GIVE_UP_S) == 0
    seen = journalled(tmp_path)
    assert sum(seen.offered) == 4
    assert sum(entry.finished for entry in seen.served) == 4
    assert replay(open_journal(tmp_path / "journal.jsonl")).identical


def test_a_kill_in_the_middle_of_an_incident_makes_no_second_one(
    tmp_path: Path, script: Script
) -> None:
    """Neither in the history nor in Datadog, where the next process resolves it."""

    def state() -> list[str]:
        return [entry["fields"]["state"]["value"] for entry in fake.incidents.values()]

    def come(expected: list[str]) -> None:
        until(lambda: state() == expected, f"{expected} in Datadog")

    order = {"mode": "hard", "reason": "a drill", "duration": "10m"}
    with a_datadog() as fake:
        more = {"DD_API_KEY": API_KEY, "DD_APP_KEY": APP_KEY, "DD_HOST": fake.url}
        with process(tmp_path, script.url, "--datadog", "mirror", **more) as (child, client):
            client.post("/api/brownout", json=order)
            tick = status_with(client, mode="hard")["tick"]
            come(["active"])
            until(lambda: status(client)["tick"] >= tick + 2, "two ticks pass")
            child.kill()
            child.wait(GIVE_UP_S)
        with process(tmp_path, script.url, "--datadog", "mirror", **more) as (child, client):
            status_with(client, mode="hard")
            client.post("/api/brownout", json={**order, "mode": "normal"})
            come(["resolved"])
            (incident,) = client.get("/api/incidents").json()["incidents"]
            summary = client.get(f"/api/incidents/{incident['id']}/summary").json()
    assert incident["ended"] == "normal is back"
    assert summary["during"]["seconds"] >= 2


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--host", "0.0.0.0"], "no token is set"),  # noqa: S104
        (["--policy", "no-such.yaml"], "no-such.yaml"),
        (["--upstream", "nowhere"], "is no base URL"),
        (["--database", "oracle9://x/y"], "is not one we know"),
        (["--datadog", "poll"], "the API key is missing; set DATADOG_API_KEY or DD_API_KEY"),
        (["--datadog", "pol"], "did you mean 'poll'?"),
    ],
)
def test_what_cannot_be_meant_ends_with_one_message(
    tmp_path: Path, options: list[str], problem: str
) -> None:
    """And exit code 2."""
    environment = {name: value for name, value in os.environ.items() if "BALANCER" not in name}
    environment = {k: v for k, v in environment.items() if not k.startswith(("DD_", "DATADOG_"))}
    done = subprocess.run(
        [sys.executable, "-m", "balancer.cli", "serve", "--data", str(tmp_path), *options],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
    )
    assert done.returncode == 2
    assert problem in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_in_use_is_named(tmp_path: Path, script: Script) -> None:
    """With how to choose another."""
    port = script.url.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "balancer.cli", "serve", "--data", str(tmp_path), "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GIVE_UP_S,
        check=False,
    )
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_it_begins_with_the_kill_switch_and_says_so(tmp_path: Path, script: Script) -> None:
    """And a websocket that is refused is nothing to write of."""
    with process(tmp_path, script.url, "--off") as (child, client):
        assert client.get("/readyz").json()["bypass"] == "serve --off"
        live = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
        shake = {"sec-websocket-version": "13", "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="}
        shake |= {"upgrade": "websocket", "connection": "upgrade"}
        script.say(response(429, b"later"))
        assert client.get(live, headers=shake).status_code == 429
        child.terminate()
        assert child.stderr is not None
        assert "ERROR" not in child.stderr.read()
