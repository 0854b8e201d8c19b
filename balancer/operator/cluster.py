"""The few things that the operator asks of a Kubernetes API server, beside what kopf watches."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

import aiohttp

from ..core.errors import BalancerError, InputError, nearest
from .asked import GROUP, KIND, PLURAL, VERSION, ConfigMapKey

if TYPE_CHECKING:
    from kopf import ConnectionInfo

__all__ = ["OWNER", "Cluster", "ClusterError", "Document"]

OWNER = f"{GROUP}/policy"
"""Annotation of a document: the resource that it was written for."""

_MANAGER = "open-balancer-operator"
_DEADLINE_S = 15.0


class ClusterError(BalancerError):
    """The API server does not answer, or refuses; says which of our calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A document in a ConfigMap.

    Attributes:
        text: None where there is no such ConfigMap, or no such key in it.
        owner: the resource it was written for; "": nobody said.
        problem: why there is no text; "" where there is one.
    """

    text: str | None
    owner: str = ""
    problem: str = ""


class Cluster:
    """A client of the API server; a context manager.

    Args:
        login: where the API server is, and who we are; asked again when the server no longer
            knows us, because tokens of service accounts expire.
    """

    def __init__(self, login: Callable[[], ConnectionInfo]) -> None:
        self._login = login
        self._server = ""
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def check(self, namespaces: Collection[str]) -> None:
        """Make sure that there are resources to be looked after.

        Args:
            namespaces: that are looked after; empty: all.

        Raises:
            InputError: the cluster has no definition of them.
            ClusterError: see the class.
        """
        for path in [_resources(each) for each in namespaces] or [_resources(None)]:
            if await self._read(f"{path}?limit=1") is None:
                raise InputError(
                    f"the cluster knows no {KIND} ({path}); apply deploy/operator/crd.yaml first"
                )

    async def resource(self, namespace: str, name: str) -> dict[str, Any] | None:
        """A `BrownoutPolicy`; None where there is none."""
        return await self._read(_resource(namespace, name))

    async def put_status(self, namespace: str, name: str, status: dict[str, Any]) -> None:
        """Write a resource's status; one that is gone meanwhile needs none."""
        await self._ask(
            "PATCH",
            f"{_resource(namespace, name)}/status",
            body={"status": status},
            form="application/merge-patch+json",
        )

    async def document(self, namespace: str, at: ConfigMapKey) -> Document:
        """What stands in a ConfigMap."""
        found = await self._read(_config_map(namespace, at.name))
        if found is None:
            return Document(text=None, problem=f"there is no ConfigMap {at.name!r}")
        data = found.get("data") or {}
        owner = (found["metadata"].get("annotations") or {}).get(OWNER, "")
        if at.key in data:
            return Document(text=data[at.key], owner=owner)
        problem = f"ConfigMap {at.name!r} has no key {at.key!r}{nearest(at.key, data)}"
        return Document(text=None, owner=owner, problem=problem)

    async def texts(self, namespace: str, name: str) -> Mapping[str, str] | None:
        """All keys of a ConfigMap with their texts; None where there is none."""
        found = await self._read(_config_map(namespace, name))
        return None if found is None else found.get("data") or {}

    async def write_document(
        self, namespace: str, at: ConfigMapKey, text: str, *, owner: str
    ) -> None:
        """Make a document so, in a ConfigMap that is made where there is none.

        Other keys of it stay. It belongs to nobody, so that it stays when the resource goes.
        """
        await self._ask(
            "PATCH",
            f"{_config_map(namespace, at.name)}?fieldManager={_MANAGER}&force=true",
            body={
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "metadata": {
                    "name": at.name,
                    "namespace": namespace,
                    "annotations": {OWNER: owner},
                },
                "data": {at.key: text},
            },
            form="application/apply-patch+yaml",
        )

    async def addresses(self, namespace: str, service: str, port: str) -> tuple[str, ...]:
        """Host and port of each ready endpoint of a Service.

        Args:
            namespace: of the Service.
            service: its name.
            port: its port's name; "": the first.
        """
        found = await self._read(
            f"/apis/discovery.k8s.io/v1/namespaces/{_segment(namespace)}/endpointslices"
            f"?labelSelector=kubernetes.io/service-name%3D{_segment(service)}"
        )
        addresses: dict[str, str] = {}
        for piece in (found or {}).get("items", ()):
            ports = [
                each["port"]
                for each in piece.get("ports") or ()
                if not port or each.get("name") == port
            ]
            for endpoint in piece.get("endpoints") or () if ports else ():
                if (endpoint.get("conditions") or {}).get("ready") is False:
                    continue
                host = endpoint["addresses"][0]
                # One pod stands in a slice for each family of addresses.
                name = (endpoint.get("targetRef") or {}).get("name", host)
                shown = f"[{host}]" if ":" in host else host
                addresses.setdefault(name, f"{shown}:{ports[0]}")
        return tuple(addresses[name] for name in sorted(addresses))

    # --- asking -------------------------------------------------------------------------

    async def _open(self) -> aiohttp.ClientSession:
        if self._session is not None:
            await self._session.close()
        info = self._login()
        self._server = info.server.rstrip("/")
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=info.as_ssl_context()),
            headers=info.as_http_headers(),
            timeout=aiohttp.ClientTimeout(total=_DEADLINE_S),
            proxy=info.proxy_url,
            trust_env=info.trust_env,
        )
        return self._session

    async def _read(self, path: str) -> dict[str, Any] | None:
        return await self._ask("GET", path)

    async def _ask(
        self, method: str, path: str, *, body: Any = None, form: str = ""
    ) -> dict[str, Any] | None:
        """An object; None where there is none.

        Raises:
            ClusterError: see the class.
        """
        what = f"{method} {path.partition('?')[0]}"
        data = None if body is None else json.dumps(body)
        headers = {"content-type": form} if form else {}
        session = self._session or await self._open()
        try:
            for last in (False, True):
                async with session.request(
                    method, self._server + path, data=data, headers=headers
                ) as answer:
                    if answer.status == 401 and not last:
                        session = await self._open()
                        continue
                    if answer.status == 404:
                        return None
                    if answer.status >= 400:
                        raise ClusterError(f"{what}: {answer.status} {await _said(answer)}")
                    found: dict[str, Any] = await answer.json()
                    return found
        except TimeoutError:
            raise ClusterError(f"{what}: no answer within {_DEADLINE_S:g} s") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise ClusterError(f"{what}: {error}") from None
        raise AssertionError("the last answer is an end")


def _resources(namespace: str | None) -> str:
    within = "" if namespace is None else f"/namespaces/{_segment(namespace)}"
    return f"/apis/{GROUP}/{VERSION}{within}/{PLURAL}"


def _resource(namespace: str, name: str) -> str:
    return f"{_resources(namespace)}/{_segment(name)}"


def _config_map(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{_segment(namespace)}/configmaps/{_segment(name)}"


def _segment(name: str) -> str:
    """A name as one segment of a path: an annotation may hold any text, and lead elsewhere."""
    if name in (".", ".."):
        raise ClusterError(f"{name!r} is no name")
    return quote(name, safe="")


async def _said(answer: aiohttp.ClientResponse) -> str:
    """What a refusal says, as the API server's own `Status` or as somebody else's text."""
    text = (await answer.text(errors="replace"))[:2000]
    try:
        found = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = text[:200]
    return " ".join(str(found).split())
