"""The line of the last hour, roll-ups by the minute and the hour, and the explorer's metrics."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from balancer.core.histogram import Histogram
from balancer.core.modes import Mode, Priority
from balancer.core.observations import ModeObservations, ModeRequests, Observations
from balancer.fleet.standing import Peer
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import RequestRecord
from balancer.service.console.beside import fleet
from balancer.service.console.by_key import ByKey
from balancer.service.console.metrics import METRICS, RANGES, series
from balancer.service.console.rollups import HOUR_S, MINUTE_S, Rollups, added, rows_since
from balancer.service.console.trail import COLUMNS, Trail
from balancer.service.history import Store

FLASH, LITE = "gemini-2.5-flash", "gemini-2.5-flash-lite"
DECISION = Balancer(default_policy()).decision
NOON = 1_769_860_800.0


def tick(number: int, latency_s: float = 1.0, mode: Mode = Mode.NORMAL) -> Observations:
    """Two answers and a failure of one tick, at $0.36 an hour and second."""
    served = ModeObservations(
        mode=mode,
        model=FLASH if mode is Mode.NORMAL else LITE,
        started=3,
        finished=3,
        failures=(1, *[0] * 12),
        latency=Histogram.of([latency_s, latency_s]),
        prompt_tokens=200,
        output_tokens=100,
        nano_usd=100_000,
    )
    requests = ModeRequests(mode=mode, begun=2, answered=Histogram.of([latency_s] * 2))
    return Observations(
        number,
        served=(served,),
        offered=(0, 2, 1),
        admitted=(0, 2, 0),
        shed=(0, 0, 1),
        requests=(requests,),
        waiting=number % 7,
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """An open history."""
    store = Store(f"sqlite:///{tmp_path / 'history.sqlite3'}")
    store.open()
    return store


def test_a_point_is_of_the_minute_before_it() -> None:
    """What is older has left it."""
    trail = Trail(lambda: 1.0, lambda: NOON)
    for number in range(60):
        trail.add(tick(number, latency_s=8.0), DECISION)
    slow = dict(zip(COLUMNS, trail.newest() or (), strict=True))
    assert slow["latency_p95_s"] == pytest.approx(8.0, rel=0.01)
    assert slow["error_rate"] == pytest.approx(1 / 3, abs=1e-6)
    assert slow["request_error_rate"] == 0.0
    assert slow["usd_per_hour"] == pytest.approx(0.36)
    assert slow["requests_per_s"] == 3.0
    for number in range(60, 120):
        trail.add(tick(number, latency_s=1.0), DECISION)
    quick = dict(zip(COLUMNS, trail.newest() or (), strict=True))
    assert quick["latency_p95_s"] == pytest.approx(1.0, rel=0.01)
    assert len(trail.points()) == 120
    assert len(trail.points(50)) == 40
    assert trail.points(50)[-1] == trail.newest()


def test_a_point_says_what_is_tried_beside_the_mode() -> None:
    """Half of the requests in a worse one, while the mode is normal; nothing where none are."""
    trail = Trail(lambda: 1.0, lambda: NOON)
    trail.add(tick(0), DECISION)
    before = dict(zip(COLUMNS, trail.newest() or (), strict=True))
    assert (before["tried"], before["tried_share"]) == (None, 0.0)
    alone, half = (1.0, 0.0, 0.0, 0.0), (0.5, 0.5, 0.0, 0.0)
    mix = (5 / 6, 1 / 6, 0.0, 0.0)  # over priorities alike; all that comes is of normal priority
    trail.add(tick(1), DECISION._replace(mix=mix, mixes=(alone, half, alone)))
    beside = dict(zip(COLUMNS, trail.newest() or (), strict=True))
    assert (beside["mode"], beside["tried"], beside["tried_share"]) == (0, 1, 0.5)


def test_a_clock_that_was_set_begins_the_line_anew() -> None:
    """Its minute is of comparable ticks only."""
    trail = Trail(lambda: 1.0, lambda: NOON)
    trail.add(tick(500, latency_s=8.0), DECISION)
    trail.add(tick(3, latency_s=1.0), DECISION)
    newest = dict(zip(COLUMNS, trail.newest() or (), strict=True))
    assert newest["latency_p95_s"] == pytest.approx(1.0, rel=0.01)


def test_minutes_and_hours_add_up(store: Store) -> None:
    """Of the same ticks, across an hour's end."""
    now = [NOON + 3600 - 90]
    rollups = Rollups(store, lambda: "me", lambda: 1.0, ByKey(), lambda: now[0])
    for number in range(180):
        rollups.add(tick(number), DECISION)
        now[0] += 1.0
    rollups.flush()
    assert store.flush()
    minutes = rows_since(store, "me", MINUTE_S, NOON, NOON + 7200)
    hours = rows_since(store, "me", HOUR_S, NOON, NOON + 7200)
    assert [at for at, _ in hours] == [NOON, NOON + 3600]
    assert added(data for _, data in minutes) == added(data for _, data in hours)
    whole = added(data for _, data in hours)
    assert whole["seconds"] == 180.0
    assert whole["served"][f"normal {FLASH}"]["finished"] == 540
    assert whole["waiting"] == 6
    assert rows_since(store, "another", MINUTE_S, NOON, NOON + 7200) == []
    store.close()


def test_a_minute_in_which_ticks_change_is_no_longer_than_it_was(store: Store) -> None:
    """Half of it was of ticks of a second, half of ticks of ten."""
    now, tick_s = [NOON], [1.0]
    rollups = Rollups(store, lambda: "me", lambda: tick_s[0], ByKey(), lambda: now[0])
    for number in range(30):
        now[0] = NOON + number
        rollups.add(tick(1000 + number), DECISION._replace(mode=Mode.SOFT))
    tick_s[0] = 10.0
    for number in range(4):
        now[0] = NOON + 30 + 10 * number
        rollups.add(tick(103 + number), DECISION)
    rollups.flush()
    assert store.flush()
    rows = rows_since(store, "me", MINUTE_S, NOON, NOON + 120)
    assert added(data for at, data in rows if at == NOON)["seconds"] == 60.0
    ((_, hour),) = rows_since(store, "me", HOUR_S, NOON, NOON + 7200)
    assert hour["modes"] == [40.0, 30.0, 0, 0]
    store.close()


def test_a_metric_is_split_by_its_parts(store: Store) -> None:
    """And by nothing else."""
    now = [NOON]
    rollups = Rollups(store, lambda: "me", lambda: 1.0, ByKey(), lambda: now[0])
    for number in range(60):
        mode = Mode.SOFT if number % 2 else Mode.NORMAL
        rollups.add(tick(number, latency_s=2.0 if number % 2 else 1.0, mode=mode), DECISION)
        now[0] += 1.0
    rollups.flush()
    assert store.flush()

    def last(metric: str, split: str) -> dict[str, float | None]:
        found = series(store, "me", metric, split, "1h", NOON + 600)
        return {name: line[-1] for name, line in found.lines.items()}

    assert last("latency_p95", "mode") == {
        "normal": pytest.approx(1.0, rel=0.01),
        "soft": pytest.approx(2.0, rel=0.01),
    }
    assert last("cost", "model") == {FLASH: pytest.approx(0.18), LITE: pytest.approx(0.18)}
    assert last("cost", "") == {"all": pytest.approx(0.36)}
    assert last("shed", "priority") == {"low": None, "normal": 0.0, "high": 1.0}
    assert last("error_rate", "priority") == {"all": pytest.approx(1 / 3)}
    assert last("failed", "") == {"all": 0.0}
    assert {name for name, metric in METRICS.items() if "key" in metric.splits} == {
        "key_cost",
        "key_requests",
    }
    store.close()


def test_a_year_of_nothing_is_no_line(store: Store) -> None:
    """Every range can be asked of an empty history."""
    for span in RANGES:
        assert series(store, "me", "latency_p95", "", span, NOON).times == []
    store.close()


def test_whoever_chooses_keys_does_not_choose_how_much_is_kept() -> None:
    """Beyond two hundred in a minute they are one."""
    by_key = ByKey(lambda: 0.0)
    for number in range(300):
        by_key.add(
            RequestRecord(
                mode=Mode.NORMAL, priority=Priority.NORMAL, key=f"key{number}", index=None,
                session=None, started_s=0.0, ended_s=1.0, refusal="", answered=True, calls=(),
            )
        )  # fmt: skip
    found = by_key.last(60.0)
    assert len(found) == 201
    assert found["(others)"].requests == 100
    assert sum(row.requests for row in by_key.minute().values()) == 300
    assert by_key.minute() == {}


def stands(**differs: object) -> SimpleNamespace:
    """A follower in a fleet of three."""
    usual = {
        "place": "follower", "replica": "web-1", "leader": "web-2", "tick": 1200,
        "policy": "0.1.0-a", "seen": (Peer(replica="web-2", tick=1200, policy="0.1.0-b"),),
        "holds": "0.1.0-a", "differ": (), "replicas": 3, "problem": "", "leased": True,
    }  # fmt: skip
    return SimpleNamespace(**usual | differs)


@pytest.mark.parametrize(
    ("standing", "state", "said"),
    [
        (None, "off", "this process decides by itself"),
        (
            stands(),
            "ok",
            "web-1 follows web-2; 3 replicas took part in decision 1,200; hard budgets are leased",
        ),
        (
            stands(place="leader", replicas=1, differ=("web-2",), leased=False),
            "warn",
            "web-1 leads; 1 replica took part in decision 1,200; no hard budget is leased; "
            "other policy or release than 0.1.0-a: web-2 (0.1.0-b)",
        ),
        (
            stands(seen=(Peer(replica="web-3", tick=1190, policy="0.1.0-a"),)),
            "ok",
            "web-1 follows web-2; 3 replicas took part in decision 1,200; "
            "web-3 has been silent since decision 1,190; hard budgets are leased",
        ),
        (
            stands(place="alone", tick=-1, problem="the store does not answer"),
            "bad",
            "web-1 decides alone; hard budgets are leased; the store does not answer",
        ),
    ],
)
def test_a_fleet_is_told_in_words(standing: Any, state: str, said: str) -> None:
    """Who decides, with how many, and what is not as it should be."""
    found = fleet(standing)
    assert (found.state, found.said) == (state, said)
