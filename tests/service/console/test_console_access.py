"""Who gets into the console, and what a page of another site cannot do."""

from __future__ import annotations

import httpx
import pytest

from balancer.core.errors import InputError
from balancer.service.console_use import ConsoleUse, Person, Role, console_use
from balancer.service.history.tables import AUDIT
from balancer.service.settings import Settings
from tests.service.conftest import TOKEN, Service, Start
from tests.service.console.conftest import csrf, log_in

VIEWER = Person(name="vera", role=Role.VIEWER, token="a-viewers-own-token")  # noqa: S106
OPERATOR = Person(name="otto", role=Role.OPERATOR, token="an-operators-token")  # noqa: S106
USE = ConsoleUse(people=(VIEWER, OPERATOR))


def audited(service: Service) -> list[tuple[str, str]]:
    """Who did what, the first one first."""
    store = service.app.state.dependencies.store
    assert store.flush()
    return [(row["who"], row["what"]) for row in reversed(store.page(AUDIT, limit=50).rows)]


# ------------------------------------------------------------------------- without a token


def test_without_a_token_this_machine_needs_no_log_in(open_service: Service) -> None:
    """It works at once, and says that it is not locked."""
    with open_service.client(follow_redirects=True, headers={"accept": "text/html"}) as client:
        page = client.get("/")
    assert page.status_code == 200
    assert page.url.path == "/console"
    assert "not locked" in page.text


def test_without_a_token_others_stay_out(open_service: Service) -> None:
    """Through a proxy, and under another name (DNS rebinding)."""
    with open_service.client() as client:
        assert client.get("/console", headers={"x-forwarded-for": "192.0.2.1"}).status_code == 403
        assert client.get("/console", headers={"host": "evil.example"}).status_code == 403


def test_a_change_needs_the_sessions_secret(open_service: Service) -> None:
    """Neither a form of another site nor one without the secret does anything."""
    with open_service.client() as client:
        secret = csrf(client.get("/console"))
        for headers, data in (
            ({"origin": "https://evil.example"}, {"csrf": secret}),
            ({}, {"go": ""}),
            ({}, {"csrf": "x" * len(secret)}),
        ):
            answer = client.post("/console/logout", headers=headers, data=data)
            assert answer.status_code == 403
        assert client.post("/console/logout", content=b"{}").status_code == 415
        assert client.post("/console/logout", data={"csrf": secret}).status_code == 303


# ---------------------------------------------------------------------------- with a token


def test_with_a_token_pages_ask_for_a_log_in(service: Service) -> None:
    """And lead back to where one was going."""
    with httpx.Client(base_url=service.url) as client:
        answer = client.get("/console/brownout?tab=yaml")
        assert answer.status_code == 303
        assert (
            answer.headers["location"] == "/console/login?next=%2Fconsole%2Fbrownout%3Ftab%3Dyaml"
        )
        wrong = client.post(answer.headers["location"], data={"token": "guessed"})
        assert wrong.status_code == 401
        right = client.post(answer.headers["location"], data={"token": TOKEN})
        assert right.headers["location"] == "/console/brownout?tab=yaml"
        assert client.get("/console").status_code == 200
    assert audited(service) == [("nobody", "log-in refused"), ("admin", "log in")]


@pytest.mark.parametrize(
    "elsewhere", ["https://evil.example/", "//evil.example", "/console\\evil", "/api/metrics"]
)
def test_a_log_in_leads_to_the_console_only(service: Service, elsewhere: str) -> None:
    """Whatever the link says."""
    with httpx.Client(base_url=service.url) as client:
        answer = client.post("/console/login", params={"next": elsewhere}, data={"token": TOKEN})
    assert answer.headers["location"] == "/console"


@pytest.mark.parametrize("tls", [False, True])
def test_the_cookie_is_for_this_site_and_no_script(service: Service, tls: bool) -> None:
    """And behind TLS for TLS only."""
    headers = {"x-forwarded-proto": "https"} if tls else {}
    with httpx.Client(base_url=service.url) as client:
        answer = client.post("/console/login", data={"token": TOKEN}, headers=headers)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert ("secure" in cookie) is tls


def test_log_ins_are_limited(service: Service) -> None:
    """Of one address; the right token has to wait, too."""
    with httpx.Client(base_url=service.url) as client:
        answers = [client.post("/console/login", data={"token": "guess"}) for _ in range(12)]
        last = client.post("/console/login", data={"token": TOKEN})
    assert answers[0].status_code == 401
    assert answers[-1].status_code == last.status_code == 429
    assert int(last.headers["retry-after"]) >= 1


def test_logging_out_ends_the_session(service: Service) -> None:
    """For whoever kept its cookie, too."""
    with log_in(service, TOKEN) as client:
        kept = dict(client.cookies)
        assert client.post("/console/logout", data={"go": ""}).status_code == 303
    with httpx.Client(base_url=service.url, cookies=kept) as thief:
        assert thief.get("/console").status_code == 303


def test_a_viewer_only_looks(start: Start) -> None:
    """And says so, with nothing changed."""
    service = start(console=USE)
    with log_in(service, VIEWER.token) as client:
        assert "vera · viewer" in client.get("/console").text
        refused = client.post("/console/brownout/hold", data={"mode": "soft"})
    assert refused.status_code == 403
    assert "vera is a viewer" in refused.text
    assert service.balancer.status().override is None


def test_in_public_mode_anybody_looks_and_nobody_changes(start: Start) -> None:
    """It is off by default."""
    service = start(console=ConsoleUse(public=True))
    with httpx.Client(base_url=service.url) as client:
        page = client.get("/console")
        assert page.status_code == 200
        assert csrf(page) == ""
        answer = client.post("/console/brownout/hold", data={"mode": "soft", "csrf": ""})
    assert answer.status_code == 401


def test_every_answer_forbids_what_a_page_does_not_need(open_service: Service) -> None:
    """No inline script, no frame, nothing from elsewhere."""
    with open_service.client() as client:
        for path in ("/console", "/console/nowhere", "/console/static/console.css"):
            headers = client.get(path).headers
            assert "script-src 'self';" in headers["content-security-policy"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["x-content-type-options"] == "nosniff"


# -------------------------------------------------------------------------------- settings


def test_users_come_from_the_environment() -> None:
    """Each with a name, a role and a token."""
    environment = {
        "OPEN_BALANCER_CONSOLE_USERS": f"vera:viewer:{VIEWER.token}, "
        f"otto:operator:{OPERATOR.token}",
        "OPEN_BALANCER_CONSOLE_PUBLIC": "on",
    }
    assert console_use(environment) == ConsoleUse(people=(VIEWER, OPERATOR), public=True)
    assert console_use({}) == ConsoleUse()


@pytest.mark.parametrize(
    ("users", "said"),
    [
        ("vera", "NAME:ROLE:TOKEN"),
        ("vera:viwer:0123456789abcdef", "did you mean 'viewer'"),
        ("vera:viewer:short", "at least 16 characters"),
        ("vera:viewer:0123456789abcdef,vera:admin:0123456789abcdee", "twice"),
    ],
)
def test_users_that_cannot_be_meant_are_refused(users: str, said: str) -> None:
    """Without their tokens in the message."""
    with pytest.raises(InputError, match=said) as refused:
        console_use({"OPEN_BALANCER_CONSOLE_USERS": users})
    assert "0123456789" not in str(refused.value)


def test_users_need_a_lock() -> None:
    """Without the service's token nobody would be asked."""
    with pytest.raises(InputError, match="OPEN_BALANCER_TOKEN"):
        Settings(console=USE)
