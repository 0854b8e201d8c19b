"""Usage tiers: quotas, capacities and spend limits that a scenario need not spell out."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import pytest

from balancer.core.errors import ScenarioError
from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.profiles import calibrated_profiles, profiles, project_quota
from scenarios.schema import GeminiUpstream, Scenario
from scenarios.tiers import spend_limit, tier_dated, tier_models
from scenarios.upstreams import Counting
from sim.plant.quota import COUNTINGS

FLASH, LITE = "gemini-3.6-flash", "gemini-3.5-flash-lite"
MEAN_PROMPT, THINKING, MEAN_ANSWER = 1155, 1000, 211


def upstream_of(*overrides: str) -> tuple[Scenario, GeminiUpstream]:
    """A scenario that says nothing, with something set."""
    with TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.yaml"
        bare.write_text("scenario: bare\ntitle: Bare\n", encoding="utf-8")
        scenario = load(bare, overrides).scenario
    assert isinstance(scenario.upstream, GeminiUpstream)
    return scenario, scenario.upstream


def test_without_a_tier_nothing_is_limited() -> None:
    """So that checks against theory stay what they are."""
    scenario, upstream = upstream_of()
    assert not any(profile.quota.limited for profile in profiles(scenario).values())
    assert all(profile.capacity is None for profile in profiles(scenario).values())
    assert spend_limit(upstream) is None


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_a_tier_limits_every_model(tier: int) -> None:
    """Each by calls and tokens a minute, and by its capacity; a higher tier allows more."""
    scenario, upstream = upstream_of(f"upstream.tier={tier}")
    found = profiles(scenario)
    assert set(found) == set(calibrated_profiles())
    below = profiles(upstream_of(f"upstream.tier={tier - 1}")[0]) if tier > 1 else None
    for name, profile in found.items():
        assert profile.capacity is not None
        assert profile.quota.rpm is not None
        assert profile.quota.tpm is not None
        if below is not None:
            assert profile.quota.rpm > (below[name].quota.rpm or 0)
            assert profile.quota.tpm > (below[name].quota.tpm or 0)
    limit = spend_limit(upstream)
    assert limit is not None
    assert (limit.usd, limit.per) == ({1: 10.0, 2: 50.0, 3: 200.0}[tier], 600.0)


@pytest.mark.parametrize("tier", [1, 2, 3])
def test_capacities_are_what_the_quota_s_rate_holds_in_flight_at_rest(tier: int) -> None:
    """By Little's law, as the file says; a new calibration has to come with new capacities."""
    found = profiles(upstream_of(f"upstream.tier={tier}")[0])
    cards = default_policy().catalog
    for name, profile in found.items():
        assert profile.quota.rpm and profile.quota.tpm
        rate = min(profile.quota.rpm, profile.quota.tpm / MEAN_PROMPT) / 60
        thinking = THINKING * profile.thinking_factor if profile.thinks_unasked else 0
        card = cards.card(name)
        thinking = min(thinking, card.most_thinking_tokens(card.default_thinking))
        rest_s = profile.ttft_p50 + (thinking + MEAN_ANSWER) / profile.tokens_per_s
        assert profile.capacity == pytest.approx(rate * rest_s, abs=0.5), name


def test_what_a_scenario_says_of_a_model_comes_before_its_tier() -> None:
    """Key by key: the rest of the quota stays the tier's, and null takes a limit away."""
    scenario, upstream = upstream_of(
        "upstream.tier=1",
        f"upstream.models.{FLASH}.quota.rpm=77",
        f"upstream.models.{FLASH}.quota.rpd=null",
        f"upstream.models.{FLASH}.capacity=5",
        "upstream.spend_limit=null",
    )
    flash = profiles(scenario)[FLASH]
    assert (flash.quota.rpm, flash.quota.tpm, flash.quota.rpd) == (77, 2_000_000, None)
    assert flash.capacity == 5
    assert spend_limit(upstream) is None
    assert profiles(scenario)[LITE].quota.rpm == 4000


def test_a_project_s_own_spend_limit_comes_before_its_tier_s() -> None:
    """With or without one."""
    for tier in ("1", "null"):
        _, upstream = upstream_of(
            f"upstream.tier={tier}", "upstream.spend_limit={usd: $7, per: 5m}"
        )
        limit = spend_limit(upstream)
        assert limit is not None
        assert (limit.usd, limit.per) == (7.0, 300.0)


def test_a_tier_has_to_know_every_model() -> None:
    """A model of one's own needs a quota of its own; none is made up."""
    mine = "{ttft_p50: 1s, ttft_p95: 2s, tokens_per_s: 90}"
    with pytest.raises(ScenarioError, match="tier 2 says no limits of this model"):
        upstream_of("upstream.tier=2", f"upstream.models.mine={mine}")
    upstream_of("upstream.tier=2", f"upstream.models.mine={mine[:-1]}, quota: {{rpm: 9}}}}")


def test_quotas_count_as_the_project_s_does_unless_they_say_otherwise() -> None:
    """So one key sweeps all of them."""
    scenario, upstream = upstream_of(
        "upstream.tier=1",
        "upstream.quota={counting: bucket, counts_refused: true, burst: 10s}",
        f"upstream.models.{LITE}.quota.counting=sliding",
        f"upstream.models.{LITE}.quota.counts_refused=false",
    )
    flash, lite = (profiles(scenario)[name].quota for name in (FLASH, LITE))
    assert (flash.counting, flash.counts_refused, flash.burst) == ("bucket", True, 10.0)
    assert (lite.counting, lite.counts_refused, lite.burst) == ("sliding", False, None)
    assert project_quota(upstream).counting == "bucket"


def test_the_clock_s_minute_is_the_default() -> None:
    """Refused calls do not count."""
    quota = profiles(upstream_of("upstream.tier=1")[0])[FLASH].quota
    assert (quota.counting, quota.counts_refused) == ("calendar", False)


def test_limits_are_dated() -> None:
    """They change."""
    assert date.fromisoformat(tier_dated()) >= date(2026, 11, 1)
    assert set(tier_models(1)) == set(tier_models(2)) == set(tier_models(3))


def test_countings_have_one_set_of_names() -> None:
    """A scenario's and the simulator's."""
    assert get_args(Counting) == COUNTINGS


@pytest.mark.parametrize(
    ("override", "says"),
    [
        ("upstream.tier=4", "upstream.tier: found 4, expected one of free, 1, 2, 3"),
        ("upstream.tier=true", "upstream.tier: found True"),
        ("upstream.quota.counting=slidding", r"found 'slidding'.*did you mean 'sliding'\?"),
        ("upstream.quota.rpm=-1", "upstream.quota.rpm: found -1.*must not be negative"),
        ("upstream.quota.tpm=0", "upstream.quota.tpm: found 0"),
        ("upstream.quota.tpm=.nan", "upstream.quota.tpm: found nan.*must be finite"),
        ("upstream.quota.counts_refused=maybe", "counts_refused: found 'maybe', expected true or"),
        ("upstream.quota.rmp=1", r"unknown key 'rmp'.*did you mean 'rpm'\?"),
        ("upstream.spend_limit.usd=$0", "upstream.spend_limit.usd: found '\\$0'"),
        ("upstream.spend_limit={usd: -3}", "upstream.spend_limit.usd: found -3.*negative"),
        ("upstream.spend_limit={usd: .inf}", "upstream.spend_limit.usd: found inf"),
        ("upstream.spend_limit={usd: $5, per: 3s}", "per: found 3s, expected from 1m to 1d"),
        ("upstream.spend_limit={per: 10m}", "upstream.spend_limit: key 'usd' is missing"),
        ("upstream.quota.burst=5s", "burst belongs to counting: bucket"),
        (f"upstream.models.{FLASH}.quota={{rpm: 5, burst: 5s}}", "burst: belongs to counting"),
        (f"upstream.models.{FLASH}.quota.counting=clock", "found 'clock', expected one of"),
    ],
)
def test_an_impossible_limit_is_refused(override: str, says: str) -> None:
    """One message, with the key, what was found and what was expected."""
    with pytest.raises(ScenarioError, match=says):
        upstream_of(override)
