"""Log-in through an OpenID provider: authorization code with PKCE, the ID token checked.

What is asked of the provider is remembered here for ten minutes under a state that only the
browser that began has in a cookie. Roles come from a claim, such as groups.
"""

from __future__ import annotations

import secrets
import sys
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..access import matches
from ..console_use import OidcUse, Role
from ..problems import Problem
from ..texts import mended

if TYPE_CHECKING:
    from authlib.integrations.httpx_client import AsyncOAuth2Client

__all__ = ["Begun", "Oidc", "role_of"]

_MOST_WAITING = 1000
_LONGEST_S = 600.0
_LEEWAY_S = 60
_TIMEOUT_S = 10.0
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A log-in under way: where the browser goes, and what it shows again when it is back."""

    url: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Waiting:
    nonce: str
    verifier: str
    back: str
    then: str
    until_s: float


class Oidc:
    """A provider.

    Args:
        use: which one, and who may do what.
    """

    def __init__(self, use: OidcUse) -> None:
        self._use = use
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._found: dict[str, Any] | None = None

    def _client(self, back: str) -> AsyncOAuth2Client:
        from authlib.integrations.httpx_client import AsyncOAuth2Client

        return AsyncOAuth2Client(
            self._use.client_id,
            self._use.client_secret,
            scope="openid profile email",
            redirect_uri=back,
            code_challenge_method="S256",
            timeout=_TIMEOUT_S,
            trust_env=False,
        )

    async def _provider(self, client: AsyncOAuth2Client) -> dict[str, Any]:
        """What the provider says of itself; asked once."""
        if self._found is None:
            address = f"{self._use.issuer}/.well-known/openid-configuration"
            found = await _json(client, address)
            if found.get("issuer", "").rstrip("/") != self._use.issuer:
                raise Problem(503, "the OpenID provider gives another issuer than the one set")
            self._found = found
        return self._found

    async def begin(self, back: str, then: str) -> Begun:
        """Begin a log-in.

        Args:
            back: where the provider sends the browser back to.
            then: the page to go to afterwards.

        Raises:
            Problem: 503 where the provider does not answer.
        """
        nonce, verifier = secrets.token_urlsafe(24), secrets.token_urlsafe(48)
        async with self._client(back) as client:
            try:
                provider = await self._provider(client)
            except _failures() as error:
                raise _away(error) from None
            url, state = client.create_authorization_url(
                provider["authorization_endpoint"], nonce=nonce, code_verifier=verifier
            )
        self._waiting[state] = _Waiting(
            nonce=nonce,
            verifier=verifier,
            back=back,
            then=then,
            until_s=time.monotonic() + _LONGEST_S,
        )
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.popitem(last=False)
        return Begun(url=url, state=state)

    async def end(
        self, *, state: str, kept: str, code: str, error: str = ""
    ) -> tuple[str, Role, str]:
        """End a log-in; each state counts once.

        Args:
            state: as the provider sends it back.
            kept: as the browser's cookie has it.
            code: of the provider.
            error: of the provider, in place of a code.

        Returns:
            The name, the role, and the page to go to.

        Raises:
            Problem: 401, 403 or 503.
        """
        from authlib.integrations.base_client import OAuthError
        from joserfc.errors import JoseError

        waiting = self._waiting.pop(state, None)
        same = matches(state, kept)
        if waiting is None or not same or waiting.until_s < time.monotonic():
            raise Problem(401, "this log-in was not begun here, or too long ago; begin it again")
        if error:
            raise Problem(401, f"the OpenID provider refuses: {error}")
        async with self._client(waiting.back) as client:
            try:
                provider = await self._provider(client)
                token = await client.fetch_token(
                    provider["token_endpoint"], code=code, code_verifier=waiting.verifier
                )
                keys = await _json(client, provider["jwks_uri"])
            except OAuthError as refused:
                raise Problem(401, f"the OpenID provider refuses: {refused.error}") from None
            except _failures() as failed:
                raise _away(failed) from None
        try:
            claims = self._claims(str(token.get("id_token", "")), keys, waiting.nonce)
        except (JoseError, ValueError):
            raise Problem(401, "the OpenID provider's token is not valid") from None
        role = role_of(claims, self._use)
        found = claims.get("email") or claims.get("preferred_username") or claims["sub"]
        name = mended(str(found))[:64]
        if role is None:
            raise Problem(403, f"{name} has no role here; ask whoever runs the service")
        return name, role, waiting.then

    def _claims(self, token: str, keys: Any, nonce: str) -> dict[str, Any]:
        from joserfc import jwt
        from joserfc.jwk import KeySet

        decoded = jwt.decode(token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=_LEEWAY_S,
            iss={"essential": True, "values": [self._use.issuer, f"{self._use.issuer}/"]},
            aud={"essential": True, "value": self._use.client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(decoded.claims)
        return dict(decoded.claims)


def role_of(claims: dict[str, Any], use: OidcUse) -> Role | None:
    """The highest role that the claim's values have; None where they have none."""
    given = claims.get(use.claim, [])
    values = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    known = (value for value in (*values, "*") if isinstance(value, str) and value in use.roles)
    roles = [use.roles[value] for value in known]
    return max(roles, default=None)


async def _json(client: AsyncOAuth2Client, address: str) -> Any:
    """What the provider publishes; without the token, which is not for that."""
    answer = await client.request("GET", address, withhold_token=True)
    return answer.raise_for_status().json()


def _failures() -> tuple[type[Exception], ...]:
    """Of the HTTP client that Authlib has found, which is one of two, and of what is no JSON."""
    there = (sys.modules.get(name) for name in ("httpx", "httpx2"))
    return (ValueError, *(module.HTTPError for module in there if module is not None))


def _away(error: Exception) -> Problem:
    return Problem(503, f"the OpenID provider does not answer as it should: {type(error).__name__}")
