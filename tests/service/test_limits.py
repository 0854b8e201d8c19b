"""What one caller may take of the service, over raw sockets: sizes, times and connections."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx
import pytest

from balancer.core.errors import InputError
from balancer.service.bounds import Bounds
from balancer.service.server import _files
from balancer.service.settings import Settings
from tests.service.conftest import Service, Start
from tests.service.upstream import answer
from tests.waiting import GIVE_UP_S, until

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
LIVE = "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent"
BODY = b'{"contents": [{"parts": [{"text": "hi"}]}]}'
SOON = 0.05


@contextmanager
def connected(service: Service, receive_buffer: int | None = None) -> Iterator[socket.socket]:
    """A connection, and nothing around it."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.socket() as made:
        if receive_buffer is not None:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        made.settimeout(GIVE_UP_S)
        made.connect((host, int(port)))
        yield made


def rest(connection: socket.socket) -> bytes:
    """All that comes until the service ends it."""
    found = b""
    while data := connection.recv(1 << 16):
        found += data
    return found


def said(raw: bytes) -> tuple[int, dict[str, str], Any]:
    """Status, headers and the error of one whole response."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    error = json.loads(body[: int(headers["content-length"])])["error"]
    assert error["code"] == int(first.split()[1])
    assert error["status"]
    return error["code"], headers, error


def asked(service: Service, *pieces: bytes) -> tuple[int, dict[str, str], Any]:
    """What is answered to these pieces, of a caller who then waits."""
    with connected(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
        return said(rest(connection))


def head(*lines: str, path: str = PATH, verb: str = "POST") -> bytes:
    """Of a request."""
    return "\r\n".join([f"{verb} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


SMALL = Bounds(header_size=4096)
ENDLESS = {
    "one header": head().removesuffix(b"\r\n") + b"X-Endless: " + b"a" * 8000,
    "the name of a header": head().removesuffix(b"\r\n") + b"a" * 8000,
    "many headers": head(*(f"X-{number}: a" for number in range(2000))),
    "the path": b"GET /" + b"a" * 8000,
    "a whole path": head(path="/" + "a" * 8000, verb="GET"),
    "what follows the chunks": head("Transfer-Encoding: chunked") + b"0\r\nX: " + b"a" * 8000,
    "a chunk's extension": head("Transfer-Encoding: chunked") + b"1;" + b"a" * 8000,
}


@pytest.mark.parametrize("what", ENDLESS)
def test_headers_without_end_are_refused(start: Start, what: str) -> None:
    """At once, in one piece or in many, and others are served meanwhile."""
    service = start(bounds=SMALL)
    raw = ENDLESS[what]
    pieces = [raw[at : at + 500] for at in range(0, len(raw), 500)]
    for sent in ([raw], pieces):
        status, headers, error = asked(service, *sent)
        assert (status, headers["connection"]) == (431, "close")
        assert "4,096" in error["message"]
    assert httpx.get(service.url + "/healthz").status_code == 200
    assert service.script.asked == []


def test_headers_within_the_bound_are_taken(start: Start) -> None:
    """To the byte, however they come; a long body is no header."""
    service = start(bounds=SMALL)
    plain = head("Connection: close", "X-Long: ", f"Content-Length: {len(BODY) + 8000}")
    full = plain.replace(b"X-Long: ", b"X-Long: " + b"a" * (4096 - len(plain)))
    assert len(full) == 4096
    with connected(service) as connection:
        connection.sendall(full + BODY + b" " * 8000)
        assert rest(connection).startswith(b"HTTP/1.1 200")
    assert asked(service, full.replace(b"X-Long: ", b"X-Long: a"))[0] == 431


def test_a_socket_with_more_than_its_parser_takes_is_told_so(service: Service) -> None:
    """The parser of websockets has bounds of its own, and nothing to say."""
    shake = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
    shake.append("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==")
    many = [f"X-{number}: a" for number in range(150)]
    for more, path in ((many, LIVE), (["X: " + "a" * 9000], LIVE), ([], LIVE + "?" + "a" * 9000)):
        assert asked(service, head(*shake, *more, path=path, verb="GET"))[0] == 431


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n", 400),
        (b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", 400),
        (head("Host: 127.0.0.1"), 400),
        (head("Content-Length: 5", "Content-Length: 6"), 400),
        (head("Content-Length: 5", "Transfer-Encoding: chunked"), 400),
        (head("Content-Length: -5"), 400),
        (head("Content-Length: 99999999999999999999"), 400),
        (head("Transfer-Encoding: chunked") + b"zz\r\n", 400),
        (head("Connection: Upgrade", "Upgrade: h2c", f"Content-Length: {len(BODY)}") + BODY, 400),
    ],
)
def test_what_is_no_request_is_told_so(untouched: Service, raw: bytes, status: int) -> None:
    """In the form that Gemini's errors have."""
    assert asked(untouched, raw)[0] == status
    assert untouched.script.asked == []


def test_nonsense_after_a_request_does_not_take_its_answer(service: Service) -> None:
    """It is answered, whole and alone; then the connection ends."""
    with connected(service) as connection:
        connection.sendall(head(f"Content-Length: {len(BODY)}") + BODY + b"\x00 nonsense\r\n\r\n")
        found = rest(connection)
    assert found.startswith(b"HTTP/1.1 200")
    assert found.count(b"HTTP/1.1") == 1
    assert b"hello" in found


@pytest.mark.parametrize(
    "pieces",
    [
        (b"P",),
        (head().removesuffix(b"\r\n"), b"X: "),
        (head(f"Content-Length: {len(BODY)}") + BODY + b"GET / HT",),
    ],
)
def test_a_head_that_does_not_come_is_not_awaited(start: Start, pieces: tuple[bytes, ...]) -> None:
    """Also that of a second request."""
    service = start(bounds=Bounds(header_time_s=SOON))
    with connected(service) as connection:
        for piece in pieces:
            connection.sendall(piece)
        *_, last = rest(connection).split(b"HTTP/1.1 ")
    assert said(b"HTTP/1.1 " + last)[0] == 408


@pytest.mark.parametrize("line", [b"", b"\r\n"])
def test_a_caller_who_says_nothing_is_let_go(start: Start, line: bytes) -> None:
    """Without a word: it may have connected for later. Empty lines are nothing."""
    service = start(bounds=Bounds(header_time_s=SOON))
    with connected(service) as connection:
        connection.sendall(line)
        assert rest(connection) == b""


@pytest.mark.parametrize("path", [PATH, "/v1beta/cachedContents", "/api/brownout"])
@pytest.mark.parametrize(
    "begun",
    [
        head("Content-Length: 100", "Content-Type: application/json"),
        head("Content-Length: 100", "Content-Type: application/json") + b"{",
        head("Transfer-Encoding: chunked", "Content-Type: application/json") + b"1\r\n{\r\n1",
    ],
)
def test_a_body_that_does_not_come_is_not_awaited(start: Start, path: str, begun: bytes) -> None:
    """Governed or not, however long headers may take; nothing is left of it."""
    service = start(token=None, bounds=Bounds(body_time_s=SOON, header_time_s=GIVE_UP_S))
    status, _, error = asked(service, begun.replace(PATH.encode(), path.encode()))
    assert (status, error["status"]) == (408, "DEADLINE_EXCEEDED")
    until(lambda: not service.connections(), "the connection is gone")
    assert [asked.body for asked in service.script.asked] == []


def test_more_connections_than_there_may_be_are_refused(start: Start) -> None:
    """With when to come again; those that are open go on, and one that ends makes room."""
    service = start(bounds=Bounds(connections=3, header_time_s=GIVE_UP_S))
    with ExitStack() as stack:
        open_ = [stack.enter_context(connected(service)) for _ in range(3)]
        until(lambda: len(service.connections()) == 3)
        for _ in range(5):
            status, headers, error = asked(service, head(verb="GET"))
            assert (status, headers["retry-after"], error["status"]) == (503, "1", "UNAVAILABLE")
        for connection in open_:
            connection.sendall(head("Connection: close", path="/healthz", verb="GET"))
            assert rest(connection).startswith(b"HTTP/1.1 200")
        until(lambda: not service.connections())
        assert httpx.get(service.url + "/healthz").status_code == 200


@pytest.mark.parametrize("kept", ["keep-alive", "close"])
def test_a_caller_who_takes_nothing_is_let_go(start: Start, kept: str) -> None:
    """Of an answer that is longer than what the system keeps for it."""
    service = start(bounds=Bounds(reader_time_s=SOON))
    service.script.say(answer("x" * (8 << 20)))
    length = f"Content-Length: {len(BODY)}"
    with connected(service, receive_buffer=4096) as connection:
        connection.sendall(head(length, f"Connection: {kept}") + BODY)
        until(lambda: service.script.asked and not service.connections(), "it is let go")


def test_a_caller_who_takes_it_slowly_gets_all_of_it(start: Start) -> None:
    """Some of it at a time is enough, though all of it takes longer than the bound."""
    bound_s = 2.0
    service = start(bounds=Bounds(reader_time_s=bound_s))
    service.script.say(answer("x" * (8 << 20)))
    length = f"Content-Length: {len(BODY)}"

    def whole() -> bool:
        """Whether all came; False where this machine stood still for as long as the bound."""
        with connected(service, receive_buffer=4096) as connection:
            connection.sendall(head(length, "Connection: close") + BODY)
            found, pieces = 0, 0
            began_s = last_s = time.monotonic()
            longest_s = 0.0
            while data := connection.recv(1 << 20 if last_s - began_s > bound_s else 4096):
                found, pieces = found + len(data), pieces + 1
                time.sleep(0.01 if pieces % 8 == 0 else 0.0)
                now_s = time.monotonic()
                longest_s, last_s = max(longest_s, now_s - last_s), now_s
        if longest_s > bound_s / 2:
            return False
        assert found > 8 << 20
        assert last_s - began_s > bound_s
        return True

    until(whole, "all of it is taken")


def test_each_bound_is_an_option_a_variable_and_named_where_it_is_wrong() -> None:
    """The command goes before the environment."""
    environment = {
        "OPEN_BALANCER_HEADER_SIZE": "32KB",
        "OPEN_BALANCER_CONNECTIONS": "1k",
        "OPEN_BALANCER_HEADER_TIME": "2s",
        "OPEN_BALANCER_BODY_TIME": "1m",
        "OPEN_BALANCER_READER_TIME": "500ms",
        "OPEN_BALANCER_BODIES_SIZE": "100MB",
        "OPEN_BALANCER_ANSWER_SIZE": "1gb",
        "OPEN_BALANCER_ANSWER_RATIO": "x20",
        "OPEN_BALANCER_DRAIN": "5s",
        "OPEN_BALANCER_HOSTS": "a.example, b.example",
        "OPEN_BALANCER_ORIGINS": "https://a.example",
    }
    found = Settings.from_environment(environment, bounds={"connections": "7"})
    assert found.bounds == Bounds(
        header_size=32 << 10,
        connections=7,
        header_time_s=2.0,
        body_time_s=60.0,
        reader_time_s=0.5,
        bodies_size=100 << 20,
        answer_size=1 << 30,
        answer_ratio=20.0,
    )
    assert (found.drain_s, found.hosts) == (5.0, ("a.example", "b.example"))
    assert found.origins == ("https://a.example",)
    assert Settings.from_environment({}).bounds == Bounds()
    for variable in environment:
        with pytest.raises(InputError, match=variable):
            Settings.from_environment({variable: "no such/thing"})
    with pytest.raises(InputError, match="--connections or OPEN_BALANCER_CONNECTIONS: found 0"):
        Settings.from_environment({}, bounds={"connections": "0"})
    with pytest.raises(InputError, match="BODIES_SIZE: found 20,971,520 bytes, expected at least"):
        Settings.from_environment({}, bounds={"bodies_size": "20MB"})


def test_the_process_asks_for_the_files_that_its_connections_need(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As far as the system lets it."""
    import resource

    bounds = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: bounds[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, new: bounds.append(new))
    assert _files(1000) == 1000
    assert bounds == [(1024, 4096)]
    assert _files(2000) == 2000
    assert _files(9000) == 4096
    assert bounds[1:] == [(2000, 4096), (4096, 4096)]
