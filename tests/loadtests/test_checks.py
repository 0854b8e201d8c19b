"""What can be played live, and through what."""

from __future__ import annotations

import pytest

from balancer.core.errors import ScenarioError
from loadtests.live import check
from loadtests.scene import Scene

ASKS_FOR = ("clients.output_cap=3072", "clients.thinking=512")


@pytest.mark.parametrize("override", ASKS_FOR)
def test_the_service_s_own_api_cannot_be_asked_for_a_cap_or_thinking(override: str) -> None:
    """So the live side would answer at another length than the simulated one."""
    key, found = override.split("=")
    with pytest.raises(ScenarioError, match=f"{key}: found {found}, .* --target proxy"):
        check(Scene(source="steady", overrides=(override,)), "service")


@pytest.mark.parametrize("override", ASKS_FOR)
def test_gemini_s_api_can(override: str) -> None:
    """Through the proxy and by the SDK."""
    for target in ("proxy", "sdk"):
        scenario, _, _ = check(Scene(source="steady", overrides=(override,)), target)
        assert scenario.clients != type(scenario.clients)()
