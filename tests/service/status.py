"""The service's status, as its API gives it."""

from __future__ import annotations

from typing import Any

import httpx

from tests.waiting import until

__all__ = ["status", "status_with"]


def status(client: httpx.Client) -> dict[str, Any]:
    """As it is now; who asks too often is told to wait."""

    def look() -> dict[str, Any] | None:
        answer = client.get("/api/brownout")
        return None if answer.status_code == 429 else answer.json()

    found = until(look, "the status is told")
    assert found is not None
    return found


def status_with(client: httpx.Client, **expected: Any) -> dict[str, Any]:
    """Once it is as expected; orders count from the end of a tick."""

    def look() -> dict[str, Any] | None:
        found = status(client)
        as_expected = all(found[name] == value for name, value in expected.items())
        return found if as_expected else None

    found = until(look, f"{expected}")
    assert found is not None
    return found
