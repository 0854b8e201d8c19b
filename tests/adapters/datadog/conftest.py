"""A Datadog over loopback, and the real client to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.settings import Settings
from tests.adapters.datadog.fake import API_KEY, APP_KEY, Fake, a_datadog
from tests.waiting import GIVE_UP_S


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A Datadog that keeps what it is given."""
    with a_datadog() as fake:
        yield fake


@pytest.fixture
def waits() -> list[float]:
    """How long the client waited between tries, instead of waiting."""
    return []


@pytest.fixture
def client(fake: Fake, waits: list[float]) -> Iterator[Client]:
    """The real client."""
    settings = Settings(api_key=API_KEY, app_key=APP_KEY, host=fake.url)
    with Client(settings, read_s=GIVE_UP_S, sleep=waits.append) as client:
        yield client
