"""Talks to the admin API of a running mock Gemini."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

from balancer.core.errors import InputError

__all__ = ["Admin"]

_TIMEOUT_S = 30.0


class Admin:
    """The admin API.

    Args:
        url: where it listens.
        token: its bearer token.
    """

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token

    def health(self) -> dict[str, Any]:
        """Whether it is well, and the scenario's time; "degraded" with a problem if not."""
        return self._ask("GET", "/health")

    def counters(self) -> dict[str, Any]:
        """Counts by model since second 0."""
        return self._ask("GET", "/counters")

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """Calls that are over, from a number on."""
        found: list[dict[str, Any]] = []
        while page := self._ask("GET", f"/calls?after={after}")["calls"]:
            found += page
            after = page[-1]["number"] + 1
        return found

    def faults(self) -> dict[str, dict[str, Any]]:
        """Faults that play, by name."""
        return {entry["name"]: entry for entry in self._ask("GET", "/faults")["faults"]}

    def put_fault(self, name: str, fault: Mapping[str, Any]) -> None:
        """Play a fault in place of one of this name, from now on unless it says `at`.

        Args:
            name: of the fault.
            fault: as in a scenario file; without `at` it starts now, without `for` it stays.
        """
        self._ask("PUT", f"/faults/{quote(name, safe='')}", fault)

    def drop_fault(self, name: str) -> None:
        """Switch a fault off for good."""
        self._ask("DELETE", f"/faults/{quote(name, safe='')}")

    def set_clock(self, epoch: float) -> None:
        """Play the scenario from second 0 on, which is at this Unix time."""
        self._ask("POST", "/clock", {"epoch": epoch})

    def _ask(self, verb: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Ask for one thing.

        Raises:
            InputError: it was refused, or nobody answers.
        """
        request = Request(  # noqa: S310  # the URL is the mock's own
            self._url + path,
            data=None if body is None else json.dumps(body).encode(),
            headers={"authorization": f"Bearer {self._token}", "content-type": "application/json"},
            method=verb,
        )
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as response:  # noqa: S310
                found: dict[str, Any] = json.load(response)
        except HTTPError as error:
            with error:
                said = json.load(error)
            if path == "/health":
                return dict(said)
            raise InputError(str(said.get("error", said)), where=f"{verb} {path}") from None
        except (URLError, HTTPException, OSError) as error:
            raise InputError(f"the mock Gemini does not answer: {error}", where=self._url) from None
        return found
