"""A real browser for tests of pages: Chromium as the system has it, and what it finds wrong."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from tests.waiting import GIVE_UP_S, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

__all__ = ["fits", "launched", "listening", "opened", "settled", "violations"]

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
_WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_FRAMES = """() => new Promise((done) =>
    requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"""


@contextmanager
def launched() -> Iterator[Browser]:
    """Chromium, for all tests of a module; they are skipped where it is not installed."""
    api = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    if not _CHROMIUM:
        pytest.skip("Chromium is not installed")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
        )
        api.expect.set_options(timeout=GIVE_UP_S * 1000)
        yield browser
        browser.close()


def opened(browser: Browser, **options: Any) -> BrowserContext:
    """A context whose pages wait for as long as a busy machine needs.

    Args:
        browser: of `launched`.
        options: of `Browser.new_context`.
    """
    context = browser.new_context(**options)
    context.set_default_timeout(GIVE_UP_S * 1000)
    return context


@contextmanager
def listening(page: Page, *expected: str) -> Iterator[None]:
    """Fail when anything goes wrong in a page, a breach of its content security policy among it.

    Args:
        page: to listen to.
        expected: words of errors that a test wants.
    """
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    yield
    assert [text for text in wrong if not any(words in text for words in expected)] == []


def settled(page: Page, address: str) -> None:
    """Go to a page of the console and wait until it is live."""
    page.goto(address)
    # No function to wait for: it would be evaluated in the page, whose CSP forbids that.
    page.wait_for_selector("#pulse.good")


def fits(page: Page, width: int) -> None:
    """Make a window so many pixels wide, and wait until nothing sticks out of it."""
    page.set_viewport_size({"width": width, "height": 900})
    wide = "document.documentElement.scrollWidth"
    until(lambda: page.evaluate(wide) <= width, f"nothing sticks out of {width} pixels")


def violations(page: Page) -> list[str]:
    """What axe finds in a page against WCAG 2.2 AA, once it has drawn what it was told last.

    The page's context needs `bypass_csp`, or a policy that lets axe in.
    """
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="no axe is here")
    page.evaluate(_FRAMES)
    found = axe.Axe().run(page, options={"runOnly": list(_WCAG)}).response["violations"]
    return [_said(each) for each in found]


def _said(violation: dict[str, Any]) -> str:
    nodes = [node["html"][:120] for node in violation["nodes"][:3]]
    return f"{violation['id']}: {nodes}"
