"""The page in a real browser: dragged, typed, undone, linked, and read by those who cannot see."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browsing import fits, launched, listening, opened, violations
from tests.service.conftest import Service

pytest.importorskip("playwright", reason="Playwright is not installed")

from playwright.sync_api import (
    Browser,
    Locator,
    Page,
    Request,
    Route,
    expect,
)

HOME = "/console/playground?on=latency_spike&base=default"
SOFT = '[data-path="thresholds.soft.latency_p95"]'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for all tests."""
    with launched() as found:
        yield found


@pytest.fixture
def page(browser: Browser, service: Service) -> Iterator[Page]:
    """The page at rest; what it says on its console fails the test."""
    context = opened(
        browser, base_url=service.url, viewport={"width": 1280, "height": 1400}, bypass_csp=True
    )
    found = context.new_page()
    with listening(found, "422"):
        found.goto(HOME)
        settled(found)
        yield found
        context.close()


def settled(page: Page, amount: str | None = None) -> None:
    """Wait until ten replications of what is asked are told."""
    expect(page.locator("body")).to_have_attribute(
        "data-settled", re.compile("on=" if amount is None else re.escape(amount))
    )


def drag(page: Page, handle: Locator, by: float, steps: int = 6) -> None:
    """Drag a line by so many pixels."""
    box = handle.locator(".grip").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, steps + 1):
        page.mouse.move(x, y + by * step / steps)
    page.mouse.up()


@pytest.mark.browser
def test_a_dragged_line_draws_the_hour_again_over_the_last_answer(page: Page) -> None:
    """One replication on the way, ten at the end, the address, undo and redo."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    soft = page.locator(f"#handles {SOFT}")
    assert soft.get_attribute("aria-valuetext") == "15 s"
    drag(page, soft, 60)
    settled(page, "thresholds.soft.latency_p95=")
    value = float(soft.get_attribute("aria-valuenow") or 0)
    assert 5 < value < 12
    assert any("/draw?" in url and "latency_p95=" in url for url in asked)
    assert sum("/settle?" in url for url in asked) == 1
    assert "thresholds.soft.latency_p95=" in page.url
    expect(page.locator("#bands .ghost")).to_be_visible()
    latency = page.locator('[data-metric="latency_p95_s"]')
    expect(latency).to_contain_text("to last")
    expect(latency).to_contain_text("better")
    expect(page.locator('[data-metric="shed_share"]')).to_contain_text("no change")
    expect(page.locator("#sentence")).to_contain_text("Against static it gains P95 latency")
    expect(page.locator("#counted")).to_contain_text("3 replications")

    page.get_by_role("button", name="Undo").click()
    settled(page, "base=default")
    expect(soft).to_have_attribute("aria-valuetext", "15 s")
    assert "latency_p95" not in page.url
    page.keyboard.press("Control+y")
    settled(page, "thresholds.soft.latency_p95=")
    assert float(soft.get_attribute("aria-valuenow") or 0) == pytest.approx(value, rel=0.01)


@pytest.mark.browser
def test_each_move_of_a_drag_is_drawn_and_the_picture_stays_under_the_pointer(page: Page) -> None:
    """Whatever the figures above it say meanwhile, and however long they are."""
    grip = page.locator(f"#handles {SOFT} .grip")
    box = grip.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    at_rest = page.locator("#picture").bounding_box()
    page.mouse.move(x, y)
    page.mouse.down()
    drawn = {page.locator("body").get_attribute("data-drawn")}
    for by in (15, 30, 45, 30, -15):
        page.mouse.move(x, y + by)
        shown = page.locator(f"#handles {SOFT}").get_attribute("aria-valuetext")
        value = f"thresholds.soft.latency_p95={shown}"
        expect(page.locator("body")).to_have_attribute(
            "data-drawn", re.compile(re.escape(value.replace(" ", "")))
        )
        drawn.add(page.locator("body").get_attribute("data-drawn"))
        assert page.locator("#picture").bounding_box() == at_rest
        now = grip.bounding_box()
        assert now is not None
        assert now["y"] + now["height"] / 2 == pytest.approx(y + by, abs=2)
    assert len(drawn) == 5
    page.mouse.up()
    settled(page, "thresholds.soft.latency_p95=")


@pytest.mark.live
def test_lines_are_moved_by_keys_and_bound_each_other(page: Page) -> None:
    """A milder mode is not entered after a worse one, whatever is pressed."""
    soft = page.locator(f"#handles {SOFT}")
    soft.focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    settled(page, "latency_p95=13.6s")
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    settled(page, "latency_p95=24")
    assert float(soft.get_attribute("aria-valuenow") or 0) < 24.95
    expect(page.locator("#problem")).to_be_hidden()


@pytest.mark.live
def test_numbers_are_typed_slid_and_refused_at_their_field(page: Page) -> None:
    """What is refused changes nothing."""
    field = page.locator(f"#knobs {SOFT}")
    field.fill("8s")
    field.press("Enter")
    settled(page, "thresholds.soft.latency_p95=8s")
    expect(page.locator(f"#handles {SOFT}")).to_have_attribute("aria-valuetext", "8 s")
    field.fill("soon")
    field.press("Enter")
    wrong = page.locator(".knob .error:visible")
    expect(wrong).to_contain_text("found 'soon'")
    expect(field).to_have_attribute("aria-invalid", "true")
    assert "latency_p95=8s" in page.url
    hold = page.get_by_role("slider", name="hold before a milder mode is tried")
    hold.focus()
    hold.press("ArrowRight")
    settled(page, "ladder.hold=")
    page.get_by_text("Shares that worse modes shed").click()
    shed = page.get_by_role("textbox", name="soft sheds of low priority")
    shed.fill("30%")
    shed.press("Enter")
    settled(page, "modes.soft.shed.low=30%25")
    assert "ladder.hold=" in page.url


@pytest.mark.live
def test_a_newer_question_drops_the_older_one(page: Page) -> None:
    """What was asked before is called off, in the browser and in the simulator."""
    dropped: list[str] = []
    held: list[Route] = []

    def hear(request: Request) -> None:
        dropped.append(request.url)

    def hold(route: Route) -> None:
        held.append(route)

    page.on("requestfailed", hear)
    # It is held on its way, so that it is surely under way when the next question comes.
    page.route(re.compile(r"/settle\?.*overload_for_hours"), hold)
    page.locator("#on").select_option("overload_for_hours")
    expect(page.locator("#counted")).to_contain_text("ten replications are under way")
    expect(page.locator("body")).to_have_attribute("data-drawn", re.compile("overload_for_hours"))
    page.locator("#on").select_option("steady")
    settled(page, "on=steady")
    assert len(held) == 1
    assert [held[0].request.url] == [url for url in dropped if "/settle?" in url]
    expect(page.locator("#hour-title")).not_to_contain_text("overload")


@pytest.mark.live
def test_a_link_shows_the_same_again_and_yaml_and_gate_take_it_on(
    page: Page, browser: Browser, service: Service
) -> None:
    """Copy, open elsewhere, save, gate."""
    field = page.locator(f"#knobs {SOFT}")
    field.fill("8.5s")
    field.press("Enter")
    settled(page, "latency_p95=8.5s")
    mine = page.locator("#tiles").inner_text()
    elsewhere = opened(browser, viewport={"width": 390, "height": 900})
    other = elsewhere.new_page()
    other.goto(page.url)
    other.wait_for_selector("body[data-settled*='8.5s']")
    # The last answer is not in the link; everything else is.
    quality = re.findall(r"Quality of answers\n([\d.]+)", mine)
    assert quality and quality == re.findall(
        r"Quality of answers\n([\d.]+)", other.locator("#tiles").inner_text()
    )
    fits(other, 390)
    elsewhere.close()

    page.get_by_role("button", name="Copy as YAML").click()
    code = page.locator("#dialog-code")
    expect(code).to_have_value(re.compile(r"latency_p95: 8500ms"))
    page.locator("#dialog-close").click()
    page.get_by_role("button", name="Send to the gate").click()
    expect(code).to_have_value(re.compile(r"^open-balancer gate latency_spike --candidate"))
    with page.expect_download() as saved:
        page.get_by_role("link", name="candidate.yaml").click()
    assert "8500ms" in Path(saved.value.path()).read_text(encoding="utf-8")
    expect(page.get_by_role("button", name="Start it here")).to_be_visible()


@pytest.mark.live
def test_a_change_of_mode_tells_its_reason(page: Page) -> None:
    """Under the pointer, and in the table for everybody else."""
    canvas = page.locator("#canvas").bounding_box()
    assert canvas is not None
    row = page.locator("#changes tbody tr").first
    page.get_by_text(re.compile("Changes of mode: ")).click()
    expect(row).to_contain_text("soft: latency_p95")
    at = page.locator("#bands .now span.soft").first.bounding_box()
    assert at is not None
    page.mouse.move(at["x"], canvas["y"] + 6)
    tip = page.locator("#tip")
    expect(tip).to_contain_text("normal to soft")
    expect(tip).to_contain_text("soft: latency_p95")
    page.mouse.move(at["x"] + 40, canvas["y"] + 120)
    expect(tip).to_contain_text("static")


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_anybody(page: Page, scheme: str) -> None:
    """Axe finds nothing against WCAG 2.2 AA, at two widths."""
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    page.get_by_text("Shares that worse modes shed").click()
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert violations(page) == []
