"""What the proxy takes goes to it before any framework."""

from __future__ import annotations

from typing import NoReturn

from tests.service.conftest import KEY, Service
from tests.service.upstream import answer

PATH = "/v1beta/models/gemini-2.5-flash:generateContent"
HI = {"contents": [{"parts": [{"text": "hi"}]}]}


class _Reached(Exception):  # noqa: N818 - no error
    """A layer of the framework was."""


async def _stack(*_: object) -> NoReturn:
    raise _Reached


def test_a_call_goes_through_no_layer_of_the_framework(service: Service) -> None:
    """They would add to its latency; all that is not the proxy's goes through them."""
    service.script.say(answer("hi"))
    service.app.middleware_stack = _stack
    with service.client(headers={"x-goog-api-key": KEY}) as client:
        assert client.post(PATH, json=HI).status_code == 200
        assert client.get("/healthz").status_code == 500
