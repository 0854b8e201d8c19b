"""What the operator and kopf use of a Kubernetes API server, on a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from aiohttp import web

from balancer.operator.asked import GROUP, PLURAL, VERSION
from tests.waiting import GIVE_UP_S, until

__all__ = ["NAMESPACE", "ApiServer", "api_server"]

NAMESPACE = "shop"
_RESOURCES = f"/apis/{GROUP}/{VERSION}/namespaces/{NAMESPACE}/{PLURAL}"
_KINDS = {
    "/api": {"versions": ["v1"]},
    "/api/v1": {
        "resources": [
            {"name": "namespaces", "kind": "Namespace", "singularName": "", "namespaced": False},
            {"name": "events", "kind": "Event", "singularName": "", "namespaced": True},
        ]
    },
    "/apis": {
        "groups": [
            {
                "name": GROUP,
                "versions": [{"version": VERSION}],
                "preferredVersion": {"version": VERSION},
            },
            {
                "name": "apiextensions.k8s.io",
                "versions": [{"version": "v1"}],
                "preferredVersion": {"version": "v1"},
            },
        ]
    },
    "/apis/apiextensions.k8s.io/v1": {
        "resources": [
            {
                "name": "customresourcedefinitions",
                "kind": "CustomResourceDefinition",
                "singularName": "",
                "namespaced": False,
            }
        ]
    },
    f"/apis/{GROUP}/{VERSION}": {
        "resources": [
            {
                "name": PLURAL,
                "kind": "BrownoutPolicy",
                "singularName": "brownoutpolicy",
                "namespaced": True,
                "verbs": ["list", "watch", "get", "patch"],
            },
            {"name": f"{PLURAL}/status", "kind": "BrownoutPolicy", "namespaced": True},
        ]
    },
}


class ApiServer:
    """Objects by their path, and who watches them.

    Attributes:
        url: where it listens.
        token: that callers must have; "": any.
        started_with: what a replica follows where there is no document.
        mounts: files that a ConfigMap's key is written to, as a kubelet does.
        writes: what was patched, in order.
    """

    def __init__(self) -> None:
        self.url = ""
        self.token = ""
        self.mounts: dict[tuple[str, str], Path] = {}
        self.writes: list[tuple[str, Any]] = []
        self._objects: dict[str, dict[str, Any]] = {}
        self._endpoints: dict[str, list[str]] = {}
        self._follows = ""
        self.started_with = ""
        self._fails: dict[str, int] = {}
        self._version = 0
        self._lock = threading.Lock()
        self._watchers: set[asyncio.Queue[Any]] = set()
        self.loop: asyncio.AbstractEventLoop | None = None

    # --- for tests ----------------------------------------------------------------------

    def put_policy(self, name: str, spec: dict[str, Any]) -> None:
        """Make a resource, or change its spec."""
        path = f"{_RESOURCES}/{name}"
        with self._lock:
            before = self._objects.get(path)
            found: dict[str, Any] = {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": "BrownoutPolicy",
                "metadata": {
                    "name": name,
                    "namespace": NAMESPACE,
                    "uid": name,
                    "generation": before["metadata"]["generation"] + 1 if before else 1,
                },
                "spec": spec,
            }
            if before and "status" in before:
                found["status"] = before["status"]
            self._keep(path, found, "MODIFIED" if before else "ADDED")

    def delete_policy(self, name: str) -> None:
        """Delete a resource."""
        with self._lock:
            self._tell("DELETED", self._objects.pop(f"{_RESOURCES}/{name}"))

    def put_document(self, name: str, text: str, key: str = "policy.yaml") -> None:
        """Make a ConfigMap."""
        self.put_documents(name, {key: text})

    def put_documents(self, name: str, data: dict[str, str]) -> None:
        """Make a ConfigMap of several keys."""
        with self._lock:
            body: dict[str, Any] = {"metadata": {"name": name}, "data": data}
            self._keep(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}", body)

    def document(self, name: str, key: str = "policy.yaml") -> str | None:
        """What stands in a ConfigMap."""
        with self._lock:
            found = self._objects.get(f"/api/v1/namespaces/{NAMESPACE}/configmaps/{name}")
            return None if found is None else found["data"].get(key)

    def put_endpoints(self, service: str, *addresses: str) -> None:
        """Who is ready behind a Service; host:port."""
        self._endpoints[service] = list(addresses)

    def fail_next(self, last: str, times: int) -> None:
        """Answer 503 to the next writes of a path that ends so."""
        self._fails[last] = times

    @contextmanager
    def replica(self, config_map: str, service: str = "balancer") -> Iterator[None]:
        """A replica that says that it follows what the ConfigMap has; for the time of the block."""
        self._follows = config_map
        self.put_endpoints(service, self.url.removeprefix("http://"))
        yield
        self.put_endpoints(service)

    def status(self, name: str) -> dict[str, Any]:
        """Of a resource."""
        with self._lock:
            found: dict[str, Any] = self._objects[f"{_RESOURCES}/{name}"].get("status", {})
            return found

    def condition(self, name: str, kind: str) -> dict[str, Any]:
        """A condition of a resource, which may not be there yet."""
        for each in self.status(name).get("conditions", ()):
            if each["type"] == kind:
                return dict(each)
        return {}

    def wait(self, name: str, kind: str, reason: str) -> str:
        """The message of a condition, once it has a reason, for the spec as it is now."""

        def look() -> dict[str, Any] | None:
            found = self.condition(name, kind)
            with self._lock:
                generation = self._objects[f"{_RESOURCES}/{name}"]["metadata"]["generation"]
            now = found.get("observedGeneration") == generation
            return found if now and found["reason"] == reason else None

        try:
            return str((until(look, f"{kind} {reason}") or {})["message"])
        except AssertionError as error:
            raise AssertionError(f"{error}: {json.dumps(self.status(name), indent=1)}") from None

    # --- inside -------------------------------------------------------------------------

    def _keep(self, path: str, found: dict[str, Any], event: str = "") -> None:
        self._version += 1
        found["metadata"]["resourceVersion"] = str(self._version)
        self._objects[path] = found
        if event:
            self._tell(event, found)
        for (name, key), file in self.mounts.items():
            if path.endswith(f"/configmaps/{name}") and key in found["data"]:
                file.write_text(found["data"][key], encoding="utf-8")

    def _tell(self, event: str, found: dict[str, Any]) -> None:
        line = {"type": event, "object": json.loads(json.dumps(found))}
        for watcher in self._watchers:
            assert self.loop is not None
            self.loop.call_soon_threadsafe(watcher.put_nowait, line)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Serve one request."""
        if request.method == "PATCH" and self._fails.get(request.path.rpartition("/")[2], 0):
            self._fails[request.path.rpartition("/")[2]] -= 1
            return _refusal(503, "the server is currently unable to handle the request")
        if request.path == "/api/brownout":
            return web.json_response({"policy": self._policy_in_force()})
        if request.path == "/api/incidents":
            return web.json_response({"incidents": []})
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return _refusal(401, "Unauthorized")
        path = request.path
        if request.method == "PATCH":
            return web.json_response(self._patch(path, json.loads(await request.text())))
        if path in _KINDS:
            return web.json_response(_KINDS[path])
        if path == _RESOURCES:
            return await (self._watch if "watch" in request.query else self._list)(request)
        if path.endswith("/endpointslices"):
            _, _, service = request.query["labelSelector"].partition("=")
            return web.json_response({"items": self._slices(service)})
        with self._lock:
            found = self._objects.get(path)
            text = None if found is None else json.dumps(found)
        if text is None:
            return _refusal(404, f"{path} not found")
        return web.Response(text=text, content_type="application/json")

    def _policy_in_force(self) -> dict[str, Any]:
        return {
            "name": "policy",
            "text": self.document(self._follows) or self.started_with,
            "since": "2026-01-31T12:00:00Z",
            "file_problem": "",
        }

    def _patch(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self.writes.append((path, body))
            if path.endswith("/status"):
                path = path.removesuffix("/status")
                found = self._objects[path]
                found["status"] = _merged(found.get("status", {}), body["status"])
                self._keep(path, found, "MODIFIED")
            else:
                found = _merged(self._objects.get(path, {"metadata": {}}), body)
                self._keep(path, found)
            return json.loads(json.dumps(found))  # type: ignore[no-any-return]

    async def _list(self, _request: web.Request) -> web.StreamResponse:
        with self._lock:
            items = [each for path, each in self._objects.items() if path.startswith(_RESOURCES)]
            return web.json_response(
                {"items": items, "metadata": {"resourceVersion": str(self._version)}}
            )

    async def _watch(self, request: web.Request) -> web.StreamResponse:
        since = int(request.query.get("resourceVersion", "0"))
        queue: asyncio.Queue[Any] = asyncio.Queue()
        with self._lock:
            self._watchers.add(queue)
            for path, each in self._objects.items():
                newer = int(each["metadata"]["resourceVersion"]) > since
                if path.startswith(_RESOURCES) and newer:
                    queue.put_nowait({"type": "MODIFIED", "object": json.loads(json.dumps(each))})
        answer = web.StreamResponse()
        await answer.prepare(request)
        try:
            with suppress(ConnectionError):
                while True:
                    await answer.write(json.dumps(await queue.get()).encode() + b"\n")
        finally:
            with self._lock:
                self._watchers.discard(queue)
        return answer

    def _slices(self, service: str) -> list[dict[str, Any]]:
        found = []
        for number, address in enumerate(self._endpoints.get(service, ())):
            host, _, port = address.rpartition(":")
            endpoint = {
                "addresses": [host],
                "conditions": {"ready": True},
                "targetRef": {"name": f"pod-{number}"},
            }
            found.append({"endpoints": [endpoint], "ports": [{"name": "http", "port": int(port)}]})
        return found


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """One for the time of the block."""
    server = ApiServer()
    started, ended = threading.Event(), asyncio.Event()

    async def main() -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", server.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.01)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        _, port = runner.addresses[0]
        server.url = f"http://127.0.0.1:{port}"
        server.loop = asyncio.get_running_loop()
        started.set()
        await ended.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(main()), name="API server")
    thread.start()
    assert started.wait(GIVE_UP_S), "the API server did not start"
    try:
        yield server
    finally:
        assert server.loop is not None
        server.loop.call_soon_threadsafe(ended.set)
        thread.join(GIVE_UP_S)


def _merged(before: Any, change: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(change, dict):
        return change
    found = dict(before) if isinstance(before, dict) else {}
    for key, value in change.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = _merged(found.get(key), value)
    return found


def _refusal(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)
