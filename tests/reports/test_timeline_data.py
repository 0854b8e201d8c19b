"""A timeline's data: a row for each window, and what was drawn in it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from balancer.records.verdict import read_verdict
from reports.run.series import series_of
from reports.run.timeline_data import timeline_file, write_timeline_data
from reports.run.timelines import Timeline

from .samples import sample_ticks, sample_verdict


@pytest.fixture(scope="module")
def shown() -> Timeline:
    """The sample, with three arms."""
    with_, without = (
        series_of(sample_ticks(controlled=controlled), tick_s=1.0, duration_s=3600.0)
        for controlled in (True, False)
    )
    return Timeline(controlled=with_, static=without, uncontrolled=without, duration_s=3600.0)


def rows(path: Path, timeline: Timeline) -> list[dict[str, str]]:
    """The file as a reader finds it."""
    write_timeline_data(path, timeline)
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_value_drawn_is_in_the_file(tmp_path: Path, shown: Timeline) -> None:
    """All arms, every window, to the bit."""
    assert shown.static is not None and shown.uncontrolled is not None
    found = rows(tmp_path / "a.csv", shown)
    assert [float(row["time_s"]) for row in found] == list(shown.controlled.time_s)
    arms = {
        "with": shown.controlled, "static": shown.static, "without": shown.uncontrolled,
    }  # fmt: skip
    for name, series in arms.items():
        column = [float(row[f"{name}_cost_usd_per_hour"]) for row in found]
        assert column == list(series.cost_usd_per_hour)


def test_the_mode_is_the_one_that_held(tmp_path: Path, shown: Timeline) -> None:
    """Soft from 1213 s to 2521 s, with probes of normal near its end."""
    found = rows(tmp_path / "a.csv", shown)
    soft = [float(row["time_s"]) for row in found if row["with_mode"] == "soft"]
    assert 1213 <= soft[0] <= 1230
    assert 2505 <= soft[-1] <= 2521
    assert {row["with_probe"] for row in found} == {"", "normal"}


def test_what_was_lost_is_empty_in_the_file(tmp_path: Path) -> None:
    """And no 0."""
    lost = [(each._replace(served=(), offered=(0, 0, 0), admitted=(0, 0, 0)), then)
            for each, then in sample_ticks(controlled=True, duration_s=60)]  # fmt: skip
    series = series_of(lost, tick_s=1.0, duration_s=60.0, losses=[(0.0, 60.0)])
    found = rows(tmp_path / "a.csv", Timeline(controlled=series, duration_s=60.0))
    assert {row["with_offered_per_s"] + row["with_cost_usd_per_hour"] for row in found} == {""}


def test_without_another_arm_there_are_no_columns_for_it(tmp_path: Path, shown: Timeline) -> None:
    """Empty columns would look like missing data."""
    alone = Timeline(controlled=shown.controlled, duration_s=3600.0)
    assert all(name.startswith(("time", "with_")) for name in rows(tmp_path / "a.csv", alone)[0])


def test_the_file_is_named_after_the_journal_and_stays_in_its_directory() -> None:
    """Whatever a verdict from elsewhere says."""

    def named(journal: str) -> str:
        return timeline_file(read_verdict(sample_verdict(journals={"policy": journal}), "here"))

    assert named("latency_spike.policy.0.jsonl") == "latency_spike.timeline.csv"
    assert named("../../etc/x.jsonl") == "x.timeline.csv"
