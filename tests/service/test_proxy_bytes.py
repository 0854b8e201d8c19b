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
        (f"{PATH}/", PATH),
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
def test_no_other_path_reaches_the_upstream(untouched: Service, path: str) -> None:
    """The host is fixed, a path begins with a version of the API, and nothing in it leads out."""
    assert raw_status(untouched.url, "POST", path) in (400, 401, 403, 404, 415)
    assert untouched.script.asked == []


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


CLIENT_KEY = "client-key-of-app-one"


@pytest.mark.parametrize("path", [PATH, "/v1beta/cachedContents"])
@pytest.mark.parametrize("given", ["header", "query", "bearer", "token"])
def test_a_client_key_does_not_go_to_google_with_vertex_ai(
    start: Start, path: str, given: str
) -> None:
    """Wherever it stands, governed or passed on; the caller's own token goes, and nothing else."""
    service = start(gemini_key=KEY, client_keys=(CLIENT_KEY,))
    root = "/v1/projects/p/locations/us-central1"
    rest = path.removeprefix("/v1beta")
    path = f"{root}/publishers/google{rest}" if "models" in rest else f"{root}{rest}"
    headers = JSON | {"authorization": "Bearer ya29.own"}
    query = "a=%20b"
    if given == "header":
        headers["x-goog-api-key"] = CLIENT_KEY
    elif given == "query":
        query += f"&key={CLIENT_KEY}"
    elif given == "bearer":
        headers["authorization"] = f"Bearer {CLIENT_KEY}"
    else:
        headers["x-goog-api-key"] = CLIENT_KEY
        query += f"&access_token={CLIENT_KEY}"
    with httpx.Client(base_url=service.url) as client:
        assert client.post(f"{path}?{query}", content=BODY, headers=headers).status_code == 200
    (asked,) = service.script.asked
    assert asked.path == f"{path}?a=%20b"
    assert CLIENT_KEY not in str(asked.headers)
    assert ("authorization" in asked.headers) == (given != "bearer")


def test_without_a_key_of_the_service_client_keys_are_its_callers_own(start: Start) -> None:
    """A list of the Gemini keys that may call: they have to arrive."""
    service = start(client_keys=(CLIENT_KEY,))
    with httpx.Client(base_url=service.url) as client:
        client.post(PATH, content=BODY, headers=JSON | {"x-goog-api-key": CLIENT_KEY})
    assert service.script.asked[-1].headers["x-goog-api-key"] == CLIENT_KEY


@pytest.mark.parametrize("path", [PATH, "/v1beta/cachedContents"])
def test_no_header_makes_another_verb_of_a_call(service: Service, path: str) -> None:
    """What Google would do is what we let through."""
    with service.client() as client:
        client.post(path, content=BODY, headers=JSON | {"x-http-method-override": "DELETE"})
    assert "x-http-method-override" not in service.script.asked[-1].headers


@pytest.mark.parametrize("path", [PATH, "/v1beta/openai/chat/completions", "/v1beta/interactions"])
@pytest.mark.parametrize("verb", ["GET", "PUT", "DELETE", "PATCH"])
def test_a_governed_path_has_one_verb(untouched: Service, path: str, verb: str) -> None:
    """Any other is refused here."""
    with untouched.client() as client:
        found = client.request(verb, path)
    assert (found.status_code, found.headers["allow"]) == (405, "POST")
    assert untouched.script.asked == []


@pytest.mark.parametrize("method", ["generateContent", "streamGenerateContent"])
@pytest.mark.parametrize(
    "written",
    [
        "/v1beta/models/models%2FM:{}",
        "/v1beta/tunedModels/M:{}/",
        "/v1beta/models/M:{}//",
        "/v1beta/tunedModels/a%2Fb:{}",
        "/upload/v1beta/models/M:{}",
        "/v1/projects/p/locations/l-1/publishers/google/models/a%2Fb:{}",
    ],
)
def test_no_spelling_of_a_generation_goes_past_its_plan(
    untouched: Service, written: str, method: str
) -> None:
    """What is nearly its path is refused as Google would refuse it."""
    with untouched.client() as client:
        found = client.post(written.format(method), content=BODY, headers=JSON)
    assert (found.status_code, found.json()["error"]["status"]) == (404, "NOT_FOUND")
    assert untouched.script.asked == []
