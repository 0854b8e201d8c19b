"""The console in a real browser, in a minute: a log-in, live figures, a mode held, and axe.

`test_in_a_browser.py` does the rest, on a service that a mock leads through all modes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browsing import fits, listening, opened, settled, violations
from tests.service.conftest import TOKEN, Service, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    "",
    "/brownout",
    "/brownout/policy",
    "/brownout/versions",
    "/brownout/versions/1",
    "/brownout/impact",
    "/incidents",
    "/incidents/1",
    "/observability",
    "/runs",
    "/settings",
    "/help",
    "/help/reference/policy",
    "/help?q=kill+switch",
)
SCHEMES = ("light", "dark")

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that asks for a log-in, and has had an incident."""
    with serving(tmp_path_factory.mktemp("core")) as found:
        found.wait_for_tick()
        hold(found, "emergency")
        hold(found, "normal")
        assert found.app.state.dependencies.store.flush()
        yield found


def hold(service: Service, mode: str) -> None:
    """Order a mode, and wait until it is decided."""
    with service.client() as client:
        order = {"mode": mode, "duration": "1h", "reason": "a drill"}
        assert client.post("/api/brownout", json=order).status_code == 200
    service.wait_for_next_tick()
    service.wait_for_next_tick()


@pytest.fixture(scope="module")
def page(browser: Browser, locked: Service) -> Iterator[Page]:
    """Logged in, by the form."""
    context = opened(
        browser, base_url=locked.url, viewport={"width": 1280, "height": 900}, bypass_csp=True
    )
    found = context.new_page()
    # Of a form with a mistake and of a wrong token the browser says so itself.
    with listening(found, "status of 4"):
        found.goto("/console/brownout")
        assert violations(found) == []
        found.fill("#token", "not this one")
        found.keyboard.press("Enter")
        found.wait_for_selector("#token-error >> text=No such token")
        found.fill("#token", TOKEN)
        found.keyboard.press("Enter")
        found.wait_for_url("**/console/brownout")
        found.wait_for_selector("text=admin · admin")
        yield found
        context.close()


def test_the_dashboard_follows_the_ticks(page: Page) -> None:
    """Without being loaded again."""
    settled(page, "/console")
    page.wait_for_selector("#line canvas")
    assert page.evaluate(
        """() => new Promise((done) => new MutationObserver(() => done(true)).observe(
            document.getElementById("figures"),
            { subtree: true, childList: true, characterData: true }))"""
    )


def test_a_mode_is_held_and_given_back(page: Page) -> None:
    """What is entered wrongly is said at its field, and changes nothing."""
    settled(page, "/console/brownout")
    page.select_option("#hold-mode", "soft")
    page.fill("#hold-duration", "soon")
    page.fill("#hold-reason", "a try")
    page.click("text=Hold it")
    page.wait_for_selector("#hold-duration-error >> text=expected a duration")
    page.fill("#hold-duration", "10m")
    page.click("text=Hold it")
    page.wait_for_selector("text=soft is held until")
    page.wait_for_selector("#standing .mode.soft")
    page.fill("#auto-reason", "enough")
    page.press("#auto-reason", "Enter")
    page.wait_for_selector("text=The controller decides again.")
    page.wait_for_selector("#standing .tag.warn", state="detached")


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible(page: Page, path: str) -> None:
    """Axe finds nothing in light and dark, and nothing sticks out on a phone."""
    settled(page, f"/console{path}")
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        assert violations(page) == []
    fits(page, 360)
    page.set_viewport_size({"width": 1280, "height": 900})
