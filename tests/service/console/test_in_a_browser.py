"""The console in a real browser, on a service that a mock leads through all modes and back."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from balancer.service.console_use import ConsoleUse, Person, Role
from tests.browsing import fits, listening, opened, settled, violations
from tests.service.conftest import TOKEN, Start

pytest.importorskip("playwright", reason="Playwright is not installed")

from playwright.sync_api import expect

from tests.waiting import GIVE_UP_S

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PAGES = (
    "/console",
    "/console?window=24h",
    "/console/brownout",
    "/console/brownout/policy",
    "/console/brownout/versions",
    "/console/brownout/versions/1",
    "/console/brownout/impact",
    "/console/incidents",
    "/console/incidents/1",
    "/console/observability",
    "/console/observability?metric=cost&split=mode&range=7d",
    "/console/runs",
    "/console/settings",
    "/console/help",
    "/console/help/reference/policy",
    "/console/help?q=kill+switch",
)
MODES = ("normal", "soft", "hard", "emergency")
FIRST_PAGE_BYTES = 600_000
VERA = Person(name="vera", role=Role.VIEWER, token="a-viewers-own-token")  # noqa: S106

pytestmark = pytest.mark.live


def lead_through_all_modes(url: str) -> None:
    """Watch the stream of the console until every mode was seen and normal is back."""
    seen: set[str] = set()
    with urllib.request.urlopen(f"{url}/console/live/standing", timeout=GIVE_UP_S) as stream:  # noqa: S310
        for line in stream:
            found = re.search(rb'class="mode (\w+)', line)
            if found:
                mode = found[1].decode()
                if mode == "normal" and seen == set(MODES):
                    return
                seen.add(mode)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a service that has been through all four modes and is back."""
    pytest.importorskip("numba", reason="the extra sim is not installed")
    command = [sys.executable, "-m", "balancer.cli", "demo", "--port", "0", "--speed", "15"]
    process = subprocess.Popen(
        [*command, "--data", str(tmp_path_factory.mktemp("demo"))],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        address = next((line.split()[1] for line in lines if line.startswith("console ")), "")
        assert address, "the demo did not start"
        url = address.removesuffix("/console")

        lead_through_all_modes(url)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(GIVE_UP_S)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page in which nothing goes wrong that a test does not want."""
    context = opened(browser, viewport={"width": 1440, "height": 900})
    found = context.new_page()
    # A form with a mistake is answered by 422 and a log-in that fails by 401; the browser says so.
    # So it does of a connection that a test has cut, as does htmx.
    cut = ("ERR_INTERNET_DISCONNECTED", "Failed to fetch", "htmx:sse:error")
    with listening(found, "status of 4", *cut):
        yield found
        context.close()


# ------------------------------------------------------------------------------ simulating
# These come first, while the last hour has calls of normal mode from which it can be fitted.


def test_a_change_is_simulated_on_the_last_hour_and_then_put_in_force(
    demo: str, page: Page
) -> None:
    """Of the service's own journal, watched to its report."""
    settled(page, demo + "/console/brownout/policy")
    text = page.input_value("#policy-text")
    page.fill("#policy-text", text.replace("above: 18s", "above: 17s"))
    page.click("text=See its impact first")
    page.wait_for_selector("text=hard begins at P95 latency 17s, was 18s")
    page.select_option("#impact-on", "hour")
    page.fill("#impact-replications", "2")
    page.click("text=Simulate it")
    page.wait_for_selector("text=the last hour again")
    # It may say that the fit is not to be trusted; that is no failure.
    page.wait_for_selector("#progress a[href$='report.html']")
    page.reload()
    page.fill("#apply-reason", "it was better")
    page.click("text=Put it in force")
    page.wait_for_selector("text=is in force.")
    assert "above: 17s" in page.input_value("#policy-text")


def test_an_incident_is_played_again_under_another_policy(demo: str, page: Page) -> None:
    """Down to the report."""
    settled(page, demo + "/console/incidents")
    page.click("table a >> nth=-1")
    page.select_option("#replay-policy", "default")
    page.click("text=Simulate it")
    page.wait_for_selector("text=again, under the policy as it ships")
    page.wait_for_selector("#progress a[href$='report.html']")


# ----------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("path", PAGES)
def test_a_page_opens_without_a_fault(demo: str, page: Page, path: str) -> None:
    """In a wide window and a narrow one, where nothing sticks out."""
    settled(page, demo + path)
    for width in (1440, 360, 3840):
        fits(page, width)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_accessible(demo: str, browser: Browser, path: str, scheme: str) -> None:
    """WCAG 2.2 AA, as far as axe can tell."""
    context = opened(browser, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    settled(page, demo + path)
    found = violations(page)
    context.close()
    assert found == []


def test_the_first_page_is_small(demo: str, page: Page) -> None:
    """With everything that it loads, as it goes over the wire."""
    sizes: list[int] = []
    page.on(
        "requestfinished",
        lambda request: (
            sizes.append(request.sizes()["responseBodySize"])
            if "/live/" not in request.url
            else None
        ),
    )
    settled(page, demo + "/console")
    assert len(sizes) > 10
    assert sum(sizes) <= FIRST_PAGE_BYTES


def test_nothing_is_loaded_from_elsewhere(demo: str, page: Page) -> None:
    """No network, no console that is broken."""
    hosts: set[str] = set()
    page.on("request", lambda request: hosts.add(request.url.split("/", 3)[2]))
    for path in ("/console", "/console/observability"):
        settled(page, demo + path)
    assert hosts == {demo.split("/", 3)[2]}


# ------------------------------------------------------------------------------------ live


def test_the_dashboard_follows_the_ticks(demo: str, page: Page) -> None:
    """Without being loaded again."""
    settled(page, demo + "/console")
    assert page.evaluate(
        """() => new Promise((done) => new MutationObserver(() => done(true)).observe(
            document.getElementById("figures"),
            { subtree: true, childList: true, characterData: true }))"""
    )


def test_a_broken_stream_is_said_and_mended(demo: str, page: Page) -> None:
    """What is shown is stale until the next message."""
    settled(page, demo + "/console")
    page.route("**/console/live/**", lambda route: route.abort("internetdisconnected"))
    page.context.set_offline(offline=True)
    page.evaluate("htmx.find('#stream')._htmx.sse.reader.cancel()")
    page.wait_for_selector("body.stale")
    expect(page.locator("#pulse")).to_contain_text("stale since")
    page.unroute("**/console/live/**")
    page.context.set_offline(offline=False)
    page.wait_for_selector("body:not(.stale)")


def test_light_and_dark_are_kept(demo: str, page: Page) -> None:
    """By the browser."""
    settled(page, demo + "/console")
    page.click("#theme")
    chosen = page.evaluate("document.documentElement.dataset.theme")
    settled(page, demo + "/console/help")
    assert page.evaluate("document.documentElement.dataset.theme") == chosen == "dark"


# --------------------------------------------------------------------------------- actions


def test_a_mode_is_held_and_given_back_by_the_keyboard_alone(demo: str, page: Page) -> None:
    """From the first key on."""
    settled(page, demo + "/console")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    _tab_to(page, "a[href='/console/brownout']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/brownout")
    _tab_to(page, "#hold-mode")
    page.keyboard.press("h")
    _tab_to(page, "#hold-duration")
    page.keyboard.type("10m")
    _tab_to(page, "#hold-reason")
    page.keyboard.type("a drill")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=hard is held until")
    page.wait_for_selector("#standing .mode.hard")
    page.reload()
    _tab_to(page, "#auto-reason")
    page.keyboard.type("the drill is over")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=The controller decides again.")
    page.wait_for_selector("#standing .tag.warn", state="detached")


def _tab_to(page: Page, selector: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(60):
        if page.evaluate("s => document.activeElement.matches(s)", selector):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"no way to {selector} by the keyboard")


def test_a_form_with_a_mistake_says_so_at_the_field(demo: str, page: Page) -> None:
    """And changes nothing."""
    settled(page, demo + "/console/brownout")
    page.fill("#hold-duration", "soon")
    page.fill("#hold-reason", "a drill")
    page.click("text=Hold it")
    expect(page.locator("#hold-duration-error")).to_contain_text("expected a duration")
    expect(page.locator("#hold-duration")).to_have_attribute("aria-invalid", "true")
    assert page.input_value("#hold-reason") == "a drill"
    assert page.locator("#standing .tag.warn").count() == 0


def test_the_kill_switch_is_asked_for_twice(demo: str, page: Page) -> None:
    """And switched off again."""
    settled(page, demo + "/console/brownout")
    page.fill("#kill-reason", "a drill")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("text=Use the kill switch")
    assert page.locator("#standing .tag.bad").count() == 0
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("text=Use the kill switch")
    page.wait_for_selector("#standing >> text=kill switch: a drill")
    page.fill("#kill-reason", "over")
    page.click("text=Switch it off")
    page.wait_for_selector("text=The kill switch is off.")


def test_a_prompt_goes_through_all_four_modes(demo: str, page: Page) -> None:
    """Side by side, with what each costs."""
    settled(page, demo + "/console/brownout")
    page.fill("#try-prompt", "Say something.")
    page.click("text=Try it in all four")
    page.wait_for_selector(".four article")
    assert page.locator(".four article").count() == 4
    for mode in MODES:
        expect(page.locator(f".four article[aria-label={mode}]")).to_contain_text("$")


def test_a_policy_is_checked_applied_and_brought_back(demo: str, page: Page) -> None:
    """The form fills in the YAML; a mistake is said with its line."""
    settled(page, demo + "/console/brownout/policy")
    page.fill("#thresholds-soft-latency_p95", "soon")
    page.click("text=Look at the change")
    expect(page.locator("#thresholds-soft-latency_p95-error")).to_contain_text(
        "expected a duration"
    )
    page.fill("#thresholds-soft-latency_p95", "14s")
    page.click("text=Look at the change")
    expect(page.locator("#checked")).to_contain_text("soft begins at P95 latency 14s, was 16s")
    text = page.input_value("#policy-text")
    page.fill("#policy-text", text.replace("law:", "lwa:"))
    page.fill("#policy-reason", "a try")
    page.click("button:text('Apply it')")
    expect(page.locator("#policy-text-error")).to_contain_text(re.compile(r"^Line \d+: .*lwa"))
    page.fill("#policy-text", text)
    page.click("button:text('Apply it')")
    page.wait_for_selector("text=is in force.")
    page.goto(demo + "/console/brownout/versions/1")
    expect(page.locator("main")).to_contain_text("soft begins at P95 latency 16s, was 14s")
    page.fill("#restore-reason", "it was better")
    page.click("text=Bring it back")
    page.wait_for_selector("text=Version 1 is in force again")


def test_an_incident_is_taken_up_and_noted(demo: str, page: Page) -> None:
    """By whoever is there."""
    settled(page, demo + "/console/incidents")
    page.click("table a >> nth=-1")
    page.wait_for_selector("text=Timeline")
    assert page.locator(".timeline .mode.emergency, .timeline .mode.hard").count() > 0
    page.click("text=I have it")
    page.wait_for_selector("text=local, since")
    page.click("text=Add it")
    expect(page.locator("#note-text-error")).to_contain_text("Write something")
    page.fill("#note-text", "The model was slow.")
    page.click("text=Add it")
    page.wait_for_selector(".note >> text=The model was slow.")


def test_a_metric_is_split_kept_and_taken_away(demo: str, page: Page) -> None:
    """As a view and as CSV."""
    settled(page, demo + "/console/observability")
    page.select_option("#explore-metric", "cost")
    page.wait_for_url("**metric=cost**")
    page.select_option("#explore-split", "mode")
    page.wait_for_url("**split=mode**")
    page.wait_for_selector("#explore canvas")
    page.fill("#view-name", "Cost by mode")
    page.click("text=Keep it")
    page.wait_for_selector(".views >> text=Cost by mode")
    page.fill("#view-name", "Cost by mode")
    page.click("text=Keep it")
    expect(page.locator("#view-name-error")).to_contain_text("of this name")
    with page.expect_download() as download:
        page.click("text=CSV")
    lines = Path(download.value.path()).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("time,")
    assert len(lines) > 1
    page.click("text=Remove")
    page.wait_for_selector("text=None yet.")


def test_the_help_is_searched(demo: str, page: Page) -> None:
    """Down to the page, whose links stay inside."""
    settled(page, demo + "/console/help")
    page.fill("#q", "hard budget")
    page.press("#q", "Enter")
    page.click(".found a >> text=Policy files")
    page.wait_for_selector("article >> text=Hard budgets")
    links = page.eval_on_selector_all("article a", "all => all.map(a => a.getAttribute('href'))")
    assert links
    assert all(link.startswith(("/console/help/", "#", "https://")) for link in links)


def test_a_run_is_started_and_watched_to_its_report(demo: str, page: Page) -> None:
    """It shows what the command prints, and the report in a sandbox."""
    settled(page, demo + "/console/runs")
    page.select_option("#run-scenario", "steady")
    page.fill("#run-replications", "many")
    page.click("text=Start it")
    expect(page.locator("#run-replications-error")).to_contain_text("whole number")
    page.fill("#run-replications", "2")
    page.click("text=Start it")
    page.wait_for_selector("h1 >> text=steady, the policy in force")
    page.wait_for_selector("#progress .tag.good")
    page.click("#progress a[href$='.html']")
    page.wait_for_selector("h1")


# ----------------------------------------------------------------------------------- roles


def test_a_viewer_logs_in_looks_and_leaves(start: Start, page: Page) -> None:
    """With the buttons of operators out of reach."""
    service = start(console=ConsoleUse(people=(VERA,)))
    page.goto(service.url + "/console/brownout")
    page.fill("#token", "not this one")
    page.keyboard.press("Enter")
    expect(page.locator("#token-error")).to_contain_text("No such token")
    page.fill("#token", VERA.token)
    page.keyboard.press("Enter")
    page.wait_for_url("**/console/brownout")
    assert page.is_disabled("text=Hold it")
    assert page.locator("text=Settings").count() == 0
    page.click("text=Log out")
    page.wait_for_url("**/console/login")
    page.fill("#token", TOKEN)
    page.keyboard.press("Enter")
    page.wait_for_selector("text=admin · admin")
    page.click("text=Settings")
    page.wait_for_selector("td >> text=log-in refused")
