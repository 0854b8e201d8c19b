"""The OpenAPI document shows an example of whatever goes in and comes out, and each is right."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.service.conftest import Service

METHODS = ("get", "post", "put", "delete", "patch")


@pytest.fixture(scope="module")
def document(shared: Service) -> dict[str, Any]:
    """As the service gives it."""
    with shared.client() as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What goes in and comes out: where, and as the document describes it."""
    for path, methods in document["paths"].items():
        for method in METHODS:
            operation = methods.get(method)
            if operation is None:
                continue
            places = {"body": operation.get("requestBody", {})} | operation["responses"]
            for place, described in places.items():
                for kind, content in described.get("content", {}).items():
                    yield f"{method} {path} {place} {kind}", content


def examples(document: dict[str, Any], content: dict[str, Any]) -> list[Any]:
    """Those of a body: beside its schema, or in it."""
    named = [entry["value"] for entry in content.get("examples", {}).values()]
    own = [content["example"]] if "example" in content else []
    name = content.get("schema", {}).get("$ref", "").rpartition("/")[2]
    schema = document["components"]["schemas"].get(name, {})
    return [*own, *named] or schema.get("examples", [])


def strict(document: dict[str, Any]) -> dict[str, Any]:
    """The document, refusing members that it does not name."""
    found = copy.deepcopy(document)
    for schema in found["components"]["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


def test_whatever_goes_in_or_comes_out_has_an_example(document: dict[str, Any]) -> None:
    """Every route, answers and refusals alike."""
    found = list(bodies(document))
    assert len(found) > 60
    assert [where for where, content in found if not examples(document, content)] == []


def test_every_example_is_what_its_schema_says(document: dict[str, Any]) -> None:
    """Kinds and members, with none that is not named."""
    root = strict(document)
    wrong = []
    for where, content in bodies(root):
        schema = {**content.get("schema", {}), "components": root["components"]}
        if "schema" not in content:
            continue  # Markdown
        for example in examples(root, content):
            errors = list(Draft202012Validator(schema).iter_errors(example))
            wrong += [f"{where}: {error.json_path}: {error.message:.200}" for error in errors]
    assert wrong == []


def test_null_is_shown_where_it_is_given(document: dict[str, Any]) -> None:
    """It means something: FastAPI by itself would leave it out."""
    schemas = document["components"]["schemas"]
    assert schemas["Metrics"]["examples"][0]["business"]["quality_score"] is None
    assert schemas["IncidentPage"]["examples"][0]["before"] is None


def test_examples_of_refusals_say_their_status(document: dict[str, Any]) -> None:
    """Each its own."""
    for where, content in bodies(document):
        status = where.split()[2]
        if status.startswith("4") or (status == "503" and "/readyz" not in where):
            (example,) = examples(document, content)
            assert str(example["error"]["code"]) == status


@pytest.mark.parametrize(
    "path",
    [
        "/api/metrics",
        "/api/brownout",
        "/api/history/policies",
        "/api/history/policies/1",
        "/api/incidents",
        "/api/webhooks/datadog/brownout",
        "/healthz",
        "/readyz",
    ],
)
def test_a_real_answer_has_the_members_of_the_example(
    untouched: Service, document: dict[str, Any], path: str
) -> None:
    """So that an example never shows what there no longer is."""
    described = {
        "/api/history/policies": "/api/history/{kind}",
        "/api/history/policies/1": "/api/history/policies/{version}",
    }.get(path, path)
    content = document["paths"][described]["get"]["responses"]["200"]["content"]
    shown = examples(document, content["application/json"])
    with untouched.client() as client:
        found = client.get(path).json()
    assert set(found) == set(shown[0])
    for entries in ("entries", "incidents"):
        if found.get(entries):
            page = next(each for each in shown if "origin" in each[entries][0])
            assert set(found[entries][0]) == set(page[entries][0])
