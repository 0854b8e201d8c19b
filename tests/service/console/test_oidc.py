"""Log-in through an OpenID provider, a small one on this machine."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from balancer.core.errors import InputError
from balancer.service.console.oidc import role_of
from balancer.service.console_use import ConsoleUse, OidcUse, Role, console_use
from balancer.service.history.tables import AUDIT
from tests.service.conftest import Service, Start

pytest.importorskip("joserfc", reason="the extra oidc is not installed")
ROLES = {"ops": Role.OPERATOR, "admins": Role.ADMIN}
SECRET = "the-clients-own-secret"  # noqa: S105


@dataclass
class Provider:
    """A provider: what it says of the next log-in, and what it was asked."""

    key: Any
    url: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    nonce: str = ""
    challenge: str = ""
    asked: dict[str, list[str]] = field(default_factory=dict)
    signs_with: Any = None

    def token(self) -> str:
        """An ID token, as the claims say."""
        from joserfc import jwt

        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": "console",
            "sub": "7",
            "nonce": self.nonce,
            "iat": now,
            "exp": now + 300,
            "email": "ana@example.org",
        }
        claims |= self.claims
        return jwt.encode({"alg": "RS256"}, claims, self.signs_with or self.key)


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _say(self, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/keys":
                self._say({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._say(
                    {
                        "issuer": provider.url,
                        "authorization_endpoint": f"{provider.url}/authorize",
                        "token_endpoint": f"{provider.url}/token",
                        "jwks_uri": f"{provider.url}/keys",
                    }
                )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            provider.asked = parse_qs(body)
            self._say({"access_token": "x", "token_type": "Bearer", "id_token": provider.token()})

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Say nothing."""

    return Handler


@pytest.fixture(scope="module")
def keys() -> tuple[Any, Any]:
    """Of the provider, and of somebody else."""
    from joserfc.jwk import RSAKey

    own, other = (RSAKey.generate_key(2048, {"kid": "one"}) for _ in range(2))
    return own, other


@pytest.fixture
def provider(keys: tuple[Any, Any]) -> Iterator[Provider]:
    """Listening."""
    found = Provider(key=keys[0])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(found))
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield found
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def service(start: Start, provider: Provider) -> Service:
    """With the provider."""
    use = OidcUse(issuer=provider.url, client_id="console", client_secret=SECRET, roles=ROLES)
    return start(console=ConsoleUse(oidc=use))


def begin(client: httpx.Client, provider: Provider) -> str:
    """Go to the provider; the state it was given."""
    answer = client.get("/console/oidc/begin?next=/console/runs")
    assert answer.headers["location"].startswith(f"{provider.url}/authorize?")
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    assert asked["code_challenge_method"] == ["S256"]
    provider.nonce, provider.challenge = asked["nonce"][0], asked["code_challenge"][0]
    return asked["state"][0]


def test_somebody_of_the_organisation_logs_in(service: Service, provider: Provider) -> None:
    """With the role of their groups, and on to where they were going."""
    provider.claims = {"groups": ["staff", "ops"]}
    with httpx.Client(base_url=service.url) as client:
        assert "Log in with your organisation" in client.get("/console/login").text
        state = begin(client, provider)
        back = client.get(f"/console/oidc/back?state={state}&code=abc")
        assert back.status_code == 200
        assert 'content="0;url=/console/runs"' in back.text
        assert "ana@example.org · operator" in client.get("/console/runs").text
        assert client.get(f"/console/oidc/back?state={state}&code=abc").status_code == 401
    assert provider.asked["code"] == ["abc"]
    assert len(provider.asked["code_verifier"][0]) >= 43
    store = service.app.state.dependencies.store
    assert store.flush()
    what = [row["what"] for row in store.page(AUDIT, limit=9).rows]
    assert what == ["log-in refused", "log in"]


def test_a_browser_that_began_nothing_is_refused(service: Service, provider: Provider) -> None:
    """Whoever is lured to the way back has not the cookie of the state."""
    provider.claims = {"groups": "ops"}
    with httpx.Client(base_url=service.url) as client:
        state = begin(client, provider)
    with httpx.Client(base_url=service.url) as victim:
        answer = victim.get(f"/console/oidc/back?state={state}&code=abc")
        assert answer.status_code == 401
        assert victim.get("/console").status_code == 303


def test_a_state_of_any_text_is_refused(service: Service) -> None:
    """Before anybody has begun to log in."""
    with httpx.Client(base_url=service.url) as client:
        for state in ("%C3%A9", "%00", "%ff", ""):
            for cookie in (b"a=b", b"open_balancer_oidc=\xe9"):
                address = f"/console/oidc/back?state={state}&code=abc"
                assert client.get(address, headers={b"cookie": cookie}).status_code == 401


def test_a_name_that_no_page_can_show_is_mended(service: Service, provider: Provider) -> None:
    """A provider may send any text; the log-in is kept all the same."""
    provider.claims = {"groups": ["ops"], "email": "a\0na@example.org"}
    with httpx.Client(base_url=service.url) as client:
        state = begin(client, provider)
        assert client.get(f"/console/oidc/back?state={state}&code=abc").status_code == 200
        assert "a\ufffdna@example.org · operator" in client.get("/console/runs").text
    store = service.app.state.dependencies.store
    assert store.flush()
    assert store.page(AUDIT, limit=1).rows[0]["who"] == "a\ufffdna@example.org"


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "another"},
        {"iss": "https://another.example"},
        {"exp": 1},
        {"nonce": "another"},
        {"sub": None},
    ],
)
def test_a_token_for_something_else_is_refused(
    service: Service, provider: Provider, claims: dict[str, Any]
) -> None:
    """Of another audience, issuer, time or log-in, or of nobody."""
    provider.claims = {"groups": "ops", **claims}
    with httpx.Client(base_url=service.url) as client:
        state = begin(client, provider)
        answer = client.get(f"/console/oidc/back?state={state}&code=abc")
        assert answer.status_code == 401
        assert "not valid" in answer.text


def test_a_token_that_another_signed_is_refused(
    service: Service, provider: Provider, keys: tuple[Any, Any]
) -> None:
    """Whatever it says."""
    provider.claims, provider.signs_with = {"groups": "ops"}, keys[1]
    with httpx.Client(base_url=service.url) as client:
        state = begin(client, provider)
        assert client.get(f"/console/oidc/back?state={state}&code=abc").status_code == 401


def test_somebody_without_a_role_stays_out(service: Service, provider: Provider) -> None:
    """Though the provider knows them; and so does whom it refuses."""
    provider.claims = {"groups": ["staff"]}
    with httpx.Client(base_url=service.url) as client:
        state = begin(client, provider)
        answer = client.get(f"/console/oidc/back?state={state}&code=abc")
        assert answer.status_code == 403
        state = begin(client, provider)
        answer = client.get(f"/console/oidc/back?state={state}&error=access_denied")
        assert answer.status_code == 401
        assert "access_denied" in answer.text


def test_a_provider_that_is_away_is_said(start: Start) -> None:
    """And the token still logs in."""
    use = OidcUse(
        issuer="http://127.0.0.1:9", client_id="console", client_secret=SECRET, roles=ROLES
    )
    service = start(console=ConsoleUse(oidc=use))
    with httpx.Client(base_url=service.url) as client:
        answer = client.get("/console/oidc/begin")
        assert answer.status_code == 503
        assert re.search("provider does not answer", answer.text)


def test_the_highest_role_counts() -> None:
    """And a star is for all."""
    use = OidcUse(issuer="https://x", client_id="c", client_secret=SECRET, roles=ROLES)
    assert role_of({"groups": ["ops", "admins"]}, use) is Role.ADMIN
    assert role_of({"groups": "ops"}, use) is Role.OPERATOR
    assert role_of({"groups": 7}, use) is None
    assert role_of({"groups": [{"name": "ops"}, ["ops"], "ops"]}, use) is Role.OPERATOR
    everybody = OidcUse(
        issuer="https://x", client_id="c", client_secret=SECRET, roles={"*": Role.VIEWER}
    )
    assert role_of({}, everybody) is Role.VIEWER


def test_a_provider_comes_from_the_environment() -> None:
    """Whole, or not at all."""
    environment = {
        "OPEN_BALANCER_OIDC_ISSUER": "https://login.example.org/",
        "OPEN_BALANCER_OIDC_CLIENT_ID": "console",
        "OPEN_BALANCER_OIDC_CLIENT_SECRET": SECRET,
        "OPEN_BALANCER_OIDC_ROLES": "ops:operator, *:viewer",
    }
    found = console_use(environment).oidc
    assert found is not None
    assert (found.issuer, found.claim) == ("https://login.example.org", "groups")
    assert found.roles == {"ops": Role.OPERATOR, "*": Role.VIEWER}
    assert SECRET not in repr(found)
    for change, said in (
        ({"OPEN_BALANCER_OIDC_ROLES": ""}, "beside it"),
        ({"OPEN_BALANCER_OIDC_ROLES": "ops"}, "VALUE:ROLE"),
        ({"OPEN_BALANCER_OIDC_ROLES": "ops:operatr"}, "did you mean 'operator'"),
        ({"OPEN_BALANCER_OIDC_ISSUER": "http://login.example.org"}, "https"),
    ):
        with pytest.raises(InputError, match=said):
            console_use(environment | change)
