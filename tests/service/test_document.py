"""The OpenAPI document says no less and no more than the service does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel, ValidationError

from balancer.service.api.schemas import Order, PolicyChange
from tests.service.conftest import Service

SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
ABSENT = object()
MEMBERS: dict[type[BaseModel], dict[str, tuple[Any, ...]]] = {
    Order: {
        "mode": (ABSENT, None, "auto", "soft", "calm"),
        "bypass": (ABSENT, None, True, False, "true", 1),
        "duration": (ABSENT, None, "15m"),
        "until": (ABSENT, None, SOON),
        "reason": (ABSENT, None, "", " ", " why "),
    },
    PolicyChange: {
        "policy": (ABSENT, None, "name: x", {}, []),
        "version": (ABSENT, None, 1, 0, True, "1"),
        "if_version": (ABSENT, None, 3, False, "3"),
        "dry_run": (ABSENT, True),
        "reason": (ABSENT, "why"),
    },
}


def bodies(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """Each value of each member with each of the others."""
    members = MEMBERS[model]
    for values in product(*members.values()):
        pairs = zip(members, values, strict=True)
        yield {name: value for name, value in pairs if value is not ABSENT}


@pytest.mark.parametrize("model", MEMBERS, ids=lambda model: model.__name__)
def test_which_members_go_together_is_written_down(
    service: Service, model: type[BaseModel]
) -> None:
    """What the document calls valid is taken, and nothing else."""
    with service.client() as client:
        document = client.get("/openapi.json").json()
    schema = {**document, "$ref": f"#/components/schemas/{model.__name__}"}
    validator = jsonschema.Draft202012Validator(schema)
    taken = 0
    for body in bodies(model):
        try:
            model.model_validate_json(json.dumps(body))
        except ValidationError:
            valid = False
        else:
            valid = True
        assert validator.is_valid(body) is valid, body
        taken += valid
    assert taken


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("TRACE", "/api/metrics", "GET"),
        ("POST", "/api/metrics", "GET"),
        ("DELETE", "/api/brownout", "GET, POST, PUT"),
        ("OPTIONS", "/api/webhooks/datadog/brownout", "GET, POST"),
    ],
)
def test_a_method_that_is_not_taken_is_told_which_are(
    service: Service, method: str, path: str, allowed: str
) -> None:
    """All of them, and before anything is said of its body."""
    with service.client() as client:
        found = client.request(method, path)
    assert (found.status_code, found.headers["allow"]) == (405, allowed)
    assert found.json()["error"]["status"] == "METHOD_NOT_ALLOWED"
