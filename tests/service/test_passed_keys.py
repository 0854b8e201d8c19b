"""Keys and rates hold for what no plan governs, too, and for uploads by their URLs."""

from __future__ import annotations

import asyncio
import io
import json
import re
from typing import Any

import httpx
import pytest

from tests.service.conftest import KEY, Service, Start
from tests.service.upstream import response

genai = pytest.importorskip("google.genai")
# The SDK's own class, which aiohttp would rather not have.
pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

STRANGE = bytes(range(256)) * 4
CLIENT_KEYS = ("client-key-of-app-one", "client-key-of-app-two")


def test_client_keys_and_the_services_key_hold_for_all(start: Start) -> None:
    """As for governed calls; OpenAI's clients give theirs as a bearer, and Google gets ours so."""
    service = start(gemini_key=KEY, client_keys=CLIENT_KEYS)
    bearer = {"authorization": f"Bearer {CLIENT_KEYS[0]}"}
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/v1beta/files").status_code == 401
        assert client.get("/v1beta/files", params={"key": "x"}).status_code == 401
        assert service.script.asked == []
        assert client.get("/v1beta/files", params={"key": CLIENT_KEYS[1]}).status_code == 200
        assert client.get("/v1beta/openai/models", headers=bearer).status_code == 200
    files, models = service.script.asked
    assert (files.path, files.headers["x-goog-api-key"]) == ("/v1beta/files", KEY)
    assert models.headers["authorization"] == f"Bearer {KEY}"
    assert "x-goog-api-key" not in models.headers


def test_without_client_keys_the_services_key_serves_this_machine(start: Start) -> None:
    """No page in a browser, and nobody behind a proxy."""
    service = start(gemini_key=KEY)
    with httpx.Client(base_url=service.url) as client:
        assert client.get("/v1beta/files").status_code == 200
        page = client.get("/v1beta/files", headers={"origin": "https://evil.example"})
        stranger = client.get("/v1beta/files", headers={"x-forwarded-for": "192.0.2.1"})
    assert (page.status_code, stranger.status_code) == (403, 401)
    assert len(service.script.asked) == 1


def test_the_rate_of_an_address_counts_all_calls(start: Start) -> None:
    """So many, whatever they are of."""
    service = start(proxied_per_s=1e-6)
    with httpx.Client(base_url=service.url) as client:
        statuses = [client.get("/v1beta/files").status_code for _ in range(2)]
    assert statuses == [200, 429]


def upload_script(service: Service) -> None:
    """An upstream that takes a file in two steps, as Google does."""
    url = f"{service.script.url}/upload/v1beta/files?upload_id=abc&upload_protocol=resumable"
    there = {"file": {"name": "files/abc", "mimeType": "text/plain"}}
    service.script.say(
        response(200, b"", f"X-Goog-Upload-URL: {url}", "X-Goog-Upload-Status: active"),
        response(
            200,
            json.dumps(there).encode(),
            "Content-Type: application/json",
            "X-Goog-Upload-Status: final",
        ),
    )


@pytest.mark.parametrize("keys", [(), CLIENT_KEYS])
@pytest.mark.parametrize("asynchronously", [False, True])
def test_google_genai_uploads_a_file(
    start: Start, keys: tuple[str, ...], asynchronously: bool
) -> None:
    """Both steps through the proxy; the second comes without a key, and is let in all the same."""
    service = start(gemini_key=KEY, client_keys=keys)
    upload_script(service)
    options = {"base_url": service.url, "timeout": 20_000}
    how = {"file": io.BytesIO(STRANGE), "config": {"mime_type": "text/plain"}}

    async def later() -> Any:
        async with genai.Client(api_key=CLIENT_KEYS[0], http_options=options).aio as client:
            return await client.files.upload(**how)

    if asynchronously:
        found = asyncio.run(later())
    else:
        with genai.Client(api_key=CLIENT_KEYS[0], http_options=options) as client:
            found = client.files.upload(**how)
    assert found.name == "files/abc"
    begun, sent = service.script.asked
    assert begun.headers["x-goog-upload-command"] == "start"
    assert (sent.body, sent.headers["x-goog-upload-command"]) == (STRANGE, "upload, finalize")
    assert sent.path == "/upload/v1beta/files?upload_id=abc&upload_protocol=resumable"
    assert sent.headers["x-goog-api-key"] == KEY


def test_an_upload_url_is_good_for_itself_alone(start: Start) -> None:
    """What is signed is the whole URL, and a signature of nobody's is none."""
    service = start(gemini_key=KEY, client_keys=CLIENT_KEYS)
    upload_script(service)
    with httpx.Client() as client:
        key = {"x-goog-api-key": CLIENT_KEYS[0]}
        begun = client.post(f"{service.url}/upload/v1beta/files", headers=key)
        url = begun.headers["x-goog-upload-url"]
        assert url.startswith(f"{service.url}/upload/v1beta/files?upload_id=abc")
        other = url.replace("upload_id=abc", "upload_id=abd")
        elsewhere = url.replace("/upload/v1beta/files", "/v1beta/files")
        forged = re.sub("(open_balancer_upload=).*", r"\g<1>00", url)
        refused = [client.post(each, content=b"x") for each in (other, elsewhere, forged)]
        refused += [client.request(verb, url) for verb in ("GET", "DELETE", "PATCH")]
        taken = client.post(url, content=b"x")
    assert [found.status_code for found in refused] == [401] * 6
    assert taken.status_code == 200
    assert len(service.script.asked) == 2


@pytest.mark.parametrize(
    ("headers", "base"),
    [
        ({"host": "llm.example", "x-forwarded-proto": "https"}, "https://llm.example"),
        ({"x-forwarded-host": "llm.example", "x-forwarded-proto": "https"}, "https://llm.example"),
        ({"x-forwarded-for": "192.0.2.1"}, ""),
    ],
)
def test_an_upload_url_has_the_name_by_which_the_caller_came(
    start: Start, headers: dict[str, str], base: str
) -> None:
    """Behind something that ends TLS, as that says; where it says nothing, it stays Google's."""
    service = start(hosts=("llm.example",))
    upload_script(service)
    with httpx.Client() as client:
        found = client.post(f"{service.url}/upload/v1beta/files", headers=headers)
    url = found.headers["x-goog-upload-url"]
    assert url.startswith(f"{base or service.script.url}/upload/v1beta/files?")
