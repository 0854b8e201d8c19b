"""Polled signals reach the controller as alerts, and trouble as a state that says so."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.monitors import Target
from balancer.adapters.datadog.settings import Settings
from balancer.core.modes import Mode
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.integrations.datadog.polling import Polling
from balancer.service.integrations.integration import State
from tests.adapters.datadog.fake import Fake, hurry
from tests.waiting import GIVE_UP_S, at_once, until

RULES = "thresholds:\n  soft: {latency_p95: 2s}\n  hard: {error_rate: 10%}\n"
OTHER = "thresholds:\n  soft: {error_rate: 10%}\n"


class Rig:
    """Polling by hand, of a balancer by hand."""

    def __init__(self, client: Client, fake: Fake) -> None:
        self.fake = fake
        self.clock = ManualClock()
        self.balancer = Balancer(parse_policy(RULES), clock=self.clock)
        self.now_s = time.time()
        self.polling = Polling(
            self.balancer, client, Target(service="shop"), clock=lambda: self.now_s
        )

    def answer(self, *values: list[Any], late_s: float = 0.0) -> None:
        """What Datadog says next: for each rule its last minutes."""
        minutes = len(values[0])
        times = [
            int((self.now_s - late_s - 60 * (minutes - index)) * 1000) for index in range(minutes)
        ]
        self.fake.series.append(
            {
                "times": times,
                "values": [list(row) for row in values],
                "series": [
                    {"query_index": index, "group_tags": []} for index in range(len(values))
                ],
            }
        )

    def mode(self) -> Mode:
        """After the next two ticks."""
        for _ in range(2):
            self.clock.advance(1.0)
            self.balancer.tick()
        return self.balancer.decision.mode


@pytest.fixture
def rig(client: Client, fake: Fake) -> Iterator[Rig]:
    """Without its thread."""
    rig = Rig(client, fake)
    yield rig
    rig.balancer.close()


def test_a_signal_beyond_its_threshold_asks_for_its_mode(rig: Rig) -> None:
    """The controller hears of it as of any alert."""
    rig.answer([3.0], [0.5])
    assert rig.polling.poll() == 30.0
    assert rig.mode() is Mode.HARD
    assert {reason.kind for reason in rig.balancer.decision.reasons} == {"alert"}
    assert rig.polling.health().state is State.OK


@pytest.mark.parametrize(
    ("values", "late_s", "said"),
    [
        (([9.0], [0.9]), 200.0, "soft latency_p95: stale; hard error_rate: stale"),
        (([None], [None]), 0.0, "soft latency_p95: missing; hard error_rate: missing"),
        (([1.0], [None]), 0.0, "hard error_rate: missing"),
    ],
)
def test_old_and_missing_values_are_a_state_and_change_nothing(
    rig: Rig, values: tuple[list[Any], ...], late_s: float, said: str
) -> None:
    """Neither is taken for zero."""
    rig.answer(*values, late_s=late_s)
    rig.polling.poll()
    assert rig.polling.health().state is State.STALE
    assert rig.polling.health().error == said
    assert rig.mode() is Mode.NORMAL


def test_a_value_that_goes_stale_does_not_clear_what_it_raised(rig: Rig) -> None:
    """The alert ends with its lifetime."""
    rig.answer([3.0], [0.0])
    rig.polling.poll()
    assert rig.mode() is Mode.SOFT
    rig.answer([None], [None])
    rig.polling.poll()
    assert rig.mode() is Mode.SOFT


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (401, "the API key was not accepted (401)"),
        (403, "not allowed (403)"),
        (429, "the rate limit is used up (429)"),
        (500, "Datadog has trouble itself (500)"),
        (503, "Datadog has trouble itself (503)"),
        ("hang", "did not answer in time"),
        ("text", "did not answer with JSON"),
        ("drop", "the connection to 127.0.0.1 was lost"),
    ],
)
def test_trouble_is_named_and_the_controller_goes_on(
    rig: Rig,
    client: Client,
    fake: Fake,
    failure: int | str,
    said: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By its own signals; and it is well again when Datadog is."""
    for _ in range(3):
        rig.answer([9.0], [0.9])
    fake.failures = [("POST", "/api/v2/query", failure)] * 3
    if failure == "hang":
        hurry(client)
    with caplog.at_level(logging.WARNING):
        assert rig.polling.poll() >= 60.0
        health = rig.polling.health()
        assert (health.state, health.failures, health.ok_at) == (State.TROUBLE, 1, None)
        assert said in health.error
        assert said in caplog.text
        assert rig.mode() is Mode.NORMAL
        fake.failures = []
        fake.series = []
        rig.answer([1.0], [0.0])
        rig.polling.poll()
    assert rig.polling.health().state is State.OK
    assert "fresh again" in caplog.text


def test_a_site_that_is_not_there_is_named(rig: Rig) -> None:
    """With where to look."""
    nowhere = Settings(api_key="a" * 32, app_key="b" * 32, host="http://127.0.0.1:1")
    with Client(nowhere, sleep=lambda _seconds: None) as client:
        polling = Polling(rig.balancer, client, Target(service="shop"))
        polling.poll()
    assert "cannot be reached; check DD_SITE" in polling.health().error


def test_an_answer_that_makes_no_sense_is_trouble(rig: Rig, fake: Fake) -> None:
    """And not the end of the thread."""
    fake.series.append({"times": 7, "values": "x", "series": [{"query_index": 0}]})
    rig.polling.poll()
    assert rig.polling.health().state is State.TROUBLE
    rig.answer([1.0], [0.0])
    rig.polling.poll()
    assert rig.polling.health().state is State.OK


def test_another_policy_is_asked_for_from_the_next_poll(rig: Rig, fake: Fake) -> None:
    """What only the old one could clear is cleared, at once."""
    rig.answer([3.0], [0.0])
    rig.polling.poll()
    assert rig.mode() is Mode.SOFT
    rig.balancer.use(parse_policy(OTHER))
    rig.answer([0.0])
    rig.polling.poll()
    assert len(fake.requests[-1][2]["data"]["attributes"]["formulas"]) == 1
    rig.mode()
    assert [reason.kind for reason in rig.balancer.decision.reasons] != ["alert"]
    assert rig.balancer.status().override is None


def test_a_policy_without_rules_asks_for_nothing(client: Client, fake: Fake) -> None:
    """There is nothing to ask."""
    balancer = Balancer(replace(parse_policy("law: none"), rules=()), clock=ManualClock())
    polling = Polling(balancer, client, Target(service="shop"))
    polling.poll()
    assert fake.requests == []
    balancer.close()


def test_the_thread_polls_and_ends_at_once(client: Client, fake: Fake) -> None:
    """Also in the middle of a wait."""
    rig = Rig(client, fake)
    rig.answer([1.0], [0.0])
    rig.polling.start()
    until(lambda: rig.polling.polled().at is not None)
    with at_once():
        rig.polling.close(GIVE_UP_S)
    assert [reading.value for reading in rig.polling.polled().readings] == [1.0, 0.0]
    rig.balancer.close()
