"""Who may call through the proxy: how often an address may, and with which key."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from ..access import Peer, matches
from ..limits import Rates
from ..settings import Settings
from .answers import Refusal
from .reading import has_key

__all__ = ["Callers", "given_key"]


class Callers:
    """Lets callers in, or refuses them.

    Args:
        settings: client keys, the service's own key, and how often an address may call.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._rates = Rates(settings.proxied_per_s)

    def check(
        self,
        scope: MutableMapping[str, Any],
        known: Mapping[bytes, bytes],
        *,
        own_key: bool,
        invited: bool = False,
    ) -> None:
        """Refuse a caller who may not call.

        Args:
            scope: of ASGI.
            known: headers by name, lower case.
            own_key: whether the service's own key is sent with the call.
            invited: the URL was given by us to a caller who had a key.

        Raises:
            Refusal: 401, 403 or 429.
        """
        client = scope.get("client")
        address = client[0] if client else ""
        wait_s = self._rates.wait_s(address)
        if wait_s:
            raise Refusal(
                429,
                f"too many calls from this address. Please retry in {wait_s:.3f}s.",
                [(b"retry-after", b"%d" % (int(wait_s) + 1))],
            )
        if self._settings.client_keys:
            given = given_key(scope["query_string"], known)
            # All are compared, so that the time does not tell which one was near.
            found = [matches(given, key) for key in self._settings.client_keys]
            if not (any(found) or invited):
                raise Refusal(401, "API key not valid: it is none of this service's client keys.")
        elif own_key and not _is_local(address, known):
            # The service's key pays: no stranger may spend it.
            raise Refusal(
                401,
                "this service pays for its callers and has no client keys, so that only this "
                "machine may call; set OPEN_BALANCER_CLIENT_KEYS where it runs",
            )


def _is_local(address: str, known: Mapping[bytes, bytes]) -> bool:
    said = {name.decode("latin-1"): value.decode("latin-1") for name, value in known.items()}
    return Peer(address, said).local


def given_key(query: bytes, known: Mapping[bytes, bytes]) -> str:
    """The API key that a caller gives: Gemini's header, the query, or OpenAI's bearer; or ""."""
    found = known.get(b"x-goog-api-key", b"").decode("latin-1") or has_key(query)
    if found:
        return found
    scheme, _, token = known.get(b"authorization", b"").decode("latin-1").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""
