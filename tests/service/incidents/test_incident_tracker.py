"""From a controller's decisions to rows of the history, across restarts and outages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from balancer.core.incidents import IncidentChange
from balancer.core.modes import Mode
from balancer.service.events import Events, ModeChange
from balancer.service.history import Store
from balancer.service.history.tables import MODE_CHANGES
from balancer.service.incidents.incident_tracker import GONE_S, IncidentTracker
from balancer.service.instance import owner_of
from tests.service.incidents.rig import Rig


def test_an_episode_is_kept_from_beginning_to_end(store: Store) -> None:
    """One row, whatever happened."""
    rig = Rig(store)
    rig.hold(Mode.HARD)
    (row,) = rig.rows()
    assert (row["mode"], row["worst"], row["cause"], row["closed_at"]) == (
        "hard", "hard", "override", None,
    )  # fmt: skip
    assert "a drill" in row["reason"]
    rig.hold(Mode.EMERGENCY)
    rig.hold(Mode.NORMAL)
    (row,) = rig.rows()
    assert (row["mode"], row["worst"], row["ended"]) == ("normal", "emergency", "normal is back")
    assert row["closed_at"] == rig.now_s - 1
    assert row["closed_s"] == rig.clock.now_s() - 1
    kinds = [type(happening) for happening in rig.told]
    assert kinds[:2] == [ModeChange, IncidentChange]
    changes = store.page(MODE_CHANGES, limit=50).rows
    assert len(changes) == kinds.count(ModeChange)
    assert {change["owner"] for change in changes} == {"a" * 32}


def test_a_mode_change_says_whether_an_operator_ordered_it(store: Store) -> None:
    """For those who are told."""
    rig = Rig(store)
    rig.hold(Mode.HARD)
    (change,) = [told for told in rig.told if isinstance(told, ModeChange)]
    assert change.override
    assert (change.before, change.after) == (Mode.NORMAL, Mode.HARD)


def test_a_restart_goes_on_with_the_incident_that_is_open(store: Store, tmp_path: Path) -> None:
    """Mode and incident are both found again."""
    files: dict[str, Any] = {"journal": tmp_path / "j.jsonl", "state": tmp_path / "s.json"}
    first = Rig(store, **files)
    first.hold(Mode.HARD)
    assert first.rows()
    first.balancer.close()
    again = Rig(store, **files)
    again.go(2)
    assert again.balancer.decision.mode is Mode.HARD
    assert again.told == []
    again.hold(Mode.NORMAL)
    again.balancer.close()
    (row,) = again.rows()
    assert row["closed_at"] is not None


def test_a_restart_in_soft_remembers_when_normal_was_left(store: Store, tmp_path: Path) -> None:
    """Should it become an incident, its episode began then."""
    files: dict[str, Any] = {"journal": tmp_path / "j.jsonl", "state": tmp_path / "s.json"}
    first = Rig(store, **files)
    first.hold(Mode.SOFT)
    assert first.rows() == []
    first.balancer.close()
    again = Rig(store, **files)
    again.now_s += 500.0
    again.hold(Mode.HARD)
    (row,) = again.rows()
    assert (row["began_at"], row["began_s"]) == (5001.0, 1.0)
    assert row["opened_at"] > 5500


def test_an_incident_that_ended_meanwhile_is_closed_with_that_said(store: Store) -> None:
    """The state of the process before is lost here, so that the mode begins at normal."""
    first = Rig(store)
    first.hold(Mode.HARD)
    assert first.rows()
    again = Rig(store)
    assert again.told == []
    again.go()
    (row,) = again.rows()
    assert row["ended"].startswith("it ended while the service was down, after 1970-01-01 01:23")


def test_a_mode_that_was_never_recorded_is_an_incident_from_the_start(
    store: Store, tmp_path: Path
) -> None:
    """As after a kill before the row was written."""
    files: dict[str, Any] = {"journal": tmp_path / "j.jsonl", "state": tmp_path / "s.json"}
    other = Store(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    other.open()
    first = Rig(other, **files)
    first.hold(Mode.HARD)
    first.balancer.close()
    other.close()
    again = Rig(store, **files)
    again.go()
    again.balancer.close()
    (row,) = again.rows()
    assert (row["mode"], row["cause"], row["closed_at"]) == ("hard", "override", None)


def test_services_that_share_a_database_leave_each_other_alone(store: Store) -> None:
    """Until one was not heard of for a long time."""
    one, two = Rig(store), Rig(store, owner="b" * 32)
    one.hold(Mode.HARD)
    two.go(3)
    assert [row["closed_at"] for row in two.rows()] == [None]
    third = IncidentTracker(two.balancer, Events(), store, lambda: one.now_s + GONE_S + 1)
    third.open("c" * 32)
    (row,) = one.rows()
    assert row["ended"] == "the service that saw it was not heard of again"


def test_one_that_is_open_is_said_to_be_followed(store: Store) -> None:
    """Once a minute."""
    rig = Rig(store)
    rig.hold(Mode.HARD)
    opened = rig.rows()[0]["seen_at"]
    rig.now_s += 57
    rig.tracker.tend()
    assert rig.rows()[0]["seen_at"] == opened
    rig.now_s += 5
    rig.tracker.tend()
    assert rig.rows()[0]["seen_at"] == rig.now_s


def _lead(place: Path, where: Path) -> None:
    """Elsewhere, at once: a store that tries again makes a folder where it finds none."""
    link = place.with_name("next")
    link.symlink_to(where)
    link.replace(place)


def test_a_database_that_is_away_at_the_restart_ends_in_one_open_incident(tmp_path: Path) -> None:
    """The older row is closed, and says where it goes on."""
    place, there, away = tmp_path / "place", tmp_path / "there", tmp_path / "away"
    there.mkdir()
    away.write_text("a file where a directory should be")
    place.symlink_to(there)
    url = f"sqlite:///{place / 'history.sqlite3'}"
    store = Store(url, retry_s=0.02)
    store.open()
    Rig(store).hold(Mode.HARD)
    store.close()
    _lead(place, away)
    store = Store(url, retry_s=0.02)
    store.open()
    rig = Rig(store)
    rig.now_s += 100.0
    rig.hold(Mode.HARD)
    _lead(place, there)
    rig.tracker.tend()
    old, new = rig.rows()
    assert old["ended"] == f"the service was restarted, and it goes on as {new['key']}"
    assert new["closed_at"] is None
    assert rig.tracker.current is not None and rig.tracker.current.key == new["key"]
    store.close()


def test_a_data_directory_has_a_name_for_ever(tmp_path: Path) -> None:
    """Another one has another."""
    assert owner_of(tmp_path / "a") == owner_of(tmp_path / "a")
    assert owner_of(tmp_path / "a") != owner_of(tmp_path / "b")
    (tmp_path / "a" / "owner").write_text("rubbish é", encoding="utf-8")
    made = owner_of(tmp_path / "a")
    assert made == owner_of(tmp_path / "a")


def test_a_name_that_cannot_be_kept_is_of_this_process(tmp_path: Path) -> None:
    """The service starts all the same."""
    (tmp_path / "file").write_text("")
    assert len(owner_of(tmp_path / "file")) == 32
