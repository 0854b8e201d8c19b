"""Keys and site, from the environment only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from ...core.errors import InputError
from ...datadog_account import SITES, api_key_from, app_key_from, said_in, site_from

__all__ = ["Settings", "settings_from"]

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
    api_key, app_key = api_key_from(environment), app_key_from(environment)
    site = site_from(environment)
    host, name = said_in(environment, _HOST)
    if host:
        _check_host(host, name)
    return Settings(api_key=api_key, app_key=app_key, site=site, host=host.rstrip("/") or None)


def _check_host(host: str, name: str) -> None:
    parts = urlsplit(host)
    local = parts.hostname in _LOOPBACK
    if parts.scheme not in (("http", "https") if local else ("https",)) or not parts.hostname:
        raise InputError(
            f"found {host!r:.80}, expected an address such as https://api.datadoghq.eu; keys are "
            "sent over https only",
            where=name,
        )
