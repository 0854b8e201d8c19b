"""The page, and its questions: one replication while a knob is dragged, ten once it is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from balancer.core.errors import InputError
from balancer.service.console import Console, Page, visitor_of
from balancer.service.console_use import Role
from balancer.service.history import StoreError
from balancer.service.history.tables import POLICY_VERSIONS
from balancer.service.problems import Problem, body_of

from ...workers.crew import WorkerError
from ..cancelling import SupersededError
from ..playground import BusyError, Playground, Who
from ..values import Subject, Trial
from .hours import hour_of, stretches
from .question import Question, question

__all__ = ["playground_page", "playground_pages"]

T = TypeVar("T")

_HERE = Path(__file__).parent
_VERSIONS = 20


@contextmanager
def playground_pages() -> Iterator[tuple[Page, ...]]:
    """The page, with workers that end with it; to be handed to the service."""
    playground = Playground()
    try:
        yield (playground_page(playground),)
    finally:
        playground.close()


def playground_page(playground: Playground) -> Page:
    """The page of a playground."""
    return Page(
        name="playground",
        label="Playground",
        after="observability",
        routes=lambda console: _Routes(console, playground).routes(),
        templates=_HERE / "templates",
        static=_HERE / "static",
    )


class _Routes:
    """What the page asks.

    Args:
        console: that the page is in.
        playground: who answers.
    """

    def __init__(self, console: Console, playground: Playground) -> None:
        self._console = console
        self._playground = playground

    def routes(self) -> APIRouter:
        routes = APIRouter()
        for path, answer in (
            ("", self._page),
            ("/subjects", self._subjects),
            ("/draw", self._draw),
            ("/settle", self._settle),
            ("/yaml", self._yaml),
            ("/scenario", self._scenario),
        ):
            routes.add_api_route(f"/console/playground{path}", answer, methods=["GET"])
        return routes

    async def _page(self, request: Request) -> Response:
        gates = any(page.name == "runs" for page in self._console.pages)
        return self._console.page(
            request,
            "playground",
            "playground.html",
            gates=gates and visitor_of(request).role >= Role.OPERATOR,
        )

    async def _subjects(self, request: Request) -> Response:
        """Scenarios, hours of the journal and policies to choose from; workers get ready."""

        async def work() -> Response:
            await self._playground.ready()
            dependencies = self._console.dependencies
            found = {
                "scenarios": await self._playground.scenarios(_who(request)),
                "hours": [
                    asdict(each)
                    for each in await asyncio.to_thread(stretches, dependencies.balancer)
                ],
                "policies": await self._policies(),
            }
            return JSONResponse(found)

        return await _answered(request, work())

    async def _policies(self) -> list[dict[str, str]]:
        dependencies = self._console.dependencies
        current = dependencies.policies.current
        found = [
            {"base": "force", "label": f"in force: {current.name}"},
            {"base": "own", "label": "the scenario's own"},
            {"base": "default", "label": "the one that ships"},
        ]
        with suppress(StoreError):  # the others can be chosen all the same
            page = await asyncio.to_thread(
                dependencies.store.page, POLICY_VERSIONS, limit=_VERSIONS
            )
            found += [
                {"base": f"version-{row['id']}", "label": f"version {row['id']}: {row['name']}"}
                for row in page.rows
            ]
        return found

    async def _draw(self, request: Request) -> Response:
        async def work() -> Response:
            asked = question(request.query_params)
            who = _who(request, asked.tab)
            subject = await self._subject(asked, who)
            trial = Trial(text=await self._text(asked, who), amounts=asked.amounts)
            found = await self._playground.draw(who, subject, trial, asked.have)
            return Response(found, media_type="application/json")

        return await _answered(request, work())

    async def _settle(self, request: Request) -> Response:
        async def work() -> Response:
            asked = question(request.query_params)
            who = _who(request, asked.tab)
            subject, text = await self._subject(asked, who), await self._text(asked, who)
            ghost = Trial(text=text, amounts=asked.was) if asked.against else None
            return JSONResponse(
                await self._playground.settle(
                    who, subject, Trial(text=text, amounts=asked.amounts), ghost
                )
            )

        return await _answered(request, work())

    async def _yaml(self, request: Request) -> Response:
        async def work() -> Response:
            asked = question(request.query_params)
            who = _who(request, asked.tab)
            trial = Trial(text=await self._text(asked, who), amounts=asked.amounts)
            return _file(await self._playground.yaml(who, trial), "candidate.yaml")

        return await _answered(request, work())

    async def _scenario(self, request: Request) -> Response:
        """The file of a fitted hour, so that a gate can run on it."""

        async def work() -> Response:
            asked = question(request.query_params)
            subject = await self._subject(asked, _who(request, asked.tab))
            if not subject.text:
                raise Problem(404, "the library has this scenario's file", where="on")
            return _file(subject.text, f"{subject.name}.yaml")

        return await _answered(request, work())

    async def _subject(self, asked: Question, who: Who) -> Subject:
        if asked.scenario:
            return Subject(name=asked.scenario)
        balancer = self._console.dependencies.balancer
        hour = await asyncio.to_thread(hour_of, balancer, *asked.hour)
        return await self._playground.fitted(who, hour)

    async def _text(self, asked: Question, who: Who) -> str:
        """The text of the policy whose numbers are moved; "" is the one that ships."""
        dependencies = self._console.dependencies
        if asked.base == "default":
            return ""
        if asked.base == "own":
            return await self._playground.own_policy(who, asked.scenario)
        if asked.base == "force":
            return dependencies.policies.current.text
        try:
            row = await asyncio.to_thread(dependencies.store.get, POLICY_VERSIONS, asked.version)
        except StoreError as error:
            raise Problem(503, str(error)) from None
        if row is None:
            raise Problem(404, f"there is no policy version {asked.version}", where="base")
        return str(row["text"])


def _who(request: Request, tab: str = "") -> Who:
    address = request.client.host if request.client else ""
    return Who(f"{visitor_of(request).name} {address}", tab)


def _file(text: str, name: str) -> Response:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text, media_type="text/yaml; charset=utf-8", headers=headers)


async def _answered(request: Request, work: Awaitable[Response]) -> Response:
    """An answer, or why there is none; whoever hangs up is waited for no more."""
    answer = asyncio.ensure_future(_as_json(work))
    gone = asyncio.create_task(_hung_up(request.receive))
    try:
        await asyncio.wait({answer, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not answer.done():
            answer.cancel()
            return _refusal(Problem(409, "whoever asked has gone"))
        return answer.result()
    finally:
        gone.cancel()
        answer.cancel()


async def _hung_up(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _as_json(work: Awaitable[Response]) -> Response:
    """Problems as JSON, which is what the page's script reads."""
    try:
        return await work
    except Problem as problem:
        return _refusal(problem)
    except InputError as error:
        return _refusal(Problem(422, error.problem, where=error.where))
    except SupersededError as error:
        return _refusal(Problem(409, str(error)))
    except BusyError as error:
        headers = {"retry-after": str(int(error.wait_s) + 1)}
        return _refusal(Problem(429, str(error), headers=headers))
    except WorkerError as error:
        return _refusal(Problem(503, str(error)))


def _refusal(problem: Problem) -> Response:
    return JSONResponse(
        body_of(problem.status, problem.message, where=problem.where),
        status_code=problem.status,
        headers=problem.headers,
    )
