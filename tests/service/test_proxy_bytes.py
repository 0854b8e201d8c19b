"""What the proxy passes on: paths, bytes, headers and keys."""

from __future__ import annotations

import gzip
import json
import socket

import httpx
import pytest

from tests.service.conftest import KEY, Service, Start
from tests.service.upstream import answer, body_of, error, response


def raw_status(url: str, verb: str, path: str) -> int:
    """Of a request whose path no client has put in order."""
    host, port = url.removeprefix("http://").split(":")
    head = f"{verb} {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n\r\n"
    with socket.create_connection((host, int(port)), 20) as line:
        line.sendall(head.encode() + BODY)
        return int(line.makefile("rb").readline().split()[1])


BODY = b'{ "contents" : [{"parts":[{"text":"hi"}]}],\n  "new_thing": {"a": 1.50, "b": 1e3} }'
PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("path", "upstream"),
    [
        (f"/v1{PATH[7:]}", f"/v1{PATH[7:]}"),
        (PATH, PATH),
        (f"{PATH[7:]}", PATH),
        (f"/v1alpha{PATH[7:]}", f"/v1alpha{PATH[7:]}"),
        (f"/v1beta/models/gemini-2.5-flash{PATH}", PATH),
        (f"/v1beta{PATH}", PATH),
        ("/v1beta/models/gemini-2.5-flash%3AgenerateContent", PATH),
        (
            "/v1/projects/p-1/locations/europe-west4/publishers/google/models/m-1:generateContent",
            "/v1/projects/p-1/locations/europe-west4/publishers/google/models/m-1:generateContent",
        ),
        (
            "/v1beta1/publishers/google/models/m-1:generateContent",
            "/v1beta1/publishers/google/models/m-1:generateContent",
        ),
    ],
)
def test_every_form_of_a_path_arrives_in_one_form(
    service: Service, path: str, upstream: str
) -> None:
    """However a client puts base URL and version together."""
    with service.client() as client:
        assert client.post(path, content=BODY, headers=JSON).status_code == 200
    assert service.script.asked[-1].path == upstream


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/../secrets:generateContent",
        "/v1beta/models/%2e%2e%2fsecrets:generateContent",
        "/v1beta/files/..%2f..%2fsecrets",
        "/v1beta/files/%252e%252e/secrets",
        "/v1beta/files/..%5c..%5csecrets",
        "/v1beta//files/x",
        "/v1beta/files/x;y=1",
        "/v1beta%2ffiles/x",
        "/v1beta/models/m%253AgenerateContent",
        "/v1beta/files/%0d%0aHost:%20evil.example",
        "/upload/../v1beta/files",
        "/secrets",
        "/v1beta.evil.example/files",
        "/$rpc/google.ai.generativelanguage.v1beta.GenerativeService/GenerateContent",
        "http://evil.example/secrets",
        "/v1/projects/p/locations/l.evil.example/publishers/google/models/m:generateContent",
        "/v1/projects/p/locations/@evil/publishers/google/models/m:generateContent",
        "/v1/projects/p/locations/@evil/endpoints/1:generateContent",
        "/v1/projects/p/locations/evil.example%2f/cachedContents",
        "//evil.example/v1beta/models/m:generateContent",
    ],
)
def test_no_other_path_reaches_the_upstream(service: Service, path: str) -> None:
    """The host is fixed, a path begins with a version of the API, and nothing in it leads out."""
    assert raw_status(service.url, "POST", path) in (400, 401, 403, 404, 415)
    assert service.script.asked == []


@pytest.mark.parametrize(
    "path",
    [
        "/v1beta/models/gemini-2.5-flash:batchGenerateContent",
        "/v1/models/gemini-2.5-flash:predict",
        "/models/gemini-2.5-flash:tune",
        "/v1beta/cachedContents",
        "/v1beta",
        "/v1beta/tunedModels",
    ],
)
def test_another_method_is_not_found_where_nothing_is_passed_on(start: Start, path: str) -> None:
    """In the form that its client reads; its caller has no token of ours, and needs none."""
    service = start(passing=False)
    for verb in ("POST", "GET"):
        found = httpx.request(verb, service.url + path, content=BODY, headers=JSON)
        error = found.json()["error"]
        assert (found.status_code, error["code"], error["status"]) == (404, 404, "NOT_FOUND")
        assert "generateContent, streamGenerateContent" in error["message"]
    assert service.script.asked == []


def test_bytes_that_a_plan_does_not_change_pass_as_they_are(service: Service) -> None:
    """In both directions, with what nobody knows yet."""
    with service.client() as client:
        found = client.post(PATH, content=BODY, headers=JSON)
    assert service.script.asked[-1].body == BODY
    assert found.content == answer("hello").partition(b"\r\n\r\n")[2]
    assert found.headers["x-upstream"] == "yes"
    assert found.headers["x-open-balancer-mode"] == "normal"


def test_a_plan_changes_only_what_it_says(start: Start) -> None:
    """The rest of the body keeps its space and its numbers."""
    service = start(
        policy="baseline: null\nmodes: {normal: {model: gemini-2.5-flash-lite, thinking: off}}"
    )
    with service.client() as client:
        client.post(PATH, content=BODY, headers=JSON)
    asked = service.script.asked[-1]
    assert asked.path == "/v1beta/models/gemini-2.5-flash-lite:generateContent"
    assert asked.body.startswith(BODY[: BODY.rindex(b"}") - 1].rstrip())
    assert asked.json["generationConfig"] == {"thinkingConfig": {"thinkingBudget": 0}}


def test_a_compressed_answer_passes_compressed_and_is_read_all_the_same(service: Service) -> None:
    """Only codings that the proxy reads are asked for."""
    packed = gzip.compress(json.dumps(body_of("x", prompt=123)).encode())
    service.script.say(response(200, packed, "Content-Encoding: gzip"))
    with service.client(headers={"accept-encoding": "br, gzip, zstd"}) as client:
        with client.stream("POST", PATH, content=BODY, headers=JSON) as found:
            assert b"".join(found.iter_raw()) == packed
            assert found.headers["content-encoding"] == "gzip"
        assert service.script.asked[-1].headers["accept-encoding"] == "gzip"
    service.balancer.close()
    assert service.balancer.status().in_flight == 0


def test_a_callers_key_goes_through(service: Service) -> None:
    """As a header and in the query; the service has none of its own."""
    with service.client() as client:
        client.post(f"{PATH}?key=k1", content=BODY, headers=JSON | {"x-goog-api-key": "k2"})
    asked = service.script.asked[-1]
    assert asked.path == f"{PATH}?key=k1"
    assert asked.headers["x-goog-api-key"] == "k2"


def test_the_services_key_takes_the_place_of_the_callers(start: Start) -> None:
    """Wherever that one stood; other parameters stay."""
    service = start(gemini_key=KEY)
    with service.client() as client:
        client.post(f"{PATH}?key=k1&%24x=%20", content=BODY, headers={"x-goog-api-key": "k2"})
    asked = service.script.asked[-1]
    assert asked.path == f"{PATH}?%24x=%20"
    assert asked.headers["x-goog-api-key"] == KEY
    assert "authorization" not in asked.headers


def test_a_client_key_is_checked_and_stays_here(start: Start) -> None:
    """A wrong one is refused, and nothing is called or counted."""
    service = start(gemini_key=KEY, client_keys=("client-key-of-app-one", "client-key-of-app-two"))
    with service.client() as client:
        wrong = client.post(PATH, content=BODY, headers={"x-goog-api-key": "client-key-of-app-0"})
        none = client.post(PATH, content=BODY)
        right = client.post(f"{PATH}?key=client-key-of-app-two", content=BODY)
    assert (wrong.status_code, none.status_code, right.status_code) == (401, 401, 200)
    assert wrong.json()["error"]["status"] == "UNAUTHENTICATED"
    (asked,) = service.script.asked
    assert asked.headers["x-goog-api-key"] == KEY


def test_the_services_key_serves_nobody_else_without_client_keys(start: Start) -> None:
    """Neither a stranger behind a proxy nor a page in a browser."""
    service = start(gemini_key=KEY)
    with service.client() as client:
        forwarded = client.post(PATH, content=BODY, headers={"x-forwarded-for": "192.0.2.1"})
        page = client.post(PATH, content=BODY, headers={"origin": "https://evil.example"})
    assert (forwarded.status_code, page.status_code) == (401, 403)
    assert service.script.asked == []


def test_headers_of_one_connection_stay_on_it(service: Service) -> None:
    """And what is nobody's business upstream; the rest goes on."""
    sent = {
        "connection": "keep-alive, x-private",
        "x-private": "1",
        "te": "trailers",
        "cookie": "session=1",
        "x-forwarded-for": "192.0.2.1",
        "x-open-balancer-priority": "high",
        "x-goog-api-client": "google-genai-sdk/3",
    }
    service.script.say(
        response(200, json.dumps(body_of("x")).encode(), "Alt-Svc: h3", "Keep-Alive: timeout=1")
    )
    with service.client() as client:
        found = client.post(PATH, content=BODY, headers=JSON | sent)
    arrived = service.script.asked[-1].headers
    assert arrived["x-goog-api-client"] == "google-genai-sdk/3"
    assert not {"x-private", "te", "cookie", "x-forwarded-for"} & set(arrived)
    assert not [name for name in arrived if name.startswith("x-open-balancer")]
    assert "alt-svc" not in found.headers
    assert "keep-alive" not in found.headers


@pytest.mark.parametrize(("given", "sent"), [("3", "10"), ("20", "20")])
def test_a_deadline_that_gemini_would_refuse_is_raised(
    service: Service, given: str, sent: str
) -> None:
    """Gemini answers 400 below 10 s; the caller still hangs up when it likes."""
    with service.client() as client:
        client.post(PATH, content=BODY, headers=JSON | {"x-server-timeout": given})
    assert service.script.asked[-1].headers["x-server-timeout"] == sent


def test_a_request_index_goes_upstream_with_the_attempts_number(service: Service) -> None:
    """So that a mock draws the same fate that the simulator did."""
    service.script.say(error(503, "UNAVAILABLE"), answer("x"))
    with service.client() as client:
        client.post(PATH, content=BODY, headers=JSON | {"x-open-balancer-request": "41"})
    sent = [asked.headers for asked in service.script.asked]
    assert [headers["x-open-balancer-request"] for headers in sent] == ["41", "41"]
    assert [headers["x-open-balancer-attempt"] for headers in sent] == ["0", "1"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1beta/models?pageSize=2"),
        ("GET", "/v1beta/models/gemini-2.5-flash"),
        ("POST", "/v1beta/models/gemini-2.5-flash:countTokens"),
        ("POST", "/v1beta/models/text-embedding-004:embedContent"),
    ],
)
def test_methods_without_a_plan_go_through(service: Service, method: str, path: str) -> None:
    """They are none of the controller's business."""
    service.script.say(response(200, b'{"totalTokens": 31}'))
    with service.client() as client:
        found = client.request(method, path, content=BODY if method == "POST" else None)
    assert found.content == b'{"totalTokens": 31}'
    assert found.headers["x-open-balancer-mode"] == "normal"
    assert service.script.asked[-1].path == path
    assert service.balancer.status().in_flight == 0


def test_a_redirect_is_passed_on_and_not_followed(service: Service) -> None:
    """It could lead anywhere, with the key."""
    service.script.say(response(302, b"{}", "Location: http://127.0.0.1:1/x"))
    with service.client() as client:
        assert client.get("/v1beta/models").status_code == 302
    assert len(service.script.asked) == 1
