"""Whose Datadog it is: keys and site, from the environment only.

One reading for all that talks to Datadog, so that monitors, incidents and telemetry never end
up in different organisations.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from .core.errors import InputError, nearest

__all__ = ["SITES", "api_key_from", "app_key_from", "said_in", "site_from"]

SITES: Final = (
    "datadoghq.com",
    "us3.datadoghq.com",
    "us5.datadoghq.com",
    "datadoghq.eu",
    "ap1.datadoghq.com",
    "ap2.datadoghq.com",
    "ddog-gov.com",
)
"""Datadog's sites, the default first."""


def api_key_from(environment: Mapping[str, str]) -> str:
    """The API key: `DATADOG_API_KEY`, or `DD_API_KEY`.

    Raises:
        InputError: it is missing, or cannot be one. The message never shows it.
    """
    return _key(environment, ("DATADOG_API_KEY", "DD_API_KEY"), "API key")


def app_key_from(environment: Mapping[str, str]) -> str:
    """The application key: `DATADOG_APP_KEY`, or `DD_APP_KEY`.

    Raises:
        InputError: it is missing, or cannot be one. The message never shows it.
    """
    return _key(environment, ("DATADOG_APP_KEY", "DD_APP_KEY"), "application key")


def site_from(environment: Mapping[str, str]) -> str:
    """The site: `DATADOG_SITE`, or `DD_SITE`, or the first of `SITES`.

    Raises:
        InputError: a site that there is not.
    """
    site, name = said_in(environment, ("DATADOG_SITE", "DD_SITE"))
    if site and site not in SITES:
        bare = re.sub(r"^(https?://)?(api\.|app\.)?|/.*$", "", site)
        raise InputError(
            f"found {site!r:.60}, expected one of {', '.join(SITES)}{nearest(bare, SITES)}",
            where=name,
        )
    return site or SITES[0]


def said_in(environment: Mapping[str, str], names: tuple[str, ...]) -> tuple[str, str]:
    """The first of several variables that is set to something, without blanks around it, and
    its name.
    """
    for name in names:
        if environment.get(name, "").strip():
            return environment[name].strip(), name
    return "", names[0]


def _key(environment: Mapping[str, str], names: tuple[str, ...], what: str) -> str:
    key, name = said_in(environment, names)
    if not key:
        raise InputError(f"the {what} is missing; set {names[0]} or {names[1]}", where="Datadog")
    if not re.fullmatch(r"[!-~]{1,200}", key):
        raise InputError(f"holds characters that no {what} has", where=name)
    return key
