"""Browsers and services for the console's tests."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.browsing import launched
from tests.service.conftest import Service, Start, serving
from tests.waiting import GIVE_UP_S

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts services that end with the test."""
    with ExitStack() as stack:
        yield lambda **how: stack.enter_context(serving(how.pop("data", tmp_path / "data"), **how))


@pytest.fixture
def open_service(start: Start) -> Service:
    """Without a token: whoever is on this machine is the operator."""
    return start(token=None)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium."""
    with launched() as found:
        yield found


def csrf(page: httpx.Response) -> str:
    """The secret that the forms of a page carry."""
    found = re.search(r'name="csrf" content="([^"]*)"', page.text)
    assert found, page.text[:300]
    return found[1]


@contextmanager
def log_in(service: Service, token: str) -> Iterator[httpx.Client]:
    """A client with a session, whose forms carry the session's secret."""
    with httpx.Client(base_url=service.url, timeout=GIVE_UP_S) as client:
        answer = client.post("/console/login", data={"token": token})
        assert answer.status_code == 303, answer.text
        client.headers["x-csrf-token"] = csrf(client.get("/console"))
        yield client


@contextmanager
def visiting(service: Service) -> Iterator[httpx.Client]:
    """A client of whoever is on this machine, with the secret of its forms."""
    with service.client() as client:
        client.headers["x-csrf-token"] = csrf(client.get("/console"))
        yield client


def errors(page: httpx.Response) -> dict[str, str]:
    """Messages by the id of their field."""
    found = re.findall(r'class="error" id="([^"]*)-error">([^<]*)', page.text)
    return {name: html.unescape(text) for name, text in found}
