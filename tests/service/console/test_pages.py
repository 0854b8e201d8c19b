"""What pages say and do, without a browser: forms, versions, incidents, the audit log, the help."""

from __future__ import annotations

import asyncio
import gzip
import html
import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from fastapi import APIRouter, Request, Response
from starlette.datastructures import Headers

from balancer.core.modes import Mode
from balancer.service.app import create_app
from balancer.service.console import Console, Page, visitor_of
from balancer.service.console.assets import Assets
from balancer.service.console.help import search
from balancer.service.console.jobs import Job, Jobs
from balancer.service.console.markdown import to_html
from balancer.service.console.pages import menu
from balancer.service.console.words import clock, count, seconds, share, span, usd
from balancer.service.history.tables import AUDIT
from balancer.service.problems import Problem
from balancer.version import VERSION
from tests.service.conftest import KEY, Service, Start
from tests.service.console.conftest import errors, visiting
from tests.service.upstream import answer, response
from tests.waiting import until

PAGES = ("", "/brownout", "/brownout/policy", "/brownout/versions", "/brownout/impact",
         "/incidents", "/observability", "/runs", "/settings", "/help")  # fmt: skip


def audited(service: Service) -> list[dict[str, str]]:
    """The audit log, the first entry first."""
    store = service.app.state.dependencies.store
    assert store.flush()
    return list(reversed(store.page(AUDIT, limit=50).rows))


# ----------------------------------------------------------------------------------- pages


def test_every_page_opens_and_knows_its_place(open_service: Service) -> None:
    """In the menu."""
    with visiting(open_service) as client:
        for path in PAGES:
            page = client.get("/console" + path)
            assert page.status_code == 200, page.text
            assert page.text.count('aria-current="page"') >= 1


@pytest.mark.parametrize("text", ["\ud800x", "a\0b", "<b>", "m" * 100_000])
def test_every_page_opens_whatever_models_are_named(open_service: Service, text: str) -> None:
    """In bodies, where any text may stand; all that reads the counts goes on."""
    said = json.dumps({"candidates": [], "modelVersion": text, "model": text}).encode()
    open_service.script.say(response(200, said, "content-type: application/json"))
    asked = {
        "openai/chat/completions": {"model": text, "messages": [{"role": "user", "content": "a"}]},
        "interactions": {"model": text, "input": "a"},
        "models/gemini-2.5-flash:generateContent": {"contents": [{"parts": [{"text": "a"}]}]},
    }

    def counted() -> set[str]:
        return {entry.model for seen in open_service.seen for entry in seen.served}

    with visiting(open_service) as client:
        for path, body in asked.items():
            client.post(f"/v1beta/{path}", content=json.dumps(body).encode())
        until(lambda: len(counted()) > 1, "they are counted")
        for path in PAGES:
            assert client.get("/console" + path).status_code == 200, path
        for path in ("/metrics", "/api/metrics", "/api/history/modes", "/readyz"):
            assert client.get(path).status_code == 200, path
    assert counted() == {"gemini-2.5-flash", "m" * 256 if text[0] == "m" else "(other)"}


@pytest.mark.parametrize(
    "path", ["nowhere", "incidents/9", "runs/9", "brownout/versions/9", "help/none", "live/none"]
)
def test_what_is_not_there_is_said(open_service: Service, path: str) -> None:
    """As a page, not as JSON."""
    with visiting(open_service) as client:
        answer = client.get(f"/console/{path}")
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


def test_a_page_of_others_stands_in_the_menu(open_service: Service, tmp_path: Path) -> None:
    """Where it asks to, with its templates and files beside it."""
    (tmp_path / "extra.html").write_text(
        '{% extends "frame.html" %}{% block main %}{{ asset("extra/a.js") }}{% endblock %}'
    )
    (tmp_path / "a.js").write_text("1")

    def routes(console: Console) -> APIRouter:
        router = APIRouter()

        @router.get("/console/extra")
        async def page(request: Request) -> Response:
            assert visitor_of(request).name == "local"
            return console.page(request, "extra", "extra.html")

        return router

    extra = Page(
        name="extra", label="Extra", routes=routes, after="brownout",
        templates=tmp_path, static=tmp_path,
    )  # fmt: skip
    app = create_app(open_service.balancer, open_service.settings, (extra,))

    async def visit() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            file = await client.get("/console/static/extra/a.js")
            assert file.text == "1"
            return await client.get("/console/extra")

    page = asyncio.run(visit())
    labels = re.findall(r'<li><a href="[^"]*"[^>]*>([^<]*)', page.text)
    assert labels[:4] == ["Dashboard", "Brownout", "Extra", "Incidents"]
    assert "/console/static/extra/a.js?v=" in page.text


def test_the_last_place_of_the_menu_is_for_pages_that_follow_nobody() -> None:
    """Or somebody who is not there."""
    first, second = (
        Page(name=name, label=name, routes=lambda _: APIRouter()) for name in ("one", "two")
    )
    third = Page(name="three", label="three", routes=lambda _: APIRouter(), after="none")
    assert [page.name for page in menu((first, second), (third,))] == ["one", "two", "three"]
    assert (first.path, replace(first, name="").path) == ("/console/one", "/console")


# ------------------------------------------------------------------------------- brownout


def test_a_mode_is_held_and_given_back(open_service: Service) -> None:
    """Every order is kept with what was before it."""
    open_service.wait_for_tick()
    with visiting(open_service) as client:
        form = {"mode": "hard", "duration": "10m", "reason": "a drill"}
        assert client.post("/console/brownout/hold", data=form).status_code == 303
        open_service.wait_for_next_tick()
        order = open_service.balancer.status().override
        assert order is not None
        assert (order.mode, order.reason) == (Mode.HARD, "a drill")
        assert "hard is held until" in client.get("/console/brownout").text
        client.post("/console/brownout/auto", data={"reason": "over"})
        open_service.wait_for_next_tick()
        assert open_service.balancer.status().override is None
    held, given_back = audited(open_service)
    assert (held["who"], held["what"], held["before"]) == ("local", "hold a mode", "normal")
    assert held["after"].startswith("hard is held until")
    assert given_back["before"] == "hard, held: a drill"


@pytest.mark.parametrize(
    ("form", "field", "said"),
    [
        ({"mode": "hard", "duration": "soon", "reason": "x"}, "hold-duration", "expected a dur"),
        ({"mode": "hard", "duration": "48h", "reason": "x"}, "hold-duration", "24 hours"),
        ({"mode": "hard", "duration": "5m", "reason": " "}, "hold-reason", "Enter something"),
        ({"mode": "worse", "duration": "5m", "reason": "x"}, "hold-mode", "should be"),
    ],
)
def test_an_order_that_cannot_be_meant_changes_nothing(
    open_service: Service, form: dict[str, str], field: str, said: str
) -> None:
    """The message is at its field, and what was entered is still there."""
    with visiting(open_service) as client:
        answer = client.post("/console/brownout/hold", data=form)
    assert answer.status_code == 422
    assert said in errors(answer)[field]
    assert f'value="{form["duration"]}"' in answer.text
    assert open_service.balancer.status().override is None
    assert audited(open_service) == []


def test_the_kill_switch_is_used_and_switched_off(open_service: Service) -> None:
    """With a reason each time."""
    with visiting(open_service) as client:
        client.post("/console/brownout/kill", data={"reason": "all is lost"})
        assert open_service.balancer.bypassed == "all is lost"
        assert "The kill switch is on" in client.get("/console").text
        client.post("/console/brownout/resume", data={"reason": "it was not"})
    assert not open_service.balancer.bypassed
    assert [row["what"] for row in audited(open_service)] == ["kill switch on", "kill switch off"]


def test_a_prompt_goes_through_every_mode(start: Start) -> None:
    """And the controller does not see it."""
    service = start(token=None, gemini_key=KEY)
    service.script.say(*(answer("Hello", prompt=1000, output=100) for _ in range(4)))
    with visiting(service) as client:
        page = client.post("/console/brownout/try", data={"prompt": "hi", "model": ""})
        assert page.text.count('<p class="answer">Hello') == 4
        service.balancer.close()
        assert client.get("/api/metrics?window=1m").json()["performance"]["requests"] == 0


def test_what_cannot_be_tried_is_said_at_its_field(start: Start) -> None:
    """Nothing is asked."""
    service = start(token=None, gemini_key=KEY)
    with visiting(service) as client:
        empty = client.post("/console/brownout/try", data={"prompt": " ", "model": ""})
        unknown = client.post("/console/brownout/try", data={"prompt": "hi", "model": "gemini-9"})
    assert errors(empty) == {"try-prompt": "Enter something here."}
    assert "unknown model" in errors(unknown)["try-model"]


# --------------------------------------------------------------------------------- policy


def policy_text(client: httpx.Client) -> str:
    """The YAML in the form."""
    page = client.get("/console/brownout/policy").text
    found = re.search(r'id="policy-text"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    assert found
    return html.unescape(found[1])


@pytest.mark.slow
def test_a_policy_is_checked_applied_and_brought_back(open_service: Service) -> None:
    """Each version is one."""
    policies = open_service.app.state.dependencies.policies
    first = policies.current.number
    with visiting(open_service) as client:
        changed = policy_text(client).replace("above: 15s", "above: 12s")
        checked = client.post("/console/brownout/policy/check", data={"text": changed})
        assert "soft begins at P95 latency 12s, was 15s" in checked.text
        assert policies.current.number == first
        form = {"text": changed, "reason": "a try", "if_version": str(first)}
        assert client.post("/console/brownout/policy/apply", data=form).status_code == 303
        assert policies.current.number == first + 1
        late = client.post("/console/brownout/policy/apply", data=form)
        assert late.status_code == 422
        assert "somebody was faster" in html.unescape(late.text)
        version = f"/console/brownout/versions/{first}"
        assert "soft begins at P95 latency 15s, was 12s" in client.get(version).text
        assert errors(client.post(f"{version}/restore", data={"reason": ""})) == {
            "restore-reason": "Enter something here."
        }
        client.post(f"{version}/restore", data={"reason": "it was better"})
    assert policies.current.restores == first
    assert [row["what"] for row in audited(open_service)] == [
        "change the policy",
        "bring a policy back",
    ]


def test_a_mistake_in_the_yaml_is_said_with_its_line(open_service: Service) -> None:
    """And the policy stays."""
    policies = open_service.app.state.dependencies.policies
    before = policies.current
    with visiting(open_service) as client:
        text = policy_text(client).replace("law:", "lwa:")
        for path in ("check", "apply", "../impact/start"):
            page = client.post(
                f"/console/brownout/policy/{path}", data={"text": text, "reason": "x", "on": "hour"}
            )
            assert page.status_code == 422
            (said,) = errors(page).values()
            assert re.match(r"Line 2: unknown key 'lwa' \(did you mean 'law'\?\)", said)
            assert "lwa:" in page.text
    assert policies.current == before


def test_a_threshold_of_the_form_fills_in_the_yaml(open_service: Service) -> None:
    """One that cannot be meant is said at its own field."""
    with visiting(open_service) as client:
        path = "/console/brownout/policy/thresholds"
        good = client.post(path, data={"hard-latency_p95": "30s"})
        assert "hard begins at P95 latency 30s, was 25s" in good.text
        bad = client.post(path, data={"hard-latency_p95": "30s", "soft-error_rate": "many"})
    assert bad.status_code == 422
    assert list(errors(bad)) == ["thresholds-soft-error_rate"]
    assert 'value="many"' in bad.text


# -------------------------------------------------------------------------- observability


def test_a_view_is_kept_once_by_its_name(open_service: Service) -> None:
    """And removed."""
    with visiting(open_service) as client:
        path = "/console/observability/views"
        form = {"metric": "cost", "split": "mode", "range": "7d", "name": "Cost"}
        assert client.post(path, data=form).headers["location"] == (
            "/console/observability?metric=cost&split=mode&range=7d"
        )
        assert "of this name" in errors(client.post(path, data=form))["view-name"]
        assert "at most 60" in errors(client.post(path, data={**form, "name": ""}))["view-name"]
        assert client.post(path, data={**form, "metric": "none"}).status_code == 422
        client.post(f"{path}/1/remove", data={"go": ""})
        assert client.post(f"{path}/1/remove", data={"go": ""}).status_code == 404
    assert [row["what"] for row in audited(open_service)] == ["save a view", "remove a view"]


def test_csv_holds_no_formula(open_service: Service) -> None:
    """A caller chose the key's name."""
    open_service.script.say(answer("x"))
    path = "/v1beta/models/gemini-2.5-flash:generateContent"
    body = {"contents": [{"parts": [{"text": "hi"}]}]}
    with visiting(open_service) as client:
        client.post(path, json=body, headers={"x-open-balancer-key": "=1+1"})
        open_service.balancer.close()
        open_service.app.state.console.rollups.flush()
        assert open_service.app.state.dependencies.store.flush()
        found = client.get("/console/observability/data.csv?metric=key_requests&split=key")
    assert found.headers["content-type"].startswith("text/csv")
    assert found.text.splitlines()[0] == "time,'=1+1"


# ----------------------------------------------------------------------------------- runs


def test_a_run_is_the_commands_own(tmp_path: Path) -> None:
    """It has a number, a folder, a log and an end; another process of the service finds it."""

    async def play() -> Jobs:
        jobs = Jobs(tmp_path)
        job = await jobs.start("version", "what runs", [], "ana", {"a.yaml": "x: 1"})
        waits = await jobs.start("version", "later", [], "ana")
        jobs.stop(waits.number)
        await jobs.idle()
        assert (job.state, job.code) == ("done", 0)
        assert VERSION in jobs.tail(job.number)
        await jobs.close()
        return jobs

    jobs = asyncio.run(play())
    assert [job.state for job in Jobs(tmp_path).newest()] == ["stopped", "done"]
    assert (jobs.folder(1) / "a.yaml").read_text() == "x: 1"


@pytest.mark.slow
def test_runs_wait_in_a_bounded_queue(tmp_path: Path) -> None:
    """One that cannot run says why."""

    async def play() -> None:
        jobs = Jobs(tmp_path)
        for _ in range(11):
            await jobs.start("run", "x", ["no-such-scenario"], "ana")
        with pytest.raises(Problem) as refused:
            await jobs.start("run", "x", ["no-such-scenario"], "ana")
        assert refused.value.status == 429
        for number in range(2, 12):
            jobs.stop(number)
        await jobs.idle()
        first = jobs.get(1)
        assert (first.state, first.verdict) == ("failed", "cannot be run")
        assert "no-such-scenario" in jobs.tail(1)
        await jobs.close()

    asyncio.run(play())


def test_a_run_shows_its_own_files_only(open_service: Service) -> None:
    """In a sandbox."""
    folder = open_service.settings.data / "runs" / "0001"
    folder.mkdir(parents=True)
    (folder / "report.html").write_text("<h1>fine</h1>")
    jobs = open_service.app.state.console.jobs
    jobs._jobs[1] = Job(number=1, kind="run", title="x", words=[], who="ana", asked_at=0.0)
    with visiting(open_service) as client:
        page = client.get("/console/runs/1/files/report.html")
        assert page.headers["content-security-policy"].startswith("sandbox")
        for name in ("../../history.sqlite3", "%2e%2e/%2e%2e/owner", "none.html"):
            assert client.get(f"/console/runs/1/files/{name}").status_code == 404


def test_a_run_whose_file_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    """The others are there."""
    whole = {"number": 3, "kind": "run", "title": "t", "words": [], "who": "w", "asked_at": 1.0}
    for name, text in (("0001", "[" * 100_000), ("0002", json.dumps({**whole, "number": "2"})),
                       ("0003", json.dumps(whole))):  # fmt: skip
        (tmp_path / name).mkdir()
        (tmp_path / name / "job.json").write_text(text)
    assert [job.number for job in Jobs(tmp_path).newest()] == [3]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"kind": "tune", "scenario": "steady"}, "run-kind"),
        ({"kind": "run", "scenario": "--help"}, "run-scenario"),
        ({"kind": "run", "scenario": "steady", "replications": "-1"}, "run-replications"),
    ],
)
def test_a_run_that_cannot_be_meant_is_not_started(
    open_service: Service, form: dict[str, str], field: str
) -> None:
    """Nothing of a form reaches the command that is not of a list."""
    with visiting(open_service) as client:
        page = client.post("/console/runs/start", data=form)
    assert page.status_code == 422
    assert list(errors(page)) == [field]
    assert open_service.app.state.console.jobs.newest() == []


# ---------------------------------------------------------------------------- help, files


def test_the_help_finds_pages_by_all_their_words() -> None:
    """Those that are about them first."""
    assert search("policy files")[0].document.name == "reference/policy"
    assert search("nosuchwordanywhere") == search("") == []


def test_markdown_is_harmless() -> None:
    """No HTML, no script in a link."""
    text = to_html("# A b\n<script>x</script>\n\n[a](javascript:alert(1)) [b](c.md)", str.upper)
    assert '<h1 id="a-b">' in text
    assert "<script" not in text
    assert 'href="javascript' not in text
    assert 'href="C.MD"' in text


def test_files_are_compressed_kept_and_found_again(tmp_path: Path) -> None:
    """By what is in them."""
    (tmp_path / "a.js").write_text("x" * 5000)
    assets = Assets({"": tmp_path})
    url = assets.url("a.js")
    packed = assets.serve("a.js", Headers({"accept-encoding": "gzip"}))
    plain = assets.serve("a.js", Headers({}))
    assert gzip.decompress(bytes(packed.body)) == plain.body == b"x" * 5000
    assert "immutable" in packed.headers["cache-control"]
    again = assets.serve("a.js", Headers({"if-none-match": packed.headers["etag"]}))
    assert again.status_code == 304
    with pytest.raises(Problem):
        assets.serve("../a.js", Headers({}))
    (tmp_path / "a.js").write_text("y")
    assert Assets({"": tmp_path}).url("a.js") != url


def test_figures_are_short_and_have_their_units() -> None:
    """Unknown is a dash, and never zero."""
    assert [usd(v) for v in (None, 0.0, 0.00123, 0.25, 4.0, 1234.5, -2.5)] == [
        "–", "$0.00", "$0.0012", "$0.250", "$4.00", "$1,234", "-$2.50",
    ]  # fmt: skip
    assert [seconds(v) for v in (None, float("nan"), 0.84, 2.414, 12.4)] == [
        "–", "–", "840 ms", "2.41 s", "12.4 s",
    ]  # fmt: skip
    assert [span(v) for v in (None, 8, 60, 252, 3600, 11_100, 86_400, 187_200)] == [
        "–", "8 s", "1 min", "4 min 12 s", "1 h", "3 h 05 min", "1 d", "2 d 4 h",
    ]  # fmt: skip
    assert [share(v) for v in (None, 0, 0.0042, 0.125, 0.9982, 1)] == [
        "–", "0 %", "0.42 %", "12.5 %", "99.82 %", "100 %",
    ]  # fmt: skip
    assert [count(v) for v in (None, 412, 9310.4, 1.28e6, 3.5, 2e9)] == [
        "–", "412", "9,310", "1.28 M", "3.50", "2.00 G",
    ]  # fmt: skip
    assert (clock(None), clock(0.0)) == ("–", "01 Jan 00:00:00")
