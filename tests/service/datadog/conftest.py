"""A Datadog over loopback, the real client to it, and a history."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.settings import Settings
from balancer.service.history import Store
from tests.adapters.datadog.fake import API_KEY, APP_KEY, Fake, a_datadog
from tests.waiting import GIVE_UP_S


@pytest.fixture
def fake() -> Iterator[Fake]:
    """A Datadog that keeps what it is given."""
    with a_datadog() as fake:
        yield fake


@pytest.fixture
def settings(fake: Fake) -> Settings:
    """Keys, and where it is."""
    return Settings(api_key=API_KEY, app_key=APP_KEY, host=fake.url)


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """The real client, which waits for nothing."""
    with Client(settings, read_s=GIVE_UP_S, sleep=lambda _seconds: None) as client:
        yield client


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An open history."""
    store = Store(f"sqlite:///{tmp_path / 'history.sqlite3'}", retry_s=0.02)
    store.open()
    yield store
    store.close()
