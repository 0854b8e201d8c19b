"""Provisioned throughput: what fits is served from it, the rest spills, and the hour is paid."""

from __future__ import annotations

import math
from typing import Any, cast

import numpy as np
import pytest

from balancer.core.errors import ScenarioError
from balancer.core.observations import FAILURES
from balancer.policy_file import default_policy
from scenarios.loader import load
from scenarios.profiles import provisioned_usd
from scenarios.schema import Scenario
from sim.mock_gemini.bodies import Body
from sim.mock_gemini.clock import ScenarioClock
from sim.mock_gemini.settings import Settings
from sim.mock_gemini.wall_upstream import WallUpstream
from sim.plant.provisioned import OVER, fits
from sim.plant.service_tiers import STANDARD
from sim.plant.upstream_records import MODEL
from sim.run.assumptions import assumptions
from sim.run.engine import simulate
from sim.run.result import ARMS
from sim.streams import replication_key
from sim.traffic.workload import generate

from .test_service_tiers import FLASH, SERVICE_S, by_plan, chat, observed, plant, totals
from .test_service_tiers import scenario as world

POLICY = default_policy()
PRICE = POLICY.catalog.card(FLASH).price
CALL_NANO_USD = (1000 * PRICE[1] + 200 * PRICE[2]) // 1_000_000
"""Of a call as all of them are here: a thousand tokens of prompt, two hundred of answer."""
CALL_TOKENS = CALL_NANO_USD * 1_000_000 / PRICE[1]
WINDOW_S = 30.0


def bought(calls: float, **more: Any) -> dict[str, Any]:
    """A model of which so many calls a window are bought."""
    rate = {"tokens_per_s": calls * CALL_TOKENS / WINDOW_S, "usd_per_hour": "$0"}
    return {"provisioned": {**rate, **more}}


def spilled(of: Scenario, **how: Any) -> int:
    """How many calls were billed one by one, all of one price."""
    found = totals(of, **how).true_nano_usd / CALL_NANO_USD
    assert found == round(found)
    return round(found)


# --- how much is served from it -----------------------------------------------------------


@pytest.mark.parametrize("load_", [0.7, 1.0, 1.6])
def test_the_share_that_spills_is_that_of_a_poisson_count_beyond_what_fits(load_: float) -> None:
    """Of N calls in a window, N Poisson of mean m, n fit: E[max(0, N - n)] / m of them spill."""
    fit, hours = 40, 20
    mean = load_ * fit
    chances = [math.exp(k * math.log(mean) - mean - math.lgamma(k + 1)) for k in range(200)]
    beyond = [max(0, k - fit) for k in range(200)]
    expected = sum(p * k for p, k in zip(chances, beyond, strict=True))
    square = sum(p * k * k for p, k in zip(chances, beyond, strict=True))
    windows = hours * 3600 / WINDOW_S
    error = math.sqrt((square - expected**2) / windows)
    of = world(rate=mean / WINDOW_S, model=bought(fit + 0.5), duration=f"{hours}h")
    assert abs(spilled(of) / windows - expected) < 4.0 * error


def test_a_window_holds_what_fits_whole_and_nothing_is_carried_over() -> None:
    """Two calls of 10 fit into 29, and then one of 9; a quiet quarter of an hour adds nothing."""
    row: Any = np.zeros(1, MODEL)[0]
    row["bought_nano_usd"], row["window_s"] = 29, WINDOW_S
    calls = [(0.0, 10), (1.0, 10), (2.0, 10), (29.9, 9), (29.99, 1)]
    later = [(990.0, 10), (990.0, 10), (1000.0, 10), (1020.0, 29), (1049.9, 1)]
    assert [fits(row, *call) for call in calls] == [True, True, False, True, False]
    assert [fits(row, *call) for call in later] == [True, True, False, True, False]


def test_tokens_burn_by_their_prices() -> None:
    """A cached token less than one of the prompt, one of the answer more."""
    classes = [chat(cached="100%")]
    burnt_tokens = 1000 * PRICE[3] / PRICE[1] + 200 * PRICE[2] / PRICE[1]
    of = world(*classes, rate=4.0, model=bought(10.5 * burnt_tokens / CALL_TOKENS), duration="10m")
    found = totals(of)
    bill = (1000 * PRICE[3] + 200 * PRICE[2]) // 1_000_000
    assert found.true_nano_usd == (found.offered - 10 * 20) * bill


# --- what serves, and what does not -------------------------------------------------------


def test_what_serves_meets_neither_quota_nor_load() -> None:
    """One call a minute is granted, and one in flight is full: nobody notices."""
    full = {"quota": {"rpm": 1}, "capacity": 1, "overload_limit": 1}
    found = plant(world(rate=2.0, model={**bought(1000), **full}))
    account = found.totals()
    assert account.answered == account.offered > 6000
    assert account.true_nano_usd == account.downgraded == 0
    assert account.waiting_s / account.answered == pytest.approx(SERVICE_S)


def test_what_spills_meets_the_quota_as_if_nothing_else_had_come() -> None:
    """Ten a window are served, ten a minute are granted, the rest is refused."""
    model = {**bought(10.5), "quota": {"rpm": 10}}
    of = world(rate=3.0, model=model)
    account = totals(of)
    assert account.answered == (10 * 120) + (10 * 60)
    assert spilled(of) == 10 * 60


@pytest.mark.parametrize("said", ["dedicated", "shared"])
def test_a_class_says_whether_it_takes_that_alone_or_none_of_it(said: str) -> None:
    """Dedicated calls are refused beyond it and never billed; shared ones are billed all."""
    of = world(chat(request_type=said), rate=3.0, model=bought(10.5), duration="10m")
    seen, account = observed(of, by_plan("standard"))
    refused = seen.served[0].failures[FAILURES.index("quota_minute")]
    if said == "shared":
        assert account.true_nano_usd == account.answered * CALL_NANO_USD
        assert account.answered == account.offered
    else:
        assert account.true_nano_usd == 0
        assert account.answered == 10 * 20
        assert refused == account.offered - account.answered > 0


def test_without_any_dedicated_calls_are_refused_and_shared_ones_are_as_all() -> None:
    """Nothing is bought, so nothing serves them."""
    dedicated = totals(world(chat(request_type="dedicated"), duration="10m"))
    assert (dedicated.answered, dedicated.true_nano_usd) == (0, 0)
    assert totals(world(chat(request_type="shared"), duration="10m")) == totals(
        world(chat(), duration="10m")
    )


@pytest.mark.parametrize("tier", ["flex", "priority"])
def test_what_spills_over_goes_in_the_tier_it_asked_for(tier: str) -> None:
    """And what was served first is no downgrade."""
    of = world(rate=3.0, model=bought(10.5), clients={"service_tier": tier}, duration="10m")
    account = totals(of)
    price = POLICY.catalog.card(FLASH).price_of(tier)
    call = (1000 * price[1] + 200 * price[2]) // 1_000_000
    assert account.downgraded == 0
    assert account.true_nano_usd == (account.answered - 10 * 20) * call


# --- the bill -----------------------------------------------------------------------------


@pytest.mark.parametrize("arm", ARMS)
def test_every_arm_pays_the_hour_and_no_controller_sees_it(arm: str) -> None:
    """Fifty minutes are measured, of an hour at $12; what is observed is of tokens alone."""
    of = world(rate=2.0, model=bought(20.5, usd_per_hour="$12"), warm_up="10m")
    assert provisioned_usd(of) == pytest.approx(10.0)
    found = simulate(of, POLICY, replication=0, arm=arm).metrics
    assert found["cost_usd"] == pytest.approx(10.0 + found["observed_cost_usd"], rel=1e-9)
    assert found["cost_per_answer_usd"] == pytest.approx(found["cost_usd"] / found["answered"])


def test_cost_per_hour_is_of_what_spills() -> None:
    """What a controller is shown of a mode's cost is the sum of the bills."""
    of = world(rate=2.0, model=bought(20.5, usd_per_hour="$1000"), duration="10m")
    seen, account = observed(of, by_plan("standard"))
    assert sum(entry.nano_usd for entry in seen.served) == account.true_nano_usd
    assert account.true_nano_usd == (account.answered - 20 * 20) * CALL_NANO_USD


def test_what_is_bought_is_said() -> None:
    """With what of every bill is its price; elsewhere nothing is."""
    said = " ".join(assumptions(load("provisioned_spills").scenario, POLICY))
    assert "40,000 tokens/s, counted by 30s, for $60 an hour" in said
    assert "in the bill of every arm, used or not, with $55" in said
    assert "rovisioned" not in " ".join(assumptions(load("steady").scenario, POLICY))


# --- the mock's fates ---------------------------------------------------------------------


def test_the_mock_serves_the_same_calls_from_it() -> None:
    """Call by call, at the kernel's moments: the same bill, of drawn sizes."""
    of = world({"name": "all"}, rate=3.0, model=bought(30.0), duration="20m")

    class Moments:
        """A clock that is set."""

        at_s = 0.0

        def now_s(self) -> float:
            """What it is set to."""
            return self.at_s

    clock = Moments()
    settings = Settings(scenario=of, policy=POLICY)
    mock = WallUpstream(settings, cast("ScenarioClock", clock))
    plain = Body(None, None, False, False, None, None, tier=STANDARD, request_type=OVER)
    bill = 0
    for index, request in enumerate(generate(of, replication_key(of.seed, 0))):
        clock.at_s = float(request["s"])
        fate = mock.begin(mock.models[FLASH], plain, index, 0, None)
        bill += fate.bill_nano_usd
        mock.end(fate)
    account = totals(of)
    assert 0 < account.true_nano_usd == bill


# --- bad input ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ("{tokens_per_s: -1, usd_per_hour: $1}", "tokens_per_s: found -1"),
        ("{tokens_per_s: 0, usd_per_hour: $1}", "tokens_per_s: found 0"),
        ("{tokens_per_s: .nan, usd_per_hour: $1}", "tokens_per_s: found nan"),
        ("{tokens_per_s: .inf, usd_per_hour: $1}", "tokens_per_s: found inf"),
        ("{tokens_per_s: true, usd_per_hour: $1}", "tokens_per_s: found True"),
        ("{tokens_per_s: 9, usd_per_hour: -$1}", r"usd_per_hour: found '-\$1'"),
        ("{tokens_per_s: 9, usd_per_hour: .nan}", "usd_per_hour: found nan"),
        ("{tokens_per_s: 9}", "key 'usd_per_hour' is missing"),
        ("{tokens_per_s: 9, usd_per_hour: $1, window: 0s}", "window: found 0 s"),
        ("{tokens_per_s: 9, usd_per_hour: $1, window: 2h}", "window: found 2h, expected from 1s"),
        ("{tokens_per_sec: 9, usd_per_hour: $1}", r"'tokens_per_sec'.*did you mean 'tokens_per_s'"),
    ],
)
def test_what_cannot_be_bought_is_refused(said: str, says: str) -> None:
    """One message, with the key, what was found and what was expected."""
    with pytest.raises(ScenarioError, match=says):
        load("steady", [f"upstream.models.{FLASH}.provisioned={said}"])


def test_a_request_type_that_there_is_not_is_refused() -> None:
    """With the words that there are."""
    with pytest.raises(ScenarioError, match=r"request_type: found 'dedicate'.*'dedicated'"):
        load("steady", ["workload.classes=[{name: a, request_type: dedicate}]"])


def test_a_plain_queue_has_none() -> None:
    """It has no models either."""
    with pytest.raises(ScenarioError, match="unknown key 'provisioned'"):
        load("steady", ["upstream={kind: queue, provisioned: {}}"])


def test_a_model_that_vertex_does_not_sell_by_the_token_is_refused() -> None:
    """Nothing says what a call to one without a price would burn."""
    name = "gemma-3-27b-it"
    profile = {"ttft_p50": 1, "ttft_p95": 1, "tokens_per_s": 99, **bought(10)}
    of = world(upstream={"models": {name: profile}}, clients={"model": name})
    with pytest.raises(ScenarioError, match=f"models.{name}.provisioned: found a model that has"):
        plant(of)
