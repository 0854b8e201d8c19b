"""Files on the mock, through Google's own client and as HTTP."""

from __future__ import annotations

import hashlib
import io
from base64 import b64decode
from collections.abc import Iterator

import pytest
from google import genai
from google.genai import errors, types

from sim.mock_gemini.server import Addresses, MockServer

from .caller import call, settings

UPLOAD = "/upload/v1beta/files"
START = {"x-goog-upload-command": "start", "x-goog-upload-protocol": "resumable"}


@pytest.fixture(scope="module")
def mock() -> Iterator[Addresses]:
    """A quiet one."""
    with MockServer(settings(latency=False)) as found:
        yield found.addresses


def test_googles_client_sends_a_file_and_finds_it_again(mock: Addresses) -> None:
    """More than one piece of it."""
    data = bytes(range(256)) * 40_000
    options = types.HttpOptions(base_url=mock.url)
    with genai.Client(api_key="mock-key", http_options=options) as client:
        config = types.UploadFileConfig(mime_type="text/plain", display_name="mine")
        sent = client.files.upload(file=io.BytesIO(data), config=config)
        assert (sent.size_bytes, sent.mime_type, sent.state) == (len(data), "text/plain", "ACTIVE")
        assert b64decode(sent.sha256_hash or "") == hashlib.sha256(data).digest()
        assert sent.name is not None
        assert client.files.get(name=sent.name) == sent
        assert [each.name for each in client.files.list()] == [sent.name]
        client.files.delete(name=sent.name)
        with pytest.raises(errors.ClientError, match="404"):
            client.files.get(name=sent.name)


def test_an_upload_is_begun_with_a_key_and_goes_on_where_it_was(mock: Addresses) -> None:
    """Its URL needs none."""
    assert call(mock, UPLOAD, {}, headers=START, key=None).status == 403
    begun = call(mock, UPLOAD, {}, headers=START)
    path = begun.headers["x-goog-upload-url"].removeprefix(mock.url)
    wrong = {"x-goog-upload-command": "upload", "x-goog-upload-offset": "5"}
    assert call(mock, path, b"ab", headers=wrong, key=None).status == 400
    ends = {"x-goog-upload-command": "upload, finalize", "x-goog-upload-offset": "0"}
    assert call(mock, path, b"ab", headers=ends, key=None).json["file"]["sizeBytes"] == "2"
    assert call(mock, path, b"ab", headers=ends, key=None).status == 404
    assert call(mock, "/v1beta/files/none", verb="PATCH").status == 404
