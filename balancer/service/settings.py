"""Settings of the service: from the command and the environment, checked once at the start."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..adapters.notify.settings import NotifySettings
from ..core.errors import InputError
from ..fleet.settings import Fleet
from ..runtime.spent import AfterLoss, check_after_loss
from ..units import parse_seconds, parse_share
from .bounds import Bounds
from .console_use import ConsoleUse, console_use
from .datadog_use import DatadogUse, datadog_use
from .otlp import Otlp, otlp_of

__all__ = ["GEMINI", "VERTEX", "Settings", "is_loopback"]

GEMINI = "https://generativelanguage.googleapis.com"
"""Where calls of the Gemini API go by default."""
VERTEX = "https://{location}-aiplatform.googleapis.com"
"""Where calls of Vertex AI go by default; the location is that of the call's path."""

_SHORTEST_TOKEN = 16
_HOST = re.compile(r"[A-Za-z0-9._-]+")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s?#@]+")
_TOKEN = re.compile(r"[\x21-\x7e]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service is run.

    Attributes:
        host, port: where it listens; port 0 lets the system choose.
        token: what mutations must carry as `Authorization: Bearer`. None: mutations are taken
            from this machine only.
        client_keys: what callers of the proxy must send as their API key. Empty: any key.
        webhook_secrets: what deliveries of Datadog's webhook carry, several while it is being
            changed. Empty: all are refused.
        console: who may use the console, beside whoever has the token.
        notify: who is told what; the settings without channels tell nobody.
        datadog: what Datadog is used for, and where it is; None: nothing.
        otlp: where telemetry goes: "" is nowhere, "environment" by the standard variables,
            "datadog" its intake.
        gemini_key: sent upstream instead of the callers' keys. None: theirs go through.
        hosts: names by which callers may reach the service, beside addresses, `localhost` and that
            of the public URL; "*" is any.
        origins: of pages, beside its own, whose requests are taken, such as "https://app.example".
        bounds: of connections and answers.
        policy_file: watched for changes; None is the policy that the balancer has.
        data: directory of the journal, the saved state and the SQLite database.
        database: URL of the history; None is SQLite under `data`.
        upstream: base URL of the Gemini API.
        vertex_upstream: base URL of Vertex AI; `{location}` is replaced.
        largest_body: most bytes of a proxied request. Gemini takes 20 MB inline.
        largest_api_body: most bytes of a request of the service's own API.
        longest_prompt: most characters of a prompt of test-llm and ai-chat.
        reads_per_s, mutations_per_s: most requests a second of one address; ten times as many
            may come at once. Deliveries of the webhook are as many as reads, beside them.
        proxied_per_s: the same for the proxy; None is no bound, because the controller and the
            budget bound it.
        passing: whether what no plan governs goes through: all other paths of the API. False:
            only counting, embeddings, looking at models, and what is done with one
            interaction do.
        retry_budget: share of a retry that every answer earns, as in `CallSettings`; None is no
            bound.
        after_loss: what a hard budget is charged where its files are lost, torn or older: "full",
            "last" or "nothing", as in `Balancer`.
        fleet: that this process is a replica of; None: it decides by itself.
        drain_s: how long calls in flight may still take when the service stops.
        watch_s: how often the policy file is looked at.

    Raises:
        InputError: a setting that cannot be meant; names it and its variable.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    client_keys: tuple[str, ...] = field(default=(), repr=False)
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)
    datadog: DatadogUse | None = field(default=None, repr=False)
    console: ConsoleUse = field(default=ConsoleUse(), repr=False)
    notify: NotifySettings = field(default=NotifySettings(), repr=False)
    otlp: Otlp = ""
    gemini_key: str | None = field(default=None, repr=False)
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    bounds: Bounds = field(default_factory=Bounds)
    policy_file: Path | None = None
    data: Path = Path("open-balancer-data")
    database: str | None = field(default=None, repr=False)
    upstream: str = GEMINI
    vertex_upstream: str = VERTEX
    largest_body: int = 21_000_000
    largest_api_body: int = 1_100_000
    longest_prompt: int = 100_000
    reads_per_s: float = 50.0
    mutations_per_s: float = 5.0
    proxied_per_s: float | None = None
    passing: bool = True
    retry_budget: float | None = None
    after_loss: AfterLoss = "full"
    fleet: Fleet | None = field(default=None, repr=False)
    drain_s: float = 30.0
    watch_s: float = 1.0

    def __post_init__(self) -> None:
        _check_secret(self.token, "OPEN_BALANCER_TOKEN")
        for key in self.client_keys:
            _check_secret(key, "OPEN_BALANCER_CLIENT_KEYS")
        if self.gemini_key is not None and not _TOKEN.fullmatch(self.gemini_key):
            raise InputError("GEMINI_API_KEY holds spaces or characters no key has")
        _check_url(self.upstream, "upstream", "OPEN_BALANCER_UPSTREAM")
        _check_url(
            self.vertex_upstream.replace("{location}", "us-central1"),
            "vertex-upstream",
            "OPEN_BALANCER_VERTEX_UPSTREAM",
        )
        if self.bounds.bodies_size < self.largest_body:
            raise InputError(
                f"--bodies-size or OPEN_BALANCER_BODIES_SIZE: found {self.bounds.bodies_size:,} "
                f"bytes, expected at least {self.largest_body:,}, the largest body of one request"
            )
        if not 0 <= self.port <= 65_535:
            raise InputError(f"port is {self.port}; expected 0 to 65535")
        for host in self.hosts:
            if host != "*" and not _HOST.fullmatch(host):
                raise InputError(
                    f"--hosts or OPEN_BALANCER_HOSTS: found {host!r}, expected a name without "
                    "scheme and port, such as balancer.example, or *"
                )
        for origin in self.origins:
            if not _ORIGIN.fullmatch(origin):
                raise InputError(
                    f"--origins or OPEN_BALANCER_ORIGINS: found {origin!r}, expected an origin "
                    "such as https://app.example"
                )
        if self.token is None and (self.console.people or self.console.public or self.console.oidc):
            raise InputError(
                "the console has users, a provider or is public, and no token is set, so it asks "
                "nobody for a log-in; set OPEN_BALANCER_TOKEN (such as the output of "
                "`openssl rand -hex 32`)"
            )
        if self.token is None and not is_loopback(self.host):
            raise InputError(
                f"host is {self.host!r}, which others can reach, and no token is set, so anybody "
                "could change the policy; set OPEN_BALANCER_TOKEN (such as the output of "
                "`openssl rand -hex 32`), or listen on 127.0.0.1"
            )

    @property
    def database_url(self) -> str:
        """URL of the history's database."""
        return self.database or f"sqlite:///{(self.data / 'history.sqlite3').absolute()}"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], **given: object) -> Settings:
        """Settings from the environment, where the command does not say otherwise.

        Args:
            environment: such as `os.environ`. What is set to nothing counts as not set.
            given: fields of the command; those that are None come from the environment. `bounds`
                are values of options, as in `Bounds.from_environment`.

        Raises:
            InputError: see the class.
        """
        fields: dict[str, object] = {}
        for name, variable in _VARIABLES.items():
            value = environment.get(variable, "").strip()
            if value:
                fields[name] = value
        for name, variable in _LISTS.items():
            values = environment.get(variable, "")
            fields[name] = tuple(value.strip() for value in values.split(",") if value.strip())
        fields |= {name: value for name, value in given.items() if value is not None}
        if "data" in fields:
            fields["data"] = Path(str(fields["data"]))
        if "policy_file" in fields:
            fields["policy_file"] = Path(str(fields["policy_file"]))
        if "port" in fields:
            fields["port"] = _whole(fields["port"])
        if "drain_s" in fields:
            fields["drain_s"] = _seconds(fields["drain_s"])
        bounds = fields.pop("bounds", {})
        assert isinstance(bounds, Mapping)
        fields["bounds"] = Bounds.from_environment(environment, bounds)
        if "passing" in fields:
            fields["passing"] = _switch(fields["passing"])
        if "retry_budget" in fields:
            fields["retry_budget"] = _share(fields["retry_budget"])
        fields["fleet"] = fleet_of(environment, fields.get("fleet"))
        if "after_loss" in fields:
            fields["after_loss"] = check_after_loss(str(fields["after_loss"]))
        datadog = datadog_use(str(fields.pop("datadog", "")), environment)
        fields["datadog"] = datadog
        fields["console"] = console_use(environment)
        fields["notify"] = NotifySettings.from_environment(environment)
        fields["otlp"] = otlp_of(environment, datadog=datadog is not None and datadog.otlp)
        # A mock, or a gateway, stands for both APIs unless it is said where the other one is.
        if "upstream" in fields and "vertex_upstream" not in fields:
            fields["vertex_upstream"] = fields["upstream"]
        return cls(**fields)  # type: ignore[arg-type]  # checked by the class


def fleet_of(environment: Mapping[str, str], url: object) -> Fleet | None:
    """The fleet that is asked for.

    Args:
        environment: such as `os.environ`.
        url: of the store; None: the process decides by itself.

    Raises:
        InputError: a setting that cannot be meant.
    """
    values: dict[str, Any] = {}
    for name, (variable, kind) in _OF_FLEET.items():
        value = environment.get(variable, "").strip()
        if not value:
            continue
        try:
            values[name] = kind(value)
        except ValueError as error:
            expected = f"expected a number ({error})" if kind is int else str(error)
            raise InputError(f"{variable} is {value!r}; {expected}") from None
    if url is None:
        if values:
            variable = _OF_FLEET[next(iter(values))][0]
            raise InputError(f"{variable} is set, and no store: set OPEN_BALANCER_FLEET to its URL")
        return None
    return Fleet(url=str(url), **values)


_OF_FLEET: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "prefix": ("OPEN_BALANCER_FLEET_PREFIX", str),
    "replica": ("OPEN_BALANCER_FLEET_REPLICA", str),
    "replicas": ("OPEN_BALANCER_FLEET_REPLICAS", int),
    "without_store": ("OPEN_BALANCER_FLEET_WITHOUT_STORE", parse_share),
    "alone_after_ticks": ("OPEN_BALANCER_FLEET_ALONE_AFTER", int),
}


_VARIABLES = {
    "token": "OPEN_BALANCER_TOKEN",
    "gemini_key": "GEMINI_API_KEY",
    "policy_file": "OPEN_BALANCER_POLICY",
    "data": "OPEN_BALANCER_DATA",
    "database": "OPEN_BALANCER_DATABASE",
    "upstream": "OPEN_BALANCER_UPSTREAM",
    "vertex_upstream": "OPEN_BALANCER_VERTEX_UPSTREAM",
    "datadog": "OPEN_BALANCER_DATADOG",
    "retry_budget": "OPEN_BALANCER_RETRY_BUDGET",
    "after_loss": "OPEN_BALANCER_BUDGET_AFTER_LOSS",
    "fleet": "OPEN_BALANCER_FLEET",
    "passing": "OPEN_BALANCER_PASSING",
    "host": "OPEN_BALANCER_HOST",
    "drain_s": "OPEN_BALANCER_DRAIN",
    "port": "PORT",
}
"""Environment variables; `PORT` is what Cloud Run sets."""


_LISTS = {
    "client_keys": "OPEN_BALANCER_CLIENT_KEYS",
    "webhook_secrets": "OPEN_BALANCER_WEBHOOK_SECRET",
    "hosts": "OPEN_BALANCER_HOSTS",
    "origins": "OPEN_BALANCER_ORIGINS",
}
"""Environment variables that hold several, with commas."""


def is_loopback(host: str) -> bool:
    """Whether a host, as a name or an address, is this machine and nobody else's."""
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return (mapped or address).is_loopback


def _whole(value: object) -> int:
    try:
        return int(str(value))
    except ValueError:
        raise InputError(f"port is {value!r}; expected a number (from PORT or --port)") from None


def _seconds(value: object) -> float:
    try:
        return parse_seconds(value)
    except ValueError as error:
        raise InputError(f"--drain or OPEN_BALANCER_DRAIN: {error}") from None


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in ("on", "off"):
        raise InputError(f"OPEN_BALANCER_PASSING is {value!r}; expected on or off")
    return word == "on"


def _share(value: object) -> float:
    try:
        return parse_share(value)
    except ValueError as error:
        where = "--retry-budget or OPEN_BALANCER_RETRY_BUDGET"
        raise InputError(f"retry budget ({where}): {error}") from None


def _check_secret(secret: str | None, variable: str) -> None:
    if secret is None:
        return
    if not _TOKEN.fullmatch(secret):
        raise InputError(f"{variable} holds spaces, or characters that no header can carry")
    if len(secret) < _SHORTEST_TOKEN:
        raise InputError(
            f"{variable} has {len(secret)} characters, expected at least {_SHORTEST_TOKEN}; take "
            "the output of `openssl rand -hex 32`"
        )


def _check_url(url: str, name: str, variable: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise InputError(
            f"{name} (--{name} or {variable}) is no base URL; expected one such as {GEMINI}, "
            "without credentials and query"
        )
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise InputError(
            f"{name} (--{name} or {variable}) would send keys over plain http to "
            f"{parts.hostname}; expected https, or an address of this machine"
        )
