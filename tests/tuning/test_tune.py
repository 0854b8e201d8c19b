"""Whole tunings, of seconds: what they find, that they repeat, and that they go on."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.errors import InputError
from scenarios.loader import load
from sim.run.result import STATIC
from sim.study.replications import Plan, Runs, replicate
from sim.tuning import asked as asked_for
from sim.tuning import explanation, robustness, sensitivity, trials
from sim.tuning import study as studies
from sim.tuning import tune as tunings
from sim.tuning.asked import Asked, split, usual
from sim.tuning.explanation import explained
from sim.tuning.results import TODAY
from sim.tuning.trials import Race
from sim.tuning.tune import FRESH, Tuned, simulated_s, tune
from tests.tuning.asking import SLOW, asking, slow

pytestmark = pytest.mark.slow


def outline(found: Tuned) -> Any:
    """All of a tuning that can be compared."""
    tuning = found.tuning
    return (
        [(each.number, each.drawn.text, each.trial) for each in found.study.tried],
        [(each.trial, each.text, each.objectives, each.feasible) for each in tuning.front],
        (tuning.knee, tuning.trials, tuning.raced, tuning.simulated_hours),
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Asked:
    """A tuning of two generations."""
    return asking(tmp_path_factory.mktemp("asked"), trials=24)


@pytest.fixture(scope="module")
def found(asked: Asked, tmp_path_factory: pytest.TempPathFactory) -> Tuned:
    """What came of it, uninterrupted."""
    return tune(asked, tmp_path_factory.mktemp("found") / "study.jsonl", workers=1)


def test_a_blind_policy_is_bettered_on_fresh_seeds_at_no_harm(found: Tuned) -> None:
    """Its P95 falls by more than its interval, and as many are answered."""
    tuning = found.tuning
    best = tuning.front[tuning.knee]
    assert best.trial > 0
    assert best.objectives[0].high < 0.8  # of today's, with all that was not seen
    assert tuning.today.objectives[0].estimate == 1.0
    runs = tuning.runs["slow"]
    worse = [
        ours.metrics["availability"] < theirs.metrics["availability"]
        for ours, theirs in zip(runs[best.arm], runs[TODAY], strict=True)
    ]
    assert best.feasible and not any(worse)


def test_the_fresh_runs_are_no_trial_s(found: Tuned, asked: Asked) -> None:
    """Every arm has all replications, on other seeds than the search and the scenario's own."""
    runs = found.tuning.runs["slow"]
    assert {TODAY, STATIC} < set(runs)
    assert all(len(each) == FRESH for each in runs.values())
    assert found.fresh[0].seed != asked.scenarios[0].seed
    searched = found.study.arms
    assert searched is not None
    before = searched[TODAY]["slow"]["latency_p95_s"]
    fresh = [run.metrics["latency_p95_s"] for run in runs[TODAY]]
    assert list(before) != fresh[: len(before)]


def test_what_it_takes_at_most_is_said_beforehand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of all that is simulated, to the last run where nothing is given up or left out."""
    for module in (asked_for, studies, trials, tunings):
        monkeypatch.setattr(module, "BLOCKS", (2,))
    for name, value in {"FRESH": 2, "MOST": 1}.items():
        monkeypatch.setattr(tunings, name, value)
    for module in (tunings, explanation):
        monkeypatch.setattr(module, "AROUND", 2)
    simulated: list[float] = []

    def counted(plans: Sequence[Plan], **options: Any) -> tuple[Runs, ...]:
        simulated.extend(
            each.scenario.duration * len(each.arms) * len(each.replications) for each in plans
        )
        return replicate(plans, **options)

    for module in (trials, tunings, sensitivity, robustness):
        monkeypatch.setattr(module, "replicate", counted)
    path = tmp_path / "limited.yaml"
    path.write_text(f"{SLOW.format(name='limited', factor=4)}upstream: {{quota: {{rpm: 6000}}}}\n")
    small = asking(tmp_path, [load(path).scenario])
    found = tune(small, tmp_path / "study.jsonl", workers=1)
    told = explained(found, small.space, workers=1)
    known = {each.drawn.text for each in found.study.tried}
    assert (found.invalid, len(known)) == (0, studies.GENERATION)
    # Where a number stands already, or where no policy comes of it, it is not moved to.
    moved = sum(step["valid"] for each in told["sensitivity"] for step in each["steps"])
    left_out = 3 * len(told["sensitivity"]) - moved
    assert sum(simulated) + left_out * 2 * 180.0 == simulated_s(small)


def test_where_nobody_names_scenarios_faults_that_run_quickly_are_tuned_on() -> None:
    """Of the library, and for any policy."""
    names = usual()
    assert {"latency_spike", "cost_spike", "error_storm"} <= set(names)
    for name in names:
        scenario, own = load(name)
        assert scenario.faults and own is None
        assert (scenario.replicas, scenario.duration <= 3600.0) == (1, True)


def test_a_race_can_run_scenarios_with_other_policies_than_those_tried(asked: Asked) -> None:
    """Here all of them with today's, in one block, and so with the same figures."""
    today = asked.space.fields.policy
    others = {
        str(hold_s): replace(today, ladder=replace(today.ladder, hold_s=hold_s))
        for hold_s in (150.0, 300.0)
    }
    race = Race(
        asked.goals(),
        asked.scenarios,
        today,
        workers=1,
        blocks=(2,),
        fitted=lambda _scenario, _policy: today,
    )
    found = race.run(others)
    assert [each.sample for each in found.values()] == [race.arms[TODAY]] * 2
    assert [each.score.replications for each in found.values()] == [2, 2]


def test_the_first_trial_is_today_s_policy(found: Tuned) -> None:
    """As far as the space has it: here, but for the hard threshold's factor, wholly."""
    first = found.study.tried[0]
    assert first.drawn.values["thresholds.soft.latency_p95"] == 500.0


def test_of_one_objective_the_best_few_are_run_again(found: Tuned) -> None:
    """A few replications do not tell which of them is best: the best of the search need not be."""
    runs = found.tuning.runs["slow"]
    again = [each for each in runs if each not in (TODAY, STATIC)]
    assert 1 < len(again) <= tunings.MOST
    scores = {
        f"trial {each.number}": each.trial.score
        for each in found.study.tried
        if each.trial is not None and each.trial.score.feasible and not each.trial.score.raced
    }
    best = sorted({each.objectives[0] for each in scores.values()})[: tunings.MOST]
    assert sorted(scores[arm].objectives[0] for arm in again) == best
    (front,) = found.tuning.front
    assert front.objectives[0].estimate == min(
        found.goals.measure({"slow": runs[arm]}, {"slow": runs[TODAY]}).objectives[0].estimate
        for arm in again
    )


def test_what_is_held_out_is_judged_on_and_not_tuned_on(tmp_path: Path) -> None:
    """A bound that is kept where it was tuned and not where it was not is told, and no more."""
    held = asking(
        tmp_path,
        [slow(tmp_path)],
        constraints=["latency_p95 <= 60s"],
        held_out=(slow(tmp_path, "slower", factor=15),),
    )
    found = tune(held, tmp_path / "study.jsonl", workers=1)
    tuning = found.tuning
    assert (tuning.scenarios, tuning.held_out) == (("slow",), ("slower",))
    assert {tuple(each.trial.sample) for each in found.study.tried if each.trial} == {("slow",)}
    assert set(tuning.runs["slower"]) == set(tuning.runs["slow"])
    assert all(len(each) == FRESH for each in tuning.runs["slower"].values())
    assert tuning.today.objectives_held_out[0].estimate == 1.0
    best = tuning.front[tuning.knee]
    assert (set(best.tuned_on), set(best.held_out)) == ({"slow"}, {"slower"})
    assert best.objectives_held_out != best.objectives
    assert math.isfinite(best.objectives_held_out[0].estimate)
    assert best.feasible
    assert found.broken[best.trial] == ("latency_p95 <= 60s in slower",)
    assert any("breaks latency_p95 <= 60s in slower" in each for each in found.notes(tuning.knee))


def test_what_was_given_up_tells_nothing_of_importance(found: Tuned) -> None:
    """Only trials with all their replications do."""
    given_up = sum(each.trial is not None and each.trial.score.raced for each in found.study.tried)
    assert given_up > 0
    assert len(found.study.told().trials) == len(found.study.tried) - found.invalid - given_up


def test_races_are_counted(found: Tuned) -> None:
    """Those given up early have fewer replications, and none of them is on the front."""
    given_up = {
        each.number
        for each in found.study.tried
        if each.trial is not None and each.trial.score.raced
    }
    assert found.tuning.raced == len(given_up) > 0
    assert given_up.isdisjoint(each.trial for each in found.tuning.front)


def test_the_policies_are_named_and_keep_their_comments(found: Tuned) -> None:
    """What is written to files is what was run, under another name."""
    best = found.tuning.front[0]
    assert best.policy.name == "blind-tuned-1"
    assert "# far too late" in best.text


def test_the_number_of_workers_changes_nothing(tmp_path: Path) -> None:
    """To the last digit."""
    small = asking(tmp_path)
    one, two = (tune(small, tmp_path / f"{workers}.jsonl", workers=workers) for workers in (1, 2))
    assert outline(one) == outline(two)


def interrupt_after(trials: int) -> Callable[[str], Callable[[float, int], None]]:
    """Ctrl-C once so many trials are told."""

    def progress(name: str) -> Callable[[float, int], None]:
        def report(done: float, _total: int) -> None:
            if name == "trials" and done >= trials:
                raise KeyboardInterrupt

        return report

    return progress


def test_an_interrupted_study_goes_on_and_comes_to_the_same(
    asked: Asked, found: Tuned, tmp_path: Path
) -> None:
    """Also when its last line was cut off."""
    path = tmp_path / "study.jsonl"
    with pytest.raises(KeyboardInterrupt):
        tune(asked, path, workers=1, progress=interrupt_after(12))
    path.write_bytes(path.read_bytes() + b'{"op_code": 4, "wor')
    again = tune(asked, path, workers=1)
    assert again.study.resumed == 12
    assert outline(again) == outline(found)
    # Part of a generation told: it is run again, and what is told stays.
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-3]))
    assert outline(tune(asked, path, workers=1)) == outline(found)


def test_the_study_of_another_tuning_is_left_alone(tmp_path: Path) -> None:
    """What differs is said; nothing is lost."""
    path = tmp_path / "study.jsonl"
    with pytest.raises(KeyboardInterrupt):
        tune(asking(tmp_path), path, workers=1, progress=interrupt_after(0))
    before = path.read_bytes()
    for other, words in (
        (asking(tmp_path, objectives="quality"), r"objectives differ \(latency_p95, now quality\)"),
        (asking(tmp_path, seed=7), "the seeds differ"),
        (asking(tmp_path, [slow(tmp_path, "other")]), "the scenarios differ"),
    ):
        with pytest.raises(InputError, match=words):
            tune(other, path, workers=1)
        assert path.read_bytes() == before


@pytest.mark.parametrize("content", ["no study\n", "{}\n", '{"op_code": 0}\n', "[1, 2", ""])
def test_a_corrupted_study_is_one_message_and_kept(tmp_path: Path, content: str) -> None:
    """Whatever it holds."""
    path = tmp_path / "study.jsonl"
    path.write_text(content)
    with pytest.raises(InputError, match="cannot be read as the study of a tuning"):
        tune(asking(tmp_path), path, workers=1)
    assert path.read_text() == content


def test_nothing_feasible_says_what_came_nearest(tmp_path: Path) -> None:
    """A bound that no policy keeps leaves the front empty."""
    found = tune(
        asking(tmp_path, constraints=["latency_p95 <= 100ms"]), tmp_path / "s.jsonl", workers=1
    )
    assert found.tuning.front == ()
    (note,) = [text for text in found.notes(None) if "nearest" in text]
    assert "misses latency_p95 <= 100ms by" in note


def test_tpe_draws_other_trials_and_repeats_too(tmp_path: Path) -> None:
    """Beyond those it draws at random."""
    one, two = (
        tune(asking(tmp_path, sampler="tpe", trials=36), tmp_path / f"{k}.jsonl", workers=1)
        for k in (1, 2)
    )
    assert outline(one) == outline(two)
    assert len({each.drawn.text for each in one.study.tried}) > 20


def test_a_limit_of_time_ends_the_search_between_generations(tmp_path: Path) -> None:
    """However short, there is one."""
    found = tune(asking(tmp_path, limit_s=1e-3), tmp_path / "study.jsonl", workers=1)
    assert len(found.study.tried) == studies.GENERATION
    assert found.tuning.front


def test_half_of_the_scenarios_is_held_out_by_a_rule_nobody_chooses(tmp_path: Path) -> None:
    """The order they are named in is none of it."""
    every = [slow(tmp_path, name) for name in ("a", "b", "c", "d", "e")]
    tuned_on, held_out, how = split(every, None)
    assert (len(tuned_on), len(held_out)) == (3, 2)
    assert {each.scenario for each in split(every[::-1], None)[1]} == {
        each.scenario for each in held_out
    }
    assert "SHA-256" in how
    assert split(every, every[:1])[:2] == (tuple(every[1:]), (every[0],))
    assert split(every, [])[1] == ()
    with pytest.raises(InputError, match="nothing is left to tune on"):
        split(every[:1], every)


def test_a_study_s_file_is_one_of_optuna_s(found: Tuned, asked: Asked, tmp_path: Path) -> None:
    """Its own tools can open it: every line is one of a journal's."""
    path = tmp_path / "study.jsonl"
    with pytest.raises(KeyboardInterrupt):
        tune(asked, path, workers=1, progress=interrupt_after(12))
    assert all("op_code" in json.loads(line) for line in path.read_text().splitlines())
