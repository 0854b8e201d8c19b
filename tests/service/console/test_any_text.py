"""Any text in any page's address and form: it is shown or refused, and never a failure of ours."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi.openapi.utils import get_openapi

from balancer.service.console.app import pages_of
from balancer.service.console.forms import Form
from balancer.service.console.gate import LOGOUT
from balancer.service.console_use import ConsoleUse, OidcUse, Role
from balancer.service.history.tables import AUDIT, ORDERS, VIEWS
from balancer.service.problems import Problem
from tests.service.conftest import TOKEN, Service, serving
from tests.service.console.conftest import log_in
from tests.waiting import GIVE_UP_S, until

pytestmark = pytest.mark.slow

VALUES = (
    "%00", "a%00b", "%00.png", "%ff", "%ed%a0%80", "%F4%90%80%80", "%C3%A9", "%EF%BF%BF", "%",
    "..%2f..%2fx", "%2e%2e/x", "x" * 300, "x" * 5000, "9" * 400, "9" * 5000, "-1", str(2**63),
    str(2**70), "NaN", "",
)  # fmt: skip
FORM = {
    "mode": "soft", "reason": "a drill", "duration": "5m", "text": "name: a", "if_version": "",
    "policy": "default", "prompt": "hi", "model": "gemini-2.5-flash", "kind": "run",
    "scenario": "quiet_day", "replications": "20", "metric": "latency_p95", "split": "",
    "range": "1h", "name": "a view", "token": "none", "soft-error_rate": "7%", "hours": "1",
}  # fmt: skip
KIND = {"content-type": "application/x-www-form-urlencoded"}
OIDC = OidcUse(issuer="http://127.0.0.1:1", client_id="a", client_secret="b",  # noqa: S106
               roles={"*": Role.VIEWER})  # fmt: skip


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """With a run, an incident, a view and an OpenID provider that is away."""
    data = tmp_path_factory.mktemp("any") / "data"
    job = {"number": 1, "kind": "run", "title": "t", "words": [], "who": "w", "asked_at": 1.0,
           "state": "done", "code": 0}  # fmt: skip
    (data / "runs" / "0001").mkdir(parents=True)
    (data / "runs" / "0001" / "job.json").write_text(json.dumps(job))
    (data / "runs" / "0001" / "candidate.yaml").write_text("name: a")
    how: dict[str, Any] = {"mutations_per_s": 1e6, "reads_per_s": 1e6}
    with serving(data, console=ConsoleUse(oidc=OIDC), **how) as running:
        console = running.app.state.console

        async def start(*_given: object) -> object:
            raise Problem(429, "no run is started by this test")

        console.jobs.start = start
        running.wait_for_tick()
        store = console.dependencies.store
        store.add_now(VIEWS, at=1.0, who="w", name="v", query="")
        with running.client(headers={"content-type": "application/json"}) as client:
            order = {"mode": "hard", "reason": "a drill", "duration": "1h"}
            assert client.post("/api/brownout", json=order).status_code == 200
            until(lambda: client.get("/api/incidents/1").status_code == 200, "an incident")
        yield running


@pytest.fixture(scope="module")
def client(service: Service) -> Iterator[httpx.Client]:
    """Logged in once: who tries often has to wait."""
    with log_in(service, TOKEN) as found:
        yield found


def routes(service: Service, method: str) -> dict[str, list[str]]:
    """Addresses of all pages, with the parameters of each."""
    app = pages_of(service.app.state.console)
    paths = get_openapi(title="", version="", routes=app.routes)["paths"]
    assert len(paths) > 40
    return {
        path: [each["name"] for each in taken[method].get("parameters", ())
               if each["in"] == "query"]
        for path, taken in paths.items()
        if method in taken and path != LOGOUT
    }  # fmt: skip


def checked(answer: httpx.Response, *what: object) -> None:
    """A page or a refusal; a provider that is away is one."""
    assert answer.status_code < 500 or answer.status_code == 503, (*what, answer.status_code)
    if answer.status_code == 503:
        assert "OpenID" in answer.text, what


def place(path: str, value: str) -> str:
    """An address with this for whatever is open in it."""
    return re.sub(r"\{[^}]+\}", value, path)


def test_any_text_in_any_address(service: Service, client: httpx.Client) -> None:
    """In the path, and in every parameter."""
    for path, names in routes(service, "get").items():
        for value in VALUES:
            addresses = [f"{place(path, '1')}?{name}={value}" for name in (*names, "next")]
            for address in (place(path, value), *addresses):
                checked(client.get(address), address[:80])


def test_only_what_was_listed_is_sent(service: Service, client: httpx.Client) -> None:
    """Neither a name that no file can have, nor what a link leads to elsewhere."""
    home = service.settings.data / "runs" / "0001"
    (home / "out.txt").symlink_to(service.settings.data / "owner")
    for name in ("%00.png", "x" * 300, "images/%00", "..%2fowner", "out.txt"):
        for folder in ("runs/1/files", "help/files"):
            assert client.get(f"/console/{folder}/{name}").status_code == 404
    assert client.get("/console/runs/1/files/candidate.yaml").text == "name: a"


def test_any_bytes_in_any_address(service: Service, client: httpx.Client) -> None:
    """Not even escaped: whatever the parser lets through."""
    url = httpx.URL(service.url)
    cookies = "; ".join(f"{name}={value}" for name, value in client.cookies.items())

    def asked(path: bytes, cookie: str) -> bytes:
        with socket.create_connection((url.host, url.port or 80), GIVE_UP_S) as caller:
            head = f" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: {cookie}\r\n\r\n"
            caller.sendall(b"GET " + path + head.encode())
            return caller.makefile("rb").readline().split(b" ", 2)[1]

    for path in routes(service, "get"):
        plain = place(path, "1").encode()
        for rest in (b"\xff", b"\xc3\xa9", b"\xed\xa0\x80"):
            for address in (plain + rest, plain + b"?next=" + rest):
                for cookie in (cookies, "a=b"):
                    status = asked(address, cookie)
                    assert status in (b"200", b"303", b"400", b"404", b"422", b"429", b"503"), (
                        address, status,
                    )  # fmt: skip


def test_any_text_in_any_form(
    service: Service, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In each field that a page reads beside others that are well, and as a field's name."""
    read: set[str] = set()

    def noted(form: Form, name: str) -> str:
        read.add(name)
        return dict.get(form, name, "")

    monkeypatch.setattr(Form, "__getitem__", noted)
    plain = {name: quote(value) for name, value in FORM.items()}

    def sent(path: str, name: bytes, value: bytes) -> None:
        rest = "&".join(f"{n}={v}" for n, v in plain.items() if n.encode() != name)
        body = rest.encode() + b"&" + name + b"=" + value
        checked(client.post(path, content=body, headers=KIND), path, name[:20], value[:20])

    for path in routes(service, "post"):
        for value in VALUES if "{" in path else ():
            sent(place(path, value), b"reason", b"x")
        read.clear()
        sent(place(path, "1"), b"reason", b"x")
        for name in sorted(read & set(FORM)):
            for value in VALUES:
                sent(place(path, "1"), name.encode(), value.encode())
        for given in (b"\xff", b"%ff", b"%00", b"\x00"):
            sent(place(path, "1"), b"reason", given)
            sent(place(path, "1"), given, b"x")


def test_no_order_is_given_whose_reason_the_history_cannot_hold(
    service: Service, client: httpx.Client
) -> None:
    """It would be in force, and nobody could read who gave it."""
    store = service.app.state.dependencies.store
    assert store.flush()
    before = [len(store.page(table, limit=1000).rows) for table in (AUDIT, ORDERS)]
    for path, form in (
        ("hold", {"mode": "emergency", "duration": "5m"}),
        ("kill", {}),
        ("policy/apply", {"text": "name: hidden"}),
    ):
        given = {**form, "reason": "hidden\0"}
        assert client.post(f"/console/brownout/{path}", data=given).status_code == 400
    status = service.balancer.status()
    assert (status.bypass, service.balancer.policy.name != "hidden") == ("", True)
    assert store.flush()
    assert before == [len(store.page(table, limit=1000).rows) for table in (AUDIT, ORDERS)]


def test_a_version_that_is_none_changes_nothing(service: Service, client: httpx.Client) -> None:
    """Taken for no version at all, the policy would come into force whatever was in between."""
    before = service.balancer.policy
    for number in ("9" * 5000, "x", "-1", "0"):
        form = {"text": "name: other", "reason": "r", "if_version": number}
        answer = client.post("/console/brownout/policy/apply", data=form)
        assert answer.status_code == 422
        assert "load the page again" in answer.text
    assert service.balancer.policy is before
