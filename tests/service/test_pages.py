"""The reference page names every setting, route, metric and header."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from balancer.service.api.metrics_schemas import (
    Brownout,
    Business,
    Llm,
    ModeShare,
    Performance,
    System,
)
from balancer.service.settings import _LISTS, _VARIABLES
from tests.service.conftest import Service

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "service.md"


def test_the_page_names_every_variable_and_metric() -> None:
    """What is added must be added there."""
    text = PAGE.read_text(encoding="utf-8")
    groups: tuple[type[BaseModel], ...] = (Performance, Llm, Brownout, ModeShare, Business, System)
    names = [*_VARIABLES.values(), *_LISTS.values()]
    names += [name for group in groups for name in group.model_fields]
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_page_names_every_route(service: Service) -> None:
    """Those that the API describes."""
    text = PAGE.read_text(encoding="utf-8")
    with service.client() as client:
        paths = client.get("/openapi.json").json()["paths"]
    assert [path for path in paths if path not in text] == []


def test_the_page_names_every_header_of_ours() -> None:
    """Wherever the code reads or writes one."""
    text = PAGE.read_text(encoding="utf-8")
    root = PAGE.parents[2] / "balancer" / "service"
    code = "".join(path.read_text(encoding="utf-8") for path in root.rglob("*.py"))
    headers = set(re.findall(r'b"(x-open-balancer-[a-z-]*[a-z])"', code))
    assert len(headers) >= 7
    assert sorted(header for header in headers if f"`{header}`" not in text) == []
