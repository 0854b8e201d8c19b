"""Summaries and timelines of incidents, and what database and journal no longer have."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.modes import Mode, Priority
from balancer.core.observations import Alert
from balancer.policy_file import parse_policy
from balancer.runtime.journal import JournalFiles
from balancer.service.api.incident_markdown import as_markdown
from balancer.service.api.incident_schemas import IncidentSummary
from balancer.service.api.incident_views import shown_detail, shown_summary
from balancer.service.history import Store
from balancer.service.history.tables import ORDERS, POLICY_VERSIONS
from balancer.service.incidents.lookup import Case, Lookup
from tests.service.incidents.rig import Rig

POLICY = parse_policy(
    """
name: for incidents
law: ladder
thresholds: {soft: {error_rate: 5%}, hard: {error_rate: 20%}}
budget: {per_hour: $10, per_key: {tenant: {per_hour: $1}}}
modes:
  normal: {model: null}
  soft: {model: gemini-2.5-flash-lite}
  hard: {model: gemini-2.5-flash-lite, shed: {low: 100%}}
"""
)
FREE = parse_policy(
    "name: without a budget\nbaseline: null\nmodes: {normal: {model: null}, hard: {model: null}}"
)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Path of the journal."""
    return tmp_path / "journal.jsonl"


def case_of(rig: Rig) -> Case:
    """All that is known of the only incident."""
    (row,) = rig.rows()
    found = Lookup(rig.balancer, rig.store, lambda: rig.tracker.owner, lambda: rig.now_s).case(
        row["id"]
    )
    assert found is not None
    return found


def summary_of(rig: Rig) -> IncidentSummary:
    """Of the only incident."""
    return shown_summary(case_of(rig))


def an_episode(rig: Rig) -> None:
    """Ten minutes of normal, five in hard by order, ten of normal."""
    rig.serve(600)
    rig.balancer.override(Mode.HARD, "a drill", for_s=1000)
    rig.serve(100, kind="overloaded")
    rig.serve(200, calls=4, priority=Priority.LOW)
    rig.balancer.override(Mode.NORMAL, "over", for_s=1000)
    rig.serve(601)
    rig.balancer.close()


def test_a_summary_adds_up_what_was_before_during_and_after(store: Store, journal: Path) -> None:
    """Traffic, errors, latency and cost."""
    rig = Rig(store, journal=journal, policy=FREE)
    an_episode(rig)
    found = summary_of(rig)
    assert found.before is not None and found.during is not None and found.after is not None
    assert found.before.seconds == pytest.approx(600, abs=1.1)
    assert found.before.offered == {"high": 0, "normal": 1200, "low": 0}
    assert found.before.latency_p95_s == pytest.approx(0.5, rel=0.01)
    assert found.during.seconds == 300
    assert sum(found.during.offered.values()) == 2 * 99 + 4 * 200 + 2
    assert found.during.errors == {"overloaded": 198}
    assert found.during.answers == 4 * 200 + 2
    assert found.during.error_rate == pytest.approx(198 / 1000)
    assert found.after.seconds == 600
    assert found.after.availability == 1.0
    assert found.cost is not None and found.cost.saved_usd is not None
    assert found.journal.complete
    assert found.journal.notes == []
    assert [(span.mode, span.until) for span in found.modes] == [("hard", found.incident.closed_at)]


def test_what_was_saved_is_measured_against_normal_calls(store: Store, journal: Path) -> None:
    """Half as many tokens in hard, half the cost."""
    rig = Rig(store, journal=journal, policy=FREE)
    rig.serve(100)
    rig.balancer.override(Mode.HARD, "a drill", for_s=1000)
    rig.serve(1)
    rig.serve(100, output_tokens=100)
    rig.balancer.override(Mode.NORMAL, "over", for_s=1000)
    rig.serve(10)
    rig.balancer.close()
    cost = summary_of(rig).cost
    assert cost is not None and cost.saved_usd is not None
    assert cost.saved_usd == pytest.approx(cost.usd, rel=0.05)


def test_a_summary_names_the_rules_that_were_broken(store: Store, journal: Path) -> None:
    """With the worst value, and the modes that they led to."""
    rig = Rig(
        store,
        journal=journal,
        policy=POLICY.__class__(
            **{
                **{name: getattr(POLICY, name) for name in POLICY.__slots__},
                "budgets": (),
            }
        ),
    )
    rig.serve(60)
    rig.serve(120, kind="overloaded")
    rig.balancer.close()
    found = summary_of(rig)
    assert {crossing.rule for crossing in found.signals} >= {"soft error_rate", "hard error_rate"}
    hard = next(each for each in found.signals if each.rule == "hard error_rate")
    assert hard.threshold == 0.2
    assert hard.value is not None and hard.value > 0.2
    assert [span.mode for span in found.modes] == ["soft", "hard"]
    assert found.incident.open
    assert found.incident.began_at < found.incident.opened_at


def test_an_episode_is_still_read_when_ticks_are_of_another_length_since(
    store: Store, journal: Path
) -> None:
    """The files of before are of before, though the newest goes on from nothing."""
    rig = Rig(store, journal=journal, policy=FREE, begins_s=3600.0)
    rig.serve(20)
    rig.balancer.override(Mode.HARD, "a drill", for_s=30)
    rig.serve(60)
    rig.balancer.use(replace(FREE, tick_s=2.0))
    rig.serve(20)
    rig.balancer.close()
    found = summary_of(rig)
    assert found.before is not None and found.before.seconds == pytest.approx(20, abs=1.1)
    assert found.during is not None and found.during.seconds == pytest.approx(30, abs=1.1)
    assert found.after is not None and found.after.seconds == pytest.approx(50, abs=2.1)


@pytest.mark.slow
def test_what_was_rotated_away_is_said_to_be(store: Store, journal: Path) -> None:
    """Its beginning at first."""
    files = JournalFiles(journal, max_bytes=20_000, keep=1)
    rig = Rig(store, journal=files, policy=FREE)
    an_episode(rig)
    found = summary_of(rig)
    assert not found.journal.complete
    assert found.before is None
    assert any("no longer has" in note for note in found.journal.notes)


@pytest.mark.slow
def test_a_journal_that_is_gone_leaves_what_the_database_has(store: Store, journal: Path) -> None:
    """Modes and their reasons; no figure is made up."""
    rig = Rig(store, journal=journal, policy=FREE)
    an_episode(rig)
    journal.unlink()
    found = summary_of(rig)
    assert found.journal.notes == ["the journal no longer has it"]
    assert (found.before, found.during, found.after, found.cost) == (None, None, None, None)
    assert [span.mode for span in found.modes] == ["hard"]
    assert "the journal no longer has it" in as_markdown(found)


def test_a_journal_that_was_damaged_ends_where_it_was(store: Store, journal: Path) -> None:
    """The rest is said to be missing."""
    rig = Rig(store, journal=journal, policy=FREE)
    an_episode(rig)
    lines = journal.read_text().splitlines(keepends=True)
    lines[700] = "{damaged\n"
    journal.write_text("".join(lines))
    found = summary_of(rig)
    assert found.during is not None and 90 < found.during.seconds < 101
    assert not found.journal.complete
    assert any("are not in the journal" in note for note in found.journal.notes)


def test_an_incident_of_another_service_has_no_journal_here(store: Store, journal: Path) -> None:
    """Its rows are in the database that both share."""
    other = Rig(store, owner="b" * 32, journal=journal, policy=FREE)
    an_episode(other)
    (row,) = other.rows()
    here = Rig(store, journal=journal.with_name("here.jsonl"), policy=FREE)
    case = Lookup(here.balancer, store, lambda: here.tracker.owner, lambda: here.now_s).case(
        row["id"]
    )
    assert case is not None
    found = shown_summary(case)
    assert found.journal.notes == [
        "it is of another service on this database, whose journal is not here"
    ]
    assert [span.mode for span in found.modes] == ["hard"]


def test_a_service_without_a_journal_says_so(store: Store) -> None:
    """It has the modes all the same."""
    rig = Rig(store, policy=FREE)
    rig.hold(Mode.HARD)
    assert summary_of(rig).journal.notes == ["the service keeps no journal"]


def test_a_restart_in_the_middle_is_a_gap_that_is_named(store: Store, tmp_path: Path) -> None:
    """Both files are read."""
    files: dict[str, Any] = {"journal": tmp_path / "j.jsonl", "state": tmp_path / "s.json"}
    first = Rig(store, policy=FREE, **files)
    first.serve(20)
    first.balancer.override(Mode.HARD, "a drill", for_s=5000)
    first.serve(20)
    first.balancer.close()
    assert first.rows()
    again = Rig(store, policy=FREE, begins_s=first.clock.now_s() + 160, **files)
    again.now_s = first.now_s + 160
    again.serve(20)
    again.balancer.close()
    found = summary_of(again)
    assert found.before is not None and found.before.seconds > 15
    assert found.during is not None and sum(found.during.offered.values()) >= 2 * 39
    assert any("the service was down" in note for note in found.journal.notes)


@pytest.mark.parametrize("stall_s", [0.6 * 20, 60.0])
def test_ticks_that_a_late_ticker_closed_together_are_no_gap(
    store: Store, journal: Path, stall_s: float
) -> None:
    """One line of the journal has all that was seen in them: 0.6 s at speed 20, or a minute."""
    rig = Rig(store, journal=journal, policy=FREE)
    rig.serve(20)
    rig.hold(Mode.HARD)
    rig.serve(10)
    rig.clock.advance(stall_s)
    rig.now_s += stall_s
    rig.serve(10)
    rig.balancer.override(Mode.NORMAL, "over", for_s=1000)
    rig.go(5)
    rig.balancer.close()
    found = summary_of(rig).journal
    assert found.complete
    assert found.known_s == pytest.approx(found.episode_s)


@pytest.mark.slow
def test_another_life_of_the_controller_is_not_mixed_in(store: Store, tmp_path: Path) -> None:
    """Its scenario seconds count from elsewhere."""
    path = tmp_path / "j.jsonl"
    other = Rig(Store(f"sqlite:///{tmp_path / 'other.sqlite3'}"), journal=path, policy=FREE)
    other.clock.epoch = 77.0
    other.balancer.close()
    rig = Rig(store, journal=path, policy=FREE)
    an_episode(rig)
    text = path.with_name("j.1.jsonl")
    text.write_text(path.read_text().replace('"epoch":0.0', '"epoch":77.0'))
    found = summary_of(rig)
    assert found.during is not None and found.during.seconds == 300


def test_a_timeline_has_modes_orders_alerts_and_policies_in_order(
    store: Store, journal: Path
) -> None:
    """From leaving normal to being back."""
    rig = Rig(store, journal=journal, policy=FREE)
    rig.serve(5)
    rig.balancer.alert(Alert("monitor-7", rig.balancer.now_tick, Mode.HARD))
    rig.serve(5)
    store.add(
        ORDERS, at=rig.now_s, kind="override", mode="emergency", until=rig.now_s + 60,
        reason="worse than it looks", owner=rig.tracker.owner,
    )  # fmt: skip
    rig.serve(2)
    policy = {"name": "p", "reason": "a try", "text": "name: p", "origin": "api"}
    store.add(POLICY_VERSIONS, at=rig.now_s, **policy)
    rig.serve(2)
    rig.balancer.override(Mode.NORMAL, "over", for_s=1000)
    rig.serve(5)
    store.add(ORDERS, at=rig.now_s, kind="clear", reason="later", owner=rig.tracker.owner)
    rig.balancer.close()
    case = case_of(rig)
    found = shown_detail(case, 100)
    assert [entry.kind for entry in found.timeline] == [
        "alert", "mode", "opened", "order", "policy", "mode", "closed",
    ]  # fmt: skip
    assert found.cause == "alert"
    short = shown_detail(case, 3)
    assert (len(short.timeline), short.left_out) == (3, 4)


def test_orders_that_ended_before_are_no_part_of_it(store: Store) -> None:
    """Nor one that was taken back; only what held when normal was left."""
    rig = Rig(store, policy=FREE)
    begun_s = rig.now_s
    held = {"kind": "override", "mode": "soft", "owner": rig.tracker.owner}
    store.add(ORDERS, at=begun_s - 50, until=begun_s + 900, reason="taken back", **held)
    store.add(ORDERS, at=begun_s - 40, kind="clear", reason="by this", owner=rig.tracker.owner)
    rig.hold(Mode.HARD)
    assert summary_of(rig).orders == []
    store.add(ORDERS, at=begun_s - 30, until=begun_s - 20, reason="ended", **held)
    assert summary_of(rig).orders == []
    store.add(ORDERS, at=begun_s - 10, until=begun_s + 90, reason="held", **held)
    assert [order.reason for order in summary_of(rig).orders] == ["held"]


def test_markdown_shows_what_people_wrote_as_they_wrote_it(store: Store, journal: Path) -> None:
    """And not as markup."""
    rig = Rig(store, journal=journal, policy=FREE)
    rig.balancer.override(Mode.HARD, "<b>*now*</b> | # x", for_s=50)
    rig.serve(4)
    rig.balancer.close()
    text = as_markdown(summary_of(rig))
    assert "\\<b\\>\\*now\\*" in text
    assert text.startswith("# Incident 1: hard brownout, by override\n")
    assert "| hard | goes on |" in text


def test_budgets_are_shown_with_what_the_episode_took(store: Store, journal: Path) -> None:
    """A tenant's is not known from what everybody did."""
    rig = Rig(store, journal=journal, policy=POLICY)
    rig.hold(Mode.HARD)
    rig.balancer.close()
    budgets = summary_of(rig).budgets
    assert [(limit.key, limit.limit_usd, limit.share) for limit in budgets] == [
        (None, 10.0, 0.0), ("tenant", 1.0, None),
    ]  # fmt: skip


@pytest.mark.slow
def test_what_no_longer_changes_is_read_once(
    store: Store, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Reading a journal holds up calls."""
    rig = Rig(store, journal=journal, policy=FREE)
    an_episode(rig)
    book = Lookup(rig.balancer, store, lambda: rig.tracker.owner, lambda: rig.now_s)
    first = book.case(1)
    rig.now_s += 1000
    monkeypatch.setattr("balancer.service.incidents.lookup.lines", None)
    again = book.case(1)
    assert first is not None and again is not None
    assert again.figures is first.figures
