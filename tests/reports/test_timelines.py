"""From journals and verdicts to what is drawn."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Container
from dataclasses import replace
from pathlib import Path
from typing import Any

from balancer.core.journal import JournalWriter
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.records.verdict import Verdict, read_verdicts
from reports.run.captions import caption, describe
from reports.run.series import ModeSpan
from reports.run.timelines import read_timeline, thresholds

from .samples import POLICY, sample_ticks, sample_verdict


def prepared(
    directory: Path, *arms: str, lost: Container[int] = (), ticks: int = 1500, **changes: Any
) -> Verdict:
    """A verdict beside journals of these arms; of some ticks the observations are lost."""
    names = {arm: f"{arm}.jsonl" for arm in arms}
    for arm, name in names.items():
        stream = io.StringIO()
        writer = JournalWriter(stream, POLICY, {})
        for observations, decision in sample_ticks(controlled=arm == "policy", duration_s=ticks):
            tick = observations.tick
            writer.write(Observations(tick) if tick in lost else observations, decision)
        (directory / name).write_text(stream.getvalue(), encoding="utf-8")
    verdict = sample_verdict(**{"duration_s": 1500.0, "journals": names, **changes})
    (directory / "verdict.json").write_text(json.dumps([verdict]), encoding="utf-8")
    return read_verdicts(directory)[0]


def test_the_journals_of_three_arms_are_read(tmp_path: Path) -> None:
    """They differ where the controller acted, and only there; the cheap model is not drawn."""
    verdict = prepared(tmp_path, "policy", "static", "none", "cheapest")
    found = read_timeline(tmp_path, verdict)
    assert found is not None
    assert found.uncontrolled is not None
    assert found.static == found.uncontrolled
    assert [span.mode for span in found.controlled.modes] == [Mode.NORMAL, Mode.SOFT]
    assert [span.mode for span in found.uncontrolled.modes] == [Mode.NORMAL]
    assert found.controlled.latency_p95_s[10] == found.uncontrolled.latency_p95_s[10]
    assert found.controlled.latency_p95_s[-1] < found.uncontrolled.latency_p95_s[-1]


def test_without_the_controlled_arm_there_is_nothing_to_draw(tmp_path: Path) -> None:
    """A timeline is of the controller."""
    assert read_timeline(tmp_path, prepared(tmp_path, "none")) is None


def test_thresholds_are_named_as_the_policy_has_them() -> None:
    """Not by the histogram's edge at which a latency is judged; equal rules are drawn once."""
    assert len(thresholds(POLICY)) == 9
    rule = replace(POLICY.rules[0], threshold=25.0)
    (soft,) = thresholds(replace(POLICY, rules=(rule, replace(rule, name="again"))))
    assert soft.value == 25.0 != rule.effective_threshold


def test_the_description_says_what_the_figure_shows(tmp_path: Path) -> None:
    """Faults, the deepest mode and the highest P95 of each arm, in words."""
    verdict = prepared(tmp_path, "policy", "static", "none")
    found = read_timeline(tmp_path, verdict)
    assert found is not None
    text = describe(verdict, found)
    assert "slow model from" in text
    assert "Deepest mode: soft; 2 transitions." in text
    for arm in ("with the controller", "in static", "without"):
        assert f"Highest P95 {arm}:" in text


def test_the_caption_says_only_what_is_drawn(tmp_path: Path) -> None:
    """No word of faults or of a warm-up where there is none."""
    verdict = prepared(tmp_path, "policy", faults=[], warm_up_s=0.0)
    found = read_timeline(tmp_path, verdict)
    assert found is not None
    text = caption(verdict, found)
    assert "Shaded" not in text
    assert "warm-up" not in text
    assert "no journal of a run without" in text
    assert "static" not in text


def test_the_caption_tells_the_lines_apart(tmp_path: Path) -> None:
    """By how they are drawn."""
    verdict = prepared(tmp_path, "policy", "static", "none")
    found = read_timeline(tmp_path, verdict)
    assert found is not None
    text = caption(verdict, found)
    assert "Solid: with the controller" in text
    assert "dashed, static" in text
    assert "dotted, without" in text


def loss(from_s: float, to_s: float) -> dict[str, object]:
    """A window of a fault that loses observations."""
    return {"name": "no data", "kind": "loss", "from_s": from_s, "to_s": to_s}


def said(directory: Path, verdict: Verdict) -> str:
    """The caption of what is drawn."""
    found = read_timeline(directory, verdict)
    assert found is not None
    return caption(verdict, found)


def test_probes_are_drawn_when_they_governed_requests(tmp_path: Path) -> None:
    """Where telemetry comes late, a journal has them earlier; the run knows."""
    probe = {"from_s": 1330.0, "to_s": 1390.0, "mode": "normal"}
    verdict = prepared(tmp_path, "policy", probes=[probe])
    found = read_timeline(tmp_path, verdict)
    assert found is not None
    assert found.controlled.probes == (ModeSpan(from_s=1330.0, to_s=1390.0, mode=Mode.NORMAL),)


def test_a_record_of_before_probes_were_told_leaves_them_to_the_journal(tmp_path: Path) -> None:
    """An empty list says that there were none."""
    old = read_timeline(tmp_path, prepared(tmp_path, "policy", ticks=3600, duration_s=3600.0))
    none = prepared(tmp_path, "policy", ticks=3600, duration_s=3600.0, probes=[])
    new = read_timeline(tmp_path, none)
    assert old is not None and new is not None
    assert [each.mode for each in old.controlled.probes] == [Mode.NORMAL]
    assert new.controlled.probes == ()


def test_lost_telemetry_is_a_gap_in_every_arm_and_the_caption_says_so(tmp_path: Path) -> None:
    """Nobody knows what came meanwhile, with a controller or without."""
    verdict = prepared(
        tmp_path, "policy", "static", lost=range(299, 599), faults=[loss(300.0, 600.0)]
    )
    found = read_timeline(tmp_path, verdict)
    assert found is not None and found.static is not None
    for series in (found.controlled, found.static):
        at = dict(zip(series.time_s, series.offered_per_s, strict=True))
        assert all(math.isnan(value) for time_s, value in at.items() if 310 < time_s < 590)
        assert all(value > 2.0 for time_s, value in at.items() if not 290 < time_s < 610)
    text = "Telemetry was lost from 5\N{NARROW NO-BREAK SPACE}min to 10\N{NARROW NO-BREAK SPACE}min"
    assert f"{text}: lines have a gap there." in caption(verdict, found)


def test_the_caption_tells_of_losses_in_part(tmp_path: Path) -> None:
    """Whether or not the lines have gaps for it; many losses are counted."""
    half = range(299, 599, 2)
    text = said(tmp_path, prepared(tmp_path, "policy", lost=half, faults=[loss(300.0, 600.0)]))
    assert "was lost in part from" in text
    assert "lines are of what was seen, with gaps where" in text
    short = [loss(100.0 * k, 100.0 * k + 2.0) for k in range(1, 6)]
    text = said(tmp_path, prepared(tmp_path, "policy", faults=short))
    assert "Telemetry was lost in part 5 times: lines are of what was seen." in text


def test_the_caption_tells_what_had_not_come_in_at_the_end(tmp_path: Path) -> None:
    """The last two minutes of telemetry that is two minutes late."""
    text = said(tmp_path, prepared(tmp_path, "policy", ticks=1380))
    assert "Of what came after 23\N{NARROW NO-BREAK SPACE}min nothing was known yet" in text
    lost = prepared(tmp_path, "policy", lost=range(1379, 1500), faults=[loss(1380.0, 1500.0)])
    assert "nothing was known yet" not in said(tmp_path, lost)


def test_the_caption_says_whose_lines_a_fleet_has(tmp_path: Path) -> None:
    """A journal is of one controller; one process needs no word."""
    text = said(tmp_path, prepared(tmp_path, "policy", replicas=16))
    assert "Lines are of the first of 16 processes, modes of all of them." in text
    assert "processes" not in said(tmp_path, prepared(tmp_path, "policy"))
