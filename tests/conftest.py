"""Settings for all tests: property tests draw the same examples everywhere."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A busy machine must not decide whether a test passes, nor the luck of a draw: whoever wants
# fresh examples gives --hypothesis-profile=explore.
settings.register_profile(
    "steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None, max_examples=1000)
settings.load_profile("steady")
