"""What is no request of HTTP/1.1, or a strange one."""

from __future__ import annotations

from collections.abc import Iterator

from .target import AUTHORIZED, PATH, call

__all__ = ["begun", "wrong_requests"]

_CONTROLS = [*range(0x20), 0x7F]
_START = b"POST " + PATH.encode() + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n" + AUTHORIZED.encode()


def begun(*lines: bytes, body: bytes = b"") -> bytes:
    """A call to the proxy with these lines in its head."""
    return _START + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


def wrong_requests() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of what is no request, or a strange one; all of each is sent at once."""
    get = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    for byte in _CONTROLS:
        control = bytes([byte])
        yield f"0x{byte:02x} in a method", b"G" + control + get[1:] + b"\r\n"
        yield f"0x{byte:02x} in a path", get.replace(b"/healthz", b"/v1beta/" + control) + b"\r\n"
        yield f"0x{byte:02x} in a header's name", get + b"X" + control + b"Y: a\r\n\r\n"
        yield f"0x{byte:02x} in a header's value", get + b"X: a" + control + b"b\r\n\r\n"
        yield (
            f"0x{byte:02x} in a host",
            get.replace(b"127.0.0.1", b"127" + control + b"1") + b"\r\n",
        )
    for name, raw in {
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "HTTP/0.9": b"GET /\r\n\r\n",
        "SSH": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        "redis": b"*1\r\n$4\r\nPING\r\n\r\n",
        "a proxy's greeting": b"PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\n" + get + b"\r\n",
        "CONNECT": b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        "a whole URL": get.replace(b"/healthz", b"http://evil.example/healthz") + b"\r\n",
        "a star": get.replace(b"/healthz", b"*").replace(b"GET", b"OPTIONS") + b"\r\n",
        "no version": get.replace(b" HTTP/1.1", b"") + b"\r\n",
        "version 9": get.replace(b"1.1", b"9.9") + b"\r\n",
        "two spaces": get.replace(b" /healthz", b"  /healthz") + b"\r\n",
        "no host": b"GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n",
        "two hosts": get + b"Host: 127.0.0.1\r\n\r\n",
        "two other hosts": get + b"Host: evil.example\r\n\r\n",
        "an empty host": get.replace(b"127.0.0.1", b"") + b"\r\n",
        "a space in a name": get + b"Bad Name: x\r\n\r\n",
        "a space before a colon": get + b"Name : x\r\n\r\n",
        "no colon": get + b"nothing\r\n\r\n",
        "no name": get + b": x\r\n\r\n",
        "a folded header": get + b"X: a\r\n b\r\n\r\n",
        "a bare line feed": get.replace(b"\r\n", b"\n") + b"\n",
        "a bare carriage return": get.replace(b"\r\n", b"\r") + b"\r\n\r\n",
        "bytes above 127 in a path": get.replace(b"/healthz", b"/\xff\xfe") + b"\r\n",
        "bytes above 127 in a value": get + b"X: \xff\xfe\r\n\r\n",
    }.items():
        yield name, raw
    for number, length in enumerate(
        (
            b"-5",
            b"+5",
            b"5.0",
            b"0x5",
            b"5 5",
            b"5, 5",
            b"",
            b" ",
            b"99999999999999999999",
            b"five",
            b"1e3",
            b"\x00",
            b"5\t5",
            b"05",
            b"18446744073709551616",
        )
    ):
        yield f"length {number}: {length!r}", begun(b"Content-Length: " + length, body=b"{}   ")
    chunked = b"Transfer-Encoding: chunked"
    for name, lines in {
        "two lengths": (b"Content-Length: 5", b"Content-Length: 6"),
        "a length and chunks": (b"Content-Length: 5", chunked),
        "chunks of chunks": (b"Transfer-Encoding: chunked, chunked",),
        "gzip in chunks": (b"Transfer-Encoding: gzip, chunked",),
        "an unknown coding": (b"Transfer-Encoding: cow",),
        "no coding": (b"Transfer-Encoding: identity",),
        "something after chunked": (b"Transfer-Encoding: chunked, identity",),
        "a tab before chunked": (b"Transfer-Encoding:\tchunked",),
    }.items():
        yield name, begun(*lines, body=b"5\r\nhello\r\n0\r\n\r\n")
    for body in (
        b"zz\r\n",
        b"-1\r\n\r\n",
        b"5\r\nhelloX\r\n0\r\n\r\n",
        b"ffffffffffffffffff\r\n",
        b"5 \r\nhello\r\n0\r\n\r\n",
        b"\r\n",
        b"5\nhello\n0\n\n",
        b"0x5\r\nhello\r\n",
    ):
        yield f"chunk {body[:8]!r}", begun(chunked, body=body)
    for path in (
        "/../../etc/passwd",
        "/v1beta//models",
        "/v1beta/%00",
        "/v1beta/%2e%2e/x",
        "/%",
        "/v1beta/models/%ff:generateContent",
        "//evil.example/x",
        "/v1beta/./models",
        "/api/history/%2e%2e",
        "/v1beta/models/a%0d%0ab:generateContent",
        "/;",
        "/?%",
        "/v1beta/models/" + "a" * 5000 + ":generateContent",
    ):
        yield f"path {path[:40]}", call(path, body=b"{}")
    for body in (
        b"",
        b"{",
        b"null",
        b"[" * 50_000,
        b'{"a":' * 20_000,
        b"\xff",
        b"\x00",
        b"{}{}",
        b'{"contents": ' + b"9" * 5000 + b"}",
        b'"\xed\xa0\x80"',
        b'{"a": NaN}',
    ):
        yield f"body {body[:12]!r}", call(body=body)
        yield f"body {body[:12]!r} to the API", call("/api/brownout", body=body)
    for coding in ("gzip", "br", "deflate", "cow", "gzip, gzip"):
        yield f"a body said to be {coding}", call(PATH, f"Content-Encoding: {coding}")
