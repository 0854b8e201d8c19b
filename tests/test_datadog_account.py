"""Everything that talks to Datadog reads the same variables in the same order."""

from __future__ import annotations

import pytest

from balancer.adapters.datadog.settings import settings_from
from balancer.adapters.telemetry.destination import datadog_destination
from balancer.core.errors import InputError
from balancer.datadog_account import SITES, api_key_from, site_from

KEYS = {"DD_API_KEY": "a" * 32, "DD_APP_KEY": "b" * 40}


def test_monitors_and_telemetry_go_to_the_same_organisation() -> None:
    """Also where both names of a variable are set, to different values."""
    environment = KEYS | {
        "DATADOG_API_KEY": "c" * 32,
        "DATADOG_SITE": "datadoghq.eu",
        "DD_SITE": "us5.datadoghq.com",
    }
    settings = settings_from(environment)
    assert (settings.api_key, settings.site) == ("c" * 32, "datadoghq.eu")
    assert api_key_from(environment) == settings.api_key
    assert datadog_destination(environment).name == f"https://otlp.{settings.site} (HTTP)"


def test_without_a_site_it_is_the_first() -> None:
    """Blanks are none."""
    assert site_from({"DD_SITE": "  "}) == SITES[0]


@pytest.mark.parametrize(
    ("said", "near"),
    [("https://app.datadoghq.eu/", "datadoghq.eu"), ("api.us5.datadoghq.com", "us5.datadoghq.com")],
)
def test_an_address_is_no_site(said: str, near: str) -> None:
    """The message names the site in it."""
    with pytest.raises(InputError, match=f"DD_SITE: found .* .did you mean {near!r}"):
        site_from({"DD_SITE": said})
