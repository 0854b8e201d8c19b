"""`make datadog-schemas`: our requests against the OpenAPI documents that Datadog publishes.

The source distribution of `datadog-api-client` carries them. They are 10 MB, so they are not in
this project and not in the tests: this command downloads them by pip (or takes the
directory in OPEN_BALANCER_DATADOG_SCHEMAS), cuts out what we use, has the real client send every
kind of request to the fake, and validates each body, with unknown keys refused.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from balancer.adapters.datadog.applying import apply, plan, plan_removal
from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.definitions import definitions_of
from balancer.adapters.datadog.happenings import (
    close_incident,
    open_incident,
    send_mode_event,
    update_incident,
)
from balancer.adapters.datadog.monitors import Target
from balancer.adapters.datadog.poller import Poller
from balancer.adapters.datadog.settings import Settings
from balancer.core.modes import Mode
from balancer.policy_file import default_policy, parse_policy
from tests.adapters.datadog.fake import API_KEY, APP_KEY, a_datadog

NAME: Final = "datadog-api-client"
VARIABLE: Final = "OPEN_BALANCER_DATADOG_SCHEMAS"
_REFERENCE = re.compile(r'"#/components/schemas/([A-Za-z0-9_]+)"')


def documents(into: Path) -> Path:
    """Directory of the documents, downloaded unless the environment names one."""
    if os.environ.get(VARIABLE):
        return Path(os.environ[VARIABLE])
    package = f"{NAME}=={version(NAME)}"
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    subprocess.run([*pip, "--no-binary", NAME, "--dest", str(into), package], check=True)
    (archive,) = into.glob("*.tar.gz")
    with tarfile.open(archive) as content:
        content.extractall(into, filter="data")
    (found,) = into.glob("*/.generator/schemas")
    return found


def blocks(text: str, indent: int) -> dict[str, str]:
    """Parts of a document by the key they begin with, at an indentation."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        match = re.match(rf' {{{indent}}}([^\s#][^:]*|"[^"]+"):', line)
        if match:
            current = found.setdefault(match[1].strip('"'), [])
        elif line.strip() and len(line) - len(line.lstrip()) < indent:
            current = []
        current.append(line[indent:])
    return {key: "\n".join(lines) for key, lines in found.items()}


class Document:
    """An OpenAPI document, of which only what is asked for is parsed: parsing all takes minutes."""

    def __init__(self, path: Path) -> None:
        parts = blocks(path.read_text(encoding="utf-8"), 0)
        self._paths = blocks(parts["paths"], 2)
        self._schemas = blocks(blocks(parts["components"], 2)["schemas"], 2)

    def body_schema(self, method: str, path: str) -> dict[str, Any] | None:
        """Schema of a request's body, complete; None where there is no such request."""
        for pattern, text in self._paths.items():
            if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", pattern), path):
                operation = blocks(text, 2).get(method.lower())
                if operation is None:
                    continue
                parsed = YAML(typ="safe", pure=True).load(operation)[method.lower()]
                content = parsed.get("requestBody", {}).get("content", {})
                schema = content.get("application/json", {}).get("schema", {})
                return {**strict(schema), "components": self._reachable(operation)}
        return None

    def _reachable(self, text: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        waiting = _REFERENCE.findall(text)
        while waiting:
            name = waiting.pop()
            if name not in found:
                block = self._schemas[name]
                found[name] = strict(YAML(typ="safe", pure=True).load(block)[name])
                waiting += _REFERENCE.findall(block)
        return {"schemas": found}


def strict(schema: Any) -> Any:
    """The schema as JSON Schema has it: null where it may be, and no keys it does not name."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: strict(value) for key, value in schema.items() if key not in ("example", "default")
    }
    if isinstance(schema.get("properties"), dict):
        found.setdefault("additionalProperties", False)
    return {"anyOf": [found, {"type": "null"}]} if schema.get("nullable") is True else found


def requests() -> Iterator[tuple[str, str, Any]]:
    """Every kind of request that we make, as the real client sends it."""
    target = Target(service="shop", environment="prod", notify=("@slack-a",))
    policies = [
        default_policy(),
        parse_policy(
            "thresholds:\n  soft: {latency_p99: 1s, ttft_p95: 1s, tokens_per_minute: 9k, "
            "queue_depth: 9, memory: 80%, error_rate: 3%}\n"
        ),
    ]
    with (
        a_datadog() as fake,
        Client(Settings(api_key=API_KEY, app_key=APP_KEY, host=fake.url)) as client,
    ):
        for index, policy in enumerate(policies):
            wanted = definitions_of(policy, target, "https://example.org", f"{index}" * 40)
            list(apply(client, target, plan(client, target, wanted)))
            for body in fake.monitors.values():
                body["name"] = "changed"
            for body in fake.dashboards.values():
                body["title"] = "changed"
            for body in fake.tag_configurations.values():
                body["include_percentiles"] = False
            list(apply(client, target, plan(client, target, wanted)))
            fake.series = [{}]
            Poller(client, policy, target, tick_of=int).poll(1.7e9)
        list(apply(client, target, plan_removal(client, target)))
        for mode in Mode:
            send_mode_event(client, target, before=mode, after=mode, reason="", at_s=1.7e9)
        number = open_incident(client, target, key="e", mode=Mode.HARD, summary="slow", at_s=1.7e9)
        update_incident(client, number, mode=Mode.SOFT, summary="")
        close_incident(client, number, at_s=1.7e9)
        yield from fake.requests


def main() -> int:
    """Validate; print what was found; 1 when a request is not valid."""
    with tempfile.TemporaryDirectory() as directory:
        found = documents(Path(directory))
        known = {v: Document(found / v / "openapi.yaml") for v in ("v1", "v2")}
    validators: dict[str, Draft202012Validator] = {}
    seen: dict[str, int] = {}
    problems: set[str] = set()
    for method, path, body in requests():
        if method in ("GET", "DELETE"):
            continue
        place = f"{method} {re.sub(r'/(?:[0-9]+|abc-[0-9]+|[0-9a-f-]{36})$', '/{id}', path)}"
        seen[place] = seen.get(place, 0) + 1
        if place not in validators:
            schema = known[path.split("/")[2]].body_schema(method, path)
            if schema is None:
                problems.add(f"{place}: no such request")
                continue
            validators[place] = Draft202012Validator(schema)
        for error in validators[place].iter_errors(body):
            where = ".".join(map(str, error.absolute_path))
            problems.add(f"{place}: {where}: {error.message[:300]}")
    for place, count in sorted(seen.items()):
        print(f"{count:4} {place}")  # noqa: T201 -- a command
    for problem in sorted(problems):
        print(f"not valid: {problem}")  # noqa: T201
    print(f"{sum(seen.values())} requests of {len(seen)} kinds, {len(problems)} problems")  # noqa: T201
    return 1 if problems or not seen else 0


if __name__ == "__main__":
    sys.exit(main())
