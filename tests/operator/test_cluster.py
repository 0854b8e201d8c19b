"""What is asked of the API server: whom it finds, and what it says when it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import kopf
import pytest
from aiohttp import web

from balancer.core.errors import InputError
from balancer.operator.asked import ConfigMapKey
from balancer.operator.cluster import Cluster, ClusterError

Found = TypeVar("Found")


def asked(
    answer: Callable[[web.Request], web.Response],
    ask: Callable[[Cluster], Awaitable[Found]],
    tokens: tuple[str, ...] = ("one",),
) -> Found:
    """What comes of a call to a server that answers so."""

    async def main() -> Found:
        async def handle(request: web.Request) -> web.StreamResponse:
            return answer(request)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0]
        left = list(tokens)

        def log_in() -> kopf.ConnectionInfo:
            token = left.pop(0) if len(left) > 1 else left[0]
            return kopf.ConnectionInfo(server=f"http://{host}:{port}", token=token)

        try:
            async with Cluster(log_in) as cluster:
                return await ask(cluster)
        finally:
            await runner.cleanup()

    return asyncio.run(main())


def slices(*found: dict[str, Any]) -> Callable[[web.Request], web.Response]:
    """A server with these EndpointSlices."""

    def answer(request: web.Request) -> web.Response:
        assert request.query["labelSelector"] == "kubernetes.io/service-name=balancer"
        return web.json_response({"items": list(found)})

    return answer


def endpoint(address: str, pod: str, **conditions: bool) -> dict[str, Any]:
    """Of a slice."""
    return {"addresses": [address], "targetRef": {"name": pod}, "conditions": conditions}


def test_the_ready_endpoints_of_a_service_are_its_replicas() -> None:
    """Each once, whatever families of addresses it has; at the port that is named."""
    ports = [{"name": "metrics", "port": 9090}, {"name": "http", "port": 8080}]
    server = slices(
        {"ports": ports, "endpoints": [endpoint("10.0.0.2", "b"), endpoint("10.0.0.1", "a")]},
        {"ports": ports, "endpoints": [endpoint("fd00::3", "c", ready=True)]},
        {"ports": ports, "endpoints": [endpoint("fd00::1", "a")]},
        {"ports": ports, "endpoints": [endpoint("10.0.0.9", "d", ready=False)]},
        {"ports": None, "endpoints": None},
    )  # fmt: skip
    named = asked(server, lambda cluster: cluster.addresses("shop", "balancer", "http"))
    assert named == ("10.0.0.1:8080", "10.0.0.2:8080", "[fd00::3]:8080")
    first = asked(server, lambda cluster: cluster.addresses("shop", "balancer", ""))
    assert first[0] == "10.0.0.1:9090"
    assert asked(server, lambda cluster: cluster.addresses("shop", "balancer", "https")) == ()


def test_a_token_that_expired_is_read_again() -> None:
    """Once a call: a server that knows nobody is told so."""

    def answer(request: web.Request) -> web.Response:
        known = request.headers["authorization"] == "Bearer two"
        return web.json_response({"data": {}, "metadata": {}}, status=200 if known else 401)

    at = ConfigMapKey(name="policy")
    found = asked(answer, lambda cluster: cluster.document("shop", at), ("one", "two"))
    assert found.problem == "ConfigMap 'policy' has no key 'policy.yaml'"
    with pytest.raises(ClusterError, match="GET /api/v1/namespaces/shop/configmaps/policy: 401"):
        asked(answer, lambda cluster: cluster.document("shop", at), ("one", "one"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (
            web.json_response({"message": "configmaps is forbidden"}, status=403),
            "403 configmaps is forbidden",
        ),
        (web.Response(text="<html>Bad\ngateway</html>", status=502), "502 <html>Bad gateway"),
        (web.Response(text="{", content_type="application/json"), "GET /api/v1/"),
    ],
)
def test_a_refusal_says_which_call_and_why(answer: web.Response, said: str) -> None:
    """In the server's words, on one line."""
    with pytest.raises(ClusterError) as refused:
        asked(lambda _: answer, lambda each: each.document("shop", ConfigMapKey(name="policy")))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_name_leads_nowhere_else() -> None:
    """What somebody wrote into an annotation is one segment of a path."""
    paths = []

    def answer(request: web.Request) -> web.Response:
        paths.append(request.raw_path)
        return web.Response(status=404)

    assert asked(answer, lambda cluster: cluster.resource("shop", "../../x?y")) is None
    assert paths == [
        "/apis/open-balancer.dev/v1alpha1/namespaces/shop/brownoutpolicies/..%2F..%2Fx%3Fy"
    ]
    with pytest.raises(ClusterError, match=r"'\.\.' is no name"):
        asked(answer, lambda cluster: cluster.resource("shop", ".."))


def test_a_cluster_without_the_definition_is_told() -> None:
    """Before anything is watched that nobody has."""
    with pytest.raises(InputError, match=r"knows no BrownoutPolicy .*apply deploy/operator/crd"):
        asked(lambda _: web.Response(status=404), lambda each: each.check(()))


def test_a_server_that_is_away_is_an_error_of_its_own() -> None:
    """And no traceback of a library."""

    async def main() -> None:
        info = kopf.ConnectionInfo(server="http://127.0.0.1:1", token="any")  # noqa: S106
        async with Cluster(lambda: info) as cluster:
            await cluster.check(["shop"])

    with pytest.raises(ClusterError, match=r"GET /apis/.*/shop/brownoutpolicies: Cannot connect"):
        asyncio.run(main())
