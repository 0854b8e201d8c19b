"""Keys and site, from the environment only."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ...core.errors import InputError, nearest

__all__ = ["SITES", "Settings", "settings_from"]

SITES: Final = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
)
_API_KEYS: Final = ("DATADOG_API_KEY", "DD_API_KEY")
_APP_KEYS: Final = ("DATADOG_APP_KEY", "DD_APP_KEY")
_SITE: Final = ("DATADOG_SITE", "DD_SITE")
_HOST: Final = ("DATADOG_HOST", "DD_HOST")
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Where Datadog is and how it knows us. The keys are never shown.

    Attributes:
        api_key, app_key: as Datadog gave them.
        site: such as "datadoghq.eu".
        host: address of the API when it is not the site's own, such as a gateway's.
    """

    api_key: str = field(repr=False)
    app_key: str = field(repr=False)
    site: str = SITES[0]
    host: str | None = None

    @property
    def url(self) -> str:
        """Address of the API."""
        return self.host or f"https://api.{self.site}"


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from environment variables.

    Raises:
        InputError: a key is missing or cannot be one, or the site is unknown.
    """
    api_key = _key(environment, _API_KEYS, "API key")
    app_key = _key(environment, _APP_KEYS, "application key")
    site, name = _first(environment, _SITE)
    if site and site not in SITES:
        bare = re.sub(r"^(https?://)?(api\.|app\.)?|/.*$", "", site)
        raise InputError(
            f"found {site!r:.60}, expected one of {', '.join(SITES)}{nearest(bare, SITES)}",
            where=name,
        )
    host, name = _first(environment, _HOST)
    if host:
        _check_host(host, name)
    return Settings(
        api_key=api_key, app_key=app_key, site=site or SITES[0], host=host.rstrip("/") or None
    )


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    for name in names:
        if environment.get(name, "").strip():
            return environment[name].strip(), name
    return "", names[0]


def _key(environment: Mapping[str, str], names: tuple[str, ...], what: str) -> str:
    key, name = _first(environment, names)
    if not key:
        raise InputError(f"the {what} is missing; set {names[0]} or {names[1]}", where="Datadog")
    if not re.fullmatch(r"[!-~]{1,200}", key):
        raise InputError(f"holds characters that no {what} has", where=name)
    return key


def _check_host(host: str, name: str) -> None:
    parts = urlsplit(host)
    local = parts.hostname in _LOOPBACK
    if parts.scheme not in (("http", "https") if local else ("https",)) or not parts.hostname:
        raise InputError(
            f"found {host!r:.80}, expected an address such as https://api.datadoghq.eu; keys are "
            "sent over https only",
            where=name,
        )
