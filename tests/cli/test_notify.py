"""`open-balancer notify test`, against receivers on this machine."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.adapters.notify.receiver import MARKER, Receiver, Reply, receiver
from tests.certificates import self_signed
from tests.cli.conftest import Command
from tests.waiting import GIVE_UP_S


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "OPEN_BALANCER_PUBLIC_URL"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")


@pytest.fixture
def there() -> Iterator[Receiver]:
    """Where messages go."""
    with receiver() as found:
        yield found


def test_every_channel_that_takes_it_is_ok(
    command: Command, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 0, a line each, and no address in it."""
    monkeypatch.setenv("OPEN_BALANCER_NOTIFY", f"{there.slack}\n{there.teams}\n{there.hook}")
    found = command("notify", "test")
    assert found.exit_code == 0, found.output
    lines = found.output.splitlines()
    assert [line.split()[0] for line in lines] == ["slack", "teams", "json"]
    assert all(": ok (" in line for line in lines)
    assert MARKER not in found.output
    titles = {post.body.get("title") for post in there.taken}
    assert "shop: test notice" in titles and len(there.taken) == 3


def test_a_channel_that_fails_is_told_with_its_reason(
    command: Command, there: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 1; the others are tried all the same."""
    there.replies.append(Reply(status=404, text="no_service"))
    monkeypatch.setenv("OPEN_BALANCER_NOTIFY", there.slack)
    found = command("notify", "test")
    assert found.exit_code == 1
    assert ": FAILED: answered 404 no_service: there is no such webhook" in found.output
    assert MARKER not in found.output


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "OPEN_BALANCER_NOTIFY: is not set"),
        (f"slack://T0/B0/{MARKER}", "did you mean 'slack+https'"),
        (f"https://x.webhook.office.com/{MARKER}", "retired"),
    ],
)
def test_an_address_that_cannot_be_used_is_bad_input(
    command: Command, monkeypatch: pytest.MonkeyPatch, value: str, says: str
) -> None:
    """Exit code 2, before anything is sent."""
    monkeypatch.setenv("OPEN_BALANCER_NOTIFY", value)
    found = command("notify", "test")
    assert found.exit_code == 2
    assert says in found.output
    assert MARKER not in found.output


# --- over TLS, in a process of its own, as in production --------------------------------------


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing on stderr."""


class _Quiet(HTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust us goes away."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """Of 127.0.0.1, signed by itself; the key is in the same file."""
    return self_signed(tmp_path / "certificate.pem")


@pytest.fixture
def secure(certificate: Path) -> Iterator[str]:
    """Address of a receiver that speaks TLS."""
    server = _Quiet(("127.0.0.1", 0), _Taking)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"slack+https://127.0.0.1:{server.server_address[1]}/services/T0/B0/{MARKER}"
    server.shutdown()
    server.server_close()
    thread.join(GIVE_UP_S)


@pytest.mark.parametrize("trusted", [True, False])
def test_certificates_are_checked(secure: str, certificate: Path, trusted: bool) -> None:
    """One that the system trusts is ok, another is not, and says so."""
    environment = {**os.environ, "OPEN_BALANCER_NOTIFY": secure}
    environment["SSL_CERT_FILE"] = str(certificate) if trusted else os.devnull
    found = subprocess.run(
        [sys.executable, "-m", "balancer.cli", "notify", "test"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=GIVE_UP_S,
    )
    assert (found.returncode == 0) is trusted, found.stdout + found.stderr
    assert trusted or "has a TLS certificate that is not trusted" in found.stdout
    assert MARKER not in found.stdout + found.stderr
