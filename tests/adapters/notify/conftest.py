"""Receivers, and notifiers that are in a hurry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from balancer.adapters.notify import Delivery, Notice, Notifier, Timing, parse_channels
from balancer.adapters.notify.notice import Level
from tests.adapters.notify.receiver import Receiver, receiver
from tests.waiting import GIVE_UP_S

FAST = Timing(
    per_window=1000,
    gaps_s=(0.0,),
    timeout_s=GIVE_UP_S,
    first_retry_s=0.02,
    longest_retry_s=0.05,
)
"""Without bounds, and quick to try again."""

Make = Callable[..., Notifier]


def notice(title: str = "shop: soft brownout", level: Level = "info", key: str = "k") -> Notice:
    """One that happens now."""
    return Notice(kind="mode", level=level, title=title, text="Why: p95", at=time.time(), key=key)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def there() -> Iterator[Receiver]:
    """Where messages go."""
    with receiver() as found:
        yield found


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes notifiers: urls, then what differs from `FAST`; all are closed."""
    made: list[Notifier] = []

    def build(
        *urls: str,
        level: Level = "info",
        link: str = "",
        hear: Callable[[Delivery], object] = lambda _: None,
        **differs: object,
    ) -> Notifier:
        timing = replace(FAST, **differs)  # type: ignore[arg-type]  # named by the tests
        channels = parse_channels(" ".join(urls))
        found = Notifier(channels, level=level, service="shop", link=link, timing=timing, hear=hear)
        made.append(found)
        return found

    yield build
    for notifier in made:
        notifier.close(0.2)
    left = [thread.name for thread in threading.enumerate() if "notify" in thread.name]
    assert left == []
