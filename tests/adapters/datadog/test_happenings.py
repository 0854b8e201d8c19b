"""Events and incidents say what happened, once."""

from __future__ import annotations

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.errors import DatadogError
from balancer.adapters.datadog.happenings import (
    close_incident,
    open_incident,
    send_mode_event,
    update_incident,
)
from balancer.adapters.datadog.monitors import Target
from balancer.core.modes import Mode
from tests.adapters.datadog.fake import Fake

TARGET = Target(service="shop")
AT_S = 1_763_800_000.0


def opened(client: Client) -> str:
    """An incident of an episode."""
    return open_incident(
        client, TARGET, key="ep-1", mode=Mode.HARD, summary="short answers", at_s=AT_S
    )


def test_a_change_of_mode_is_an_event(client: Client, fake: Fake) -> None:
    """With the tags that dashboards filter by."""
    send_mode_event(
        client, TARGET, before=Mode.NORMAL, after=Mode.HARD, reason="slow " * 2000, at_s=AT_S
    )
    (event,) = fake.events
    assert event["title"] == "shop: normal → hard"
    assert (event["alert_type"], event["date_happened"]) == ("warning", 1_763_800_000)
    assert "brownout:hard" in event["tags"]
    assert len(event["text"]) < 4000


def test_an_incident_is_opened_changed_and_closed(client: Client, fake: Fake) -> None:
    """One for the whole episode."""
    number = opened(client)
    update_incident(client, number, mode=Mode.EMERGENCY, summary="least answers")
    assert fake.incidents[number]["fields"]["severity"]["value"] == "SEV-2"
    close_incident(client, number, at_s=AT_S + 600)
    (incident,) = fake.incidents.values()
    assert incident["title"] == "shop: hard brownout [ep-1]"
    assert incident["fields"]["state"]["value"] == "resolved"
    assert incident["customer_impact_start"].startswith("2025-11-22T08:26:40")
    assert incident["customer_impact_end"].startswith("2025-11-22T08:36:40")


def test_an_incident_whose_answer_was_lost_is_not_opened_twice(client: Client, fake: Fake) -> None:
    """It is found by the key of its episode."""
    fake.failures = [("POST", "/api/v2/incidents", "late")]
    assert [opened(client)] == list(fake.incidents)


def test_an_incident_that_was_not_opened_is_told(client: Client, fake: Fake) -> None:
    """The service tries again, and has it in its own store meanwhile."""
    fake.failures = [("POST", "/api/v2/incidents", 503)]
    with pytest.raises(DatadogError, match="trouble itself"):
        opened(client)
    assert fake.incidents == {}
