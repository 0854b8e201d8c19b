"""The whole service beside a Datadog and an OTLP receiver, well and broken, and restarted."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from balancer.adapters.datadog.monitors import Target
from balancer.adapters.datadog.settings import Settings
from balancer.core.modes import Mode
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.service.datadog_use import DatadogUse
from tests.adapters.datadog.fake import API_KEY, APP_KEY, Fake, a_datadog
from tests.service.conftest import Service, Start, serving
from tests.service.otlp_sink import Sink, an_otlp_sink
from tests.waiting import until

pytestmark = pytest.mark.slow

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
BODY = {"contents": [{"parts": [{"text": "hi"}]}]}
POLICY = "thresholds: {soft: {latency_p95: 2s}}\nmodes: {normal: {model: null}}"
MARK = "dd-marker-that-nobody-may-see-0123456789"


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A Datadog."""
    with a_datadog() as fake:
        yield fake


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sink]:
    """A receiver that the environment names."""
    with an_otlp_sink() as sink:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", sink.url)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        yield sink


def use(
    fake: Fake,
    *,
    poll: bool = False,
    mirror: bool = False,
    api_key: str = API_KEY,
    app_key: str = APP_KEY,
) -> DatadogUse:
    """Of the fake."""
    settings = Settings(api_key=api_key, app_key=app_key, host=fake.url)
    return DatadogUse(settings=settings, target=Target(service="shop"), poll=poll, mirror=mirror)


def order(service: Service, mode: str) -> None:
    """Hold a mode until it holds."""
    with service.client() as client:
        given = {"mode": mode, "reason": "a drill", "duration": "10m"}
        assert client.post("/api/brownout", json=given).status_code == 200
    wanted = Mode[mode.upper()]
    until(lambda: service.balancer.decision.mode is wanted, mode)


def health(service: Service) -> Any:
    """What `/readyz` says of what runs beside it."""
    with service.client() as client:
        found = client.get("/readyz")
    assert found.status_code == 200
    return found.json()["integrations"]


def latency(fake: Fake, value: float | None, late_s: float = 0.0) -> None:
    """What Datadog says of the last minute."""
    begun = (time.time() - late_s - 60.0) * 1000
    fake.series.append(
        {
            "times": [int(begun)],
            "values": [[value]],
            "series": [{"query_index": 0, "group_tags": []}],
        }
    )


def state(fake: Fake) -> list[str]:
    """Of the incidents there."""
    return [incident["fields"]["state"]["value"] for incident in fake.incidents.values()]


# ------------------------------------------------------------------------------- mirror


def test_an_episode_is_mirrored_from_beginning_to_end(start: Start, fake: Fake) -> None:
    """An event for each change of mode, and one incident."""
    service = start(datadog=use(fake, mirror=True))
    order(service, "hard")
    until(lambda: state(fake) == ["active"], "the incident")
    order(service, "normal")
    until(lambda: state(fake) == ["resolved"], "its end")
    until(lambda: len(fake.events) == 2, "the events")
    with service.client() as client:
        (incident,) = client.get("/api/incidents").json()["incidents"]
    (mirrored,) = fake.incidents.values()
    assert f"[{incident['key']}]" in mirrored["title"]
    assert health(service)["datadog_mirror"]["state"] == "ok"


def test_a_restart_in_the_middle_makes_no_second_incident(directory: Path, fake: Fake) -> None:
    """Neither here nor there."""
    files: dict[str, Any] = {
        "journal": directory / "journal.jsonl",
        "state": directory / "state.json",
    }
    directory.mkdir()
    policy = parse_policy(POLICY)
    asked = use(fake, mirror=True)
    with serving(directory, balancer=Balancer(policy, **files), datadog=asked) as service:
        order(service, "hard")
        until(lambda: state(fake) == ["active"], "the incident")
    with serving(directory, balancer=Balancer(policy, **files), datadog=asked) as service:
        until(lambda: bool(service.seen), "a tick")
        assert service.balancer.decision.mode is Mode.HARD
        with service.client() as client:
            (incident,) = client.get("/api/incidents?open=true").json()["incidents"]
        order(service, "normal")
        until(lambda: state(fake) == ["resolved"], "its end")
        path = f"/api/incidents/{incident['id']}/summary"
        with service.client() as client:
            # The history hears of it too, and may be the later one.
            until(lambda: client.get(path).json()["modes"][-1]["until"] is not None, "it is told")
            found = client.get(path).json()
    assert [span["mode"] for span in found["modes"]] == ["hard"]
    assert found["during"]["seconds"] > 0
    assert [path for _, path, _ in fake.requests].count("/api/v2/incidents") == 1


def test_a_datadog_that_is_away_affects_no_call(start: Start, fake: Fake) -> None:
    """It is named, and hears of everything when it is back."""
    fake.failures = [("*", "/", 503)] * 99
    service = start(datadog=use(fake, mirror=True))
    order(service, "hard")
    until(lambda: health(service)["datadog_mirror"]["state"] == "trouble", "the trouble")
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 200
    found = health(service)["datadog_mirror"]
    assert "Datadog has trouble itself (503)" in found["error"]
    assert found["failures"] > 0
    assert found["ok_at"] is None


# ------------------------------------------------------------------------------- poll


def test_a_polled_signal_reaches_the_controller(start: Start, fake: Fake) -> None:
    """With its age, which the status tells."""
    latency(fake, 3.0)
    service = start(policy=POLICY, datadog=use(fake, poll=True))
    until(lambda: service.balancer.decision.mode is Mode.SOFT, "soft")
    with service.client() as client:
        found = client.get("/api/brownout").json()
    (reading,) = found["polled"]
    assert (reading["signal"], reading["state"], reading["value"]) == ("latency_p95", "fresh", 3.0)
    assert 0 <= reading["age_s"] < 30
    assert found["integrations"]["datadog_poll"]["state"] == "ok"


@pytest.mark.parametrize(
    ("value", "late_s", "kind"), [(9.0, 300.0, "stale"), (None, 0.0, "missing")]
)
def test_a_signal_that_cannot_be_used_is_a_state_of_its_own(
    start: Start, fake: Fake, value: float | None, late_s: float, kind: str
) -> None:
    """And never zero, nor a reason for anything."""
    latency(fake, value, late_s)
    service = start(policy=POLICY, datadog=use(fake, poll=True))
    until(lambda: health(service)["datadog_poll"]["state"] == "stale", "the state")
    service.wait_for_tick()
    with service.client() as client:
        found = client.get("/api/brownout").json()
    assert found["mode"] == "normal"
    assert found["polled"][0]["state"] == kind
    assert found["polled"][0]["value"] == value


# ------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize("failure", [None, 400, 401, 403, 429, 500])
def test_no_key_is_ever_shown(
    start: Start,
    fake: Fake,
    directory: Path,
    failure: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """In logs, answers, the journal or the database; not even where Datadog repeats it."""
    if failure is not None:
        fake.failures = [("*", "/", failure)] * 99
        fake.told = f"the key {MARK} and the key {MARK[::-1]} are not welcome; "
    directory.mkdir()
    balancer = Balancer(parse_policy(POLICY), journal=directory / "journal.jsonl")
    asked = use(fake, poll=True, mirror=True, api_key=MARK, app_key=MARK[::-1])
    fake.keys = (MARK, MARK[::-1])
    latency(fake, 1.0)
    with caplog.at_level(logging.DEBUG):
        service = start(balancer=balancer, datadog=asked)
        order(service, "hard")
        wanted = "ok" if failure is None else "trouble"
        for name in ("datadog_poll", "datadog_mirror"):
            if failure == 400 and name == "datadog_mirror":
                continue  # what is refused for good is dropped
            until(lambda name=name: health(service)[name]["state"] == wanted, name)  # type: ignore[misc]
        with service.client() as client:
            paths = ("/readyz", "/api/brownout", "/api/incidents/1", "/api/incidents/1/summary")
            shown = "".join(client.get(path).text for path in paths)
        assert service.app.state.dependencies.store.flush()
        files = b"".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())
    for secret in (MARK, MARK[::-1]):
        assert secret not in shown
        assert secret not in caplog.text
        assert secret.encode() not in files
    assert b"hard" in files


# ------------------------------------------------------------------------------- telemetry


def test_telemetry_goes_out_and_the_end_sends_what_is_left(
    directory: Path, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last tick's observations too."""
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
    with serving(directory, otlp="environment") as service:
        service.wait_for_tick()
        with service.client() as client:
            assert client.post(PATH, json=BODY).status_code == 200
        assert health(service)["telemetry"]["state"] != "trouble"
        assert sink.metrics() == set()
    assert "open_balancer.request.duration" in sink.metrics()


def test_a_receiver_that_is_away_is_named_and_affects_no_call(
    start: Start, sink: Sink, caplog: pytest.LogCaptureFixture
) -> None:
    """It is well again when the receiver is."""
    sink.status = 400
    service = start(otlp="environment")
    until(lambda: health(service)["telemetry"]["state"] == "trouble", "the trouble")
    assert "metrics" in health(service)["telemetry"]["error"]
    with service.client() as client:
        assert client.post(PATH, json=BODY).status_code == 200
    sink.status = 200
    until(lambda: health(service)["telemetry"]["state"] == "ok", "the end of it")
    assert health(service)["telemetry"]["ok_at"] is not None


def test_without_being_asked_nothing_runs_beside_the_service(service: Service) -> None:
    """And nothing is said of it."""
    assert health(service) == {}
