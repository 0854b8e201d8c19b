"""Datadog's deliveries, from the socket to the mode that calls are served in."""

from __future__ import annotations

import time
from typing import Any

import httpx
import pytest

from balancer.core.errors import InputError
from balancer.core.modes import Mode
from balancer.policy_file import parse_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.clock import ManualClock
from balancer.service.settings import Settings
from balancer.webhook import WEBHOOK_PATH
from tests.service.conftest import TOKEN, UNCHANGED, Service, Start
from tests.waiting import GIVE_UP_S
from tests.webhook.test_delivery import body

SECRET = "0123456789abcdef" * 2


def deliver(
    service: Service, secret: str = SECRET, content: bytes | None = None, **said: Any
) -> httpx.Response:
    """What the service answers to a delivery about just now."""
    payload = body(**({"date": round(time.time() * 1000)} | said)) if content is None else content
    headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
    return httpx.post(
        service.url + WEBHOOK_PATH, content=payload, headers=headers, timeout=GIVE_UP_S
    )


def ask(service: Service) -> Any:
    """What GET says."""
    with service.client() as client:
        return client.get(WEBHOOK_PATH).json()


def wait_for(service: Service, mode: Mode) -> None:
    """Until the next few ticks have decided on a mode."""
    for _ in range(4):
        if service.balancer.decision.mode is mode:
            return
        service.wait_for_next_tick()
    assert service.balancer.decision.mode is mode


def test_a_delivery_changes_the_mode(start: Start) -> None:
    """At the next tick; and its recovery takes that back from the reasons."""
    service = start(webhook_secrets=(SECRET,))
    service.wait_for_tick()
    answer = deliver(service)
    assert (answer.status_code, answer.json()["verdict"]) == (202, "accepted")
    wait_for(service, Mode.HARD)
    assert [reason.kind for reason in service.balancer.decision.reasons] == ["alert"]


def test_the_same_delivery_twice_is_said_to_be_one(start: Start) -> None:
    """With a status that ends Datadog's tries."""
    service = start(webhook_secrets=(SECRET,))
    date = round(time.time() * 1000)
    assert [deliver(service, date=date).status_code for _ in range(2)] == [202, 200]


@pytest.mark.parametrize(
    ("secret", "content", "status"),
    [
        ("x" * 32, None, 401),
        (TOKEN, None, 401),
        (SECRET, b"{", 422),
        (SECRET, b" " * 70_000, 413),
        (SECRET, b" " * 2_000_000, 413),
    ],
    ids=["wrong", "the service's own token", "no JSON", "large", "too large for any route"],
)
def test_what_may_not_come_in_changes_nothing(
    start: Start, secret: str, content: bytes | None, status: int
) -> None:
    """And is told why."""
    service = start(webhook_secrets=(SECRET,))
    service.wait_for_tick()
    answer = deliver(service, secret, content)
    assert answer.status_code == status
    assert "message" in answer.json()["error"]
    service.wait_for_next_tick()
    assert service.balancer.decision.mode is Mode.NORMAL


def test_without_a_secret_nothing_comes_in(start: Start) -> None:
    """Not even from this machine: Datadog is another."""
    service = start(token=None)
    assert deliver(service).status_code == 403
    assert ask(service) == {"status": "no secret"}


def test_the_webhooks_secret_opens_no_other_door(start: Start) -> None:
    """Whoever has it may raise an alert, and nothing else."""
    service = start(webhook_secrets=(SECRET,))
    headers = {"authorization": f"Bearer {SECRET}"}
    answer = httpx.post(
        service.url + "/api/brownout", json={"mode": "hard", "reason": "x"}, headers=headers
    )
    assert answer.status_code == 401


def test_refusals_are_logged_once_a_minute(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    """A secret that is wrong in Datadog shows nowhere else; it is not shown here either."""
    service = start(webhook_secrets=(SECRET,))
    caplog.clear()
    with caplog.at_level("WARNING", "balancer.service.webhook"):
        for _ in range(3):
            assert deliver(service, "wrong" * 8).status_code == 401
    assert [record.getMessage() for record in caplog.records] == [
        "datadog: a delivery was refused (401): the Authorization header does not carry the "
        "webhook's secret"
    ]


def test_get_is_health(start: Start) -> None:
    """For whoever sets the webhook up."""
    service = start(webhook_secrets=(SECRET,))
    assert ask(service) == {"status": "ok"}


def test_get_is_health_under_the_name_that_datadog_has_for_it(start: Start) -> None:
    """Deliveries are taken under it, too, also where no token is set, once it is named."""
    service = start(token=None, webhook_secrets=(SECRET,), hosts=("balancer.example.org",))
    host = {"host": "balancer.example.org"}
    assert httpx.get(service.url + WEBHOOK_PATH, headers=host).json() == {"status": "ok"}


def test_many_monitors_may_speak_at_once(start: Start) -> None:
    """Datadog repeats nothing that was refused by a 429."""
    service = start(webhook_secrets=(SECRET,), mutations_per_s=1e-6)
    assert [deliver(service, monitor_id=str(number)).status_code for number in range(5)] == [
        202
    ] * 5


def test_guesses_at_the_secret_are_limited(start: Start) -> None:
    """As all else is that may be asked often."""
    service = start(webhook_secrets=(SECRET,), reads_per_s=1e-6)
    assert [deliver(service, "x" * 32).status_code for _ in range(2)] == [401, 429]


def test_an_answer_waits_for_no_tick(start: Start) -> None:
    """Nor for anything else: the controller's clock stands still."""
    balancer = Balancer(parse_policy(UNCHANGED), clock=ManualClock())
    service = start(balancer=balancer, webhook_secrets=(SECRET,))
    assert deliver(service).status_code == 202
    assert service.seen == []


def test_secrets_come_from_the_environment() -> None:
    """The new one first, the old one while it is still in Datadog."""
    found = Settings.from_environment({"OPEN_BALANCER_WEBHOOK_SECRET": "new, old"})
    assert found.webhook_secrets == ("new", "old")
    assert "new" not in repr(found)


def test_a_weak_secret_stops_the_start(start: Start) -> None:
    """Before anything listens."""
    from balancer.runtime.balancer import Balancer
    from balancer.service.app import create_app

    with pytest.raises(InputError, match="at least 32"):
        create_app(Balancer(), Settings(webhook_secrets=("short",)))
