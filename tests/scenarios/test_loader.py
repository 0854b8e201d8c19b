"""Finding scenarios, overriding their keys, and refusing mistakes by line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from balancer.core.errors import BalancerError, PolicyError, ScenarioError
from balancer.policy_file import default_policy
from scenarios.loader import library, load, place_of
from scenarios.profiles import calibrated_profiles, profiles
from scenarios.schema import GeminiUpstream, ProcessFault, QueueUpstream, Spike, UpstreamFault

PLAIN = "scenario: plain\ntitle: Is it read?\n"


def write(folder: Path, text: str = "", name: str = "plain.yaml") -> Path:
    """A scenario file: the two keys that must be there, and more."""
    path = folder / name
    path.write_text(PLAIN + text)
    return path


def refusal(source: str | Path, *overrides: str) -> str:
    """What is said about a scenario that cannot be."""
    with pytest.raises(BalancerError) as caught:
        load(source, overrides)
    return str(caught.value)


def test_a_scenario_is_found_by_its_name_in_the_library() -> None:
    """The bare name is enough, wherever the command runs."""
    assert load("steady").scenario.scenario == "steady"


def test_a_scenario_is_found_by_its_path(tmp_path: Path) -> None:
    """So is a path, as text or as a path."""
    path = write(tmp_path)
    assert load(path) == load(str(path))
    assert load(path).scenario.title == "Is it read?"


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    """And with the command that lists them."""
    assert refusal("latency_spyke") == (
        "no scenario is called 'latency_spyke' (did you mean 'latency_spike'?); expected one of "
        f"the {len(library())} that 'open-balancer scenarios' lists, or the path of a .yaml file"
    )


def test_a_missing_file_is_said_by_its_path(tmp_path: Path) -> None:
    """What looks like a path is one."""
    assert refusal(tmp_path / "none.yaml") == f"{tmp_path / 'none.yaml'}: no such file"


def test_an_override_replaces_a_value_of_the_file(tmp_path: Path) -> None:
    """Dotted keys, values in the units of the file; the last of two wins."""
    path = write(tmp_path, "duration: 1h\nworkload: {arrivals: {rate: 5}}\n")
    overrides = ["workload.arrivals.rate=20", "duration=2h", "workload.arrivals.rate=30"]
    scenario = load(path, overrides).scenario
    assert scenario.workload.arrivals.rate == 30
    assert scenario.duration == 7200


def test_an_override_makes_what_was_not_there(tmp_path: Path) -> None:
    """Mappings and lists on the way are made; numbers are list positions."""
    overrides = [
        "workload.arrivals.pattern.0={kind: spike, at: 1m, for: 2m, factor: x3}",
        "faults.0={kind: error, at: 10m, for: 1m}",
        "faults.1.kind=latency",
        "faults.1.at=5m",
        "faults.1.for=1m",
        "faults.1.add=2s",
    ]
    scenario = load(write(tmp_path), overrides).scenario
    (part,) = scenario.workload.arrivals.pattern
    assert isinstance(part, Spike)
    assert part.duration == 120
    assert [fault.kind for fault in scenario.faults] == ["error", "latency"]


def test_an_override_knows_names_with_dots(tmp_path: Path) -> None:
    """A model's name is one step of a key, dots and all; a value may hold any sign."""
    overrides = ["upstream.models.gemini-2.5-flash.quota.rpm=100", "title=a=b: c"]
    with pytest.raises(ScenarioError):
        load(write(tmp_path), overrides)
    scenario = load(write(tmp_path), [overrides[0], "title=a=b"]).scenario
    assert isinstance(scenario.upstream, GeminiUpstream)
    assert scenario.upstream.models == {"gemini-2.5-flash": {"quota": {"rpm": 100}}}
    assert scenario.title == "a=b"


def test_paths_in_a_file_start_at_the_file_and_in_overrides_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each path starts where its author stood."""
    folder, here = tmp_path / "there", tmp_path / "here"
    folder.mkdir()
    here.mkdir()
    path = write(
        folder,
        "workload: {arrivals: {trace: t.csv, format: azure}}\n"
        "faults: [{kind: process, process: 'f.py:go', at: 1m, for: 1m}]\n",
    )
    monkeypatch.chdir(here)
    scenario = load(path).scenario
    assert scenario.workload.arrivals.trace == str(folder / "t.csv")
    (fault,) = scenario.faults
    assert isinstance(fault, ProcessFault)
    assert fault.process == str(folder / "f.py:go")
    scenario = load(path, ["workload.arrivals.trace=mine.csv"]).scenario
    assert scenario.workload.arrivals.trace == str(here / "mine.csv")


def test_a_scenario_without_a_policy_leaves_the_choice(tmp_path: Path) -> None:
    """None, so that the command's own policy or the default is taken."""
    assert load(write(tmp_path)).policy is None


def test_a_scenario_may_hold_a_policy_or_name_a_file(tmp_path: Path) -> None:
    """In place it is named after the scenario; a path starts at the scenario's file."""
    (tmp_path / "mine.yaml").write_text("law: threshold\n")
    inside = load(write(tmp_path, "policy: {tick: 2s}\n")).policy
    beside = load(write(tmp_path, "policy: mine.yaml\n")).policy
    assert inside is not None
    assert (inside.name, inside.tick_s) == ("plain", 2.0)
    assert inside.rules == default_policy().rules
    assert beside is not None
    assert (beside.name, beside.law) == ("mine", "threshold")


def test_a_mistake_in_a_scenarios_policy_names_its_line(tmp_path: Path) -> None:
    """The line in the scenario file, and the key from its root."""
    path = write(tmp_path, "policy:\n  law: ladder\n  modes: {soft: {output_cap: 9}}\n")
    with pytest.raises(PolicyError, match=r"policy\.modes\.soft: output_cap 9") as caught:
        load(path)
    assert caught.value.where == f"{path}:5"


def test_profiles_are_the_calibrated_ones_with_the_scenarios_changes(tmp_path: Path) -> None:
    """What a scenario does not say of a model stays as calibrated."""
    text = "upstream: {models: {gemini-2.5-flash: {capacity: 60, quota: {rpm: 9}}}}\n"
    found = profiles(load(write(tmp_path, text)).scenario)
    calibrated = calibrated_profiles()
    flash = found["gemini-2.5-flash"]
    assert (flash.capacity, flash.quota.rpm) == (60, 9)
    assert flash.ttft_p50 == calibrated["gemini-2.5-flash"].ttft_p50
    assert found["gemini-2.5-flash-lite"] == calibrated["gemini-2.5-flash-lite"]


def test_a_new_model_needs_a_whole_profile(tmp_path: Path) -> None:
    """A model nobody calibrated may be described in full."""
    whole = "{ttft_p50: 1s, ttft_p95: 2s, tokens_per_s: 50}"
    path = write(tmp_path, f"upstream: {{models: {{house: {whole}}}}}\nclients: {{model: house}}\n")
    assert profiles(load(path).scenario)["house"].tokens_per_s == 50
    path = write(tmp_path, "upstream:\n  models:\n    house: {ttft_p50: 1s}\n")
    assert (
        f"{path}:5: upstream.models.house: keys 'ttft_p95' and 'tokens_per_s' are missing"
        in refusal(path)
    )


def test_a_queue_has_no_model_profiles(tmp_path: Path) -> None:
    """A theory check has no Gemini in it, so no model name is checked."""
    text = "upstream: {kind: queue, servers: 2}\nclients: {model: anything}\n"
    scenario = load(write(tmp_path, text)).scenario
    assert isinstance(scenario.upstream, QueueUpstream)
    assert profiles(scenario) == {}


def test_faults_are_read_in_their_units(tmp_path: Path) -> None:
    """Durations in seconds, shares from 0 to 1."""
    text = "faults: [{kind: error, error: internal, share: 40%, at: 15m, for: 2m, ramp: 500ms}]\n"
    (fault,) = load(write(tmp_path, text)).scenario.faults
    assert isinstance(fault, UpstreamFault)
    assert (fault.share, fault.at, fault.duration, fault.ramp) == (0.4, 900, 120, 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("wrokload: {}", ":3: unknown key 'wrokload' (did you mean 'workload'?)"),
        ("duration: 5 parsecs", ":3: duration: found '5 parsecs', expected a duration such as"),
        ("duration: -1h", ":3: duration: found '-1h'"),
        ("duration: .nan", ":3: duration: found nan"),
        ("warm_up: 2h", "warm_up 7200 s is not shorter than duration 3600 s"),
        ("seed: -1", ":3: seed: found -1"),
        ("replications: 0", ":3: replications: found 0"),
        ("title: again", ':3: key "title" is given twice'),
        ("workload: {arrivals: {rate: 0}}", "workload.arrivals.rate: found 0"),
        ("workload: {arrivals: {rate: .inf}}", "expected a finite number"),
        ("workload: {arrivals: {rate: true}}", "arrivals.rate: found True, expected a number"),
        ("upstream: {kind: queue, servers: true}", "servers: found True, expected a number"),
        ("workload: {arrivals: {trace: x.csv}}", "trace is given without format"),
        ("workload: {arrivals: {format: azure}}", "format is given without trace"),
        ("workload: {arrivals: {format: azur, trace: x}}", "(did you mean 'azure'?)"),
        ("workload: {arrivals: {start: 1h}}", "start is given without trace"),
        ("workload: {arrivals: {length: 1h}}", "length is given without trace"),
        ("workload: {arrivals: {format: azure, trace: x, length: 0}}", "a duration above 0"),
        ("workload: {arrivals: {format: azure, trace: x, start: -1s}}", "must not be negative"),
        ("workload: {arrivals: {rate_scale: x0}}", "expected a factor above 0"),
        ("workload: {arrivals: {pattern: [{kind: spik}]}}", "(did you mean 'spike'?)"),
        ("workload: {arrivals: {pattern: [{kind: step, at: 1m}]}}", "key 'factor' is missing"),
        ("workload: {classes: []}", "found an empty list, expected at least 1"),
        ("workload: {classes: [{name: a, share: 50%}]}", "add up to 50.0000%, expected 100%"),
        (
            "workload: {classes: [{name: a, share: 50%}, {name: a, share: 50%}]}",
            "expected each once",
        ),
        ("workload: {classes: [{name: a, prompt: {p50: 9, p95: 3}}]}", "p50 <= p95"),
        ("workload: {classes: [{name: a, prompt: {p5: 9, p95: 30}}]}", "unknown key 'p5'"),
        ("workload: {classes: [{name: a, prompt: {quantiles: {0.5: 9, 1: 9}}}]}", "from 0"),
        ("workload: {classes: [{name: a, prompt: {quantiles: {0: 9, 1: 3}}}]}", "do not fall"),
        ("workload: {classes: [{name: a, prompt: -4}]}", "must not be negative"),
        ("upstream: {kind: que}", ":3: upstream.kind: found 'que', expected one of gemini, queue"),
        ("upstream: {kind: queue, servers: 0}", "upstream.servers: found 0"),
        (
            "upstream:\n  models:\n    gemini-2.5-flash: {ttft: 3s}",
            ":5: unknown key 'ttft' in upstream.models.gemini-2.5-flash",
        ),
        ("clients: {model: gemini-2.5-flsh}", "(did you mean 'gemini-2.5-flash'?)"),
        ("workload: {models: {gemini-2.5-flsh: 100%}}", "(did you mean 'gemini-2.5-flash'?)"),
        (
            "upstream: {models: {gemini-2.5-flsh: {capacity: 3}}}",
            "(did you mean 'gemini-2.5-flash'?)",
        ),
        ("workload: {models: {gemini-2.5-flash: 60%}}", "shares of models add up to 60.0000%"),
        ("clients: {timeout: 0s}", "expected a duration above 0"),
        ("faults: [{kind: eror, at: 1m, for: 1m}]", "(did you mean 'error'?)"),
        ("faults: [{kind: error, at: 1m}]", "faults.0: key 'for' is missing"),
        ("faults: [{kind: error, at: 1m, for: 0s}]", "expected a duration above 0"),
        ("faults: [{kind: error, at: 2h, for: 1m}]", "after the end of the scenario"),
        ("faults: [{kind: error, at: 1m, for: 1m, share: 0}]", "hits no call"),
        ("faults: [{kind: error, at: 1m, for: 1m, model: gpt}]", "unknown model 'gpt'"),
        ("faults: [{kind: latency, at: 1m, for: 1m}]", "needs a factor such as x4, or add"),
        ("faults: [{kind: price, at: 1m, for: 1m}]", "needs a factor"),
        ("faults: [{kind: cut, where: inside, at: 1m, for: 1m}]", "has no place in a response"),
        (
            "faults: [{kind: error, error: quota_day, where: inside, at: 1m, for: 1m}]",
            "refused before",
        ),
        ("faults: [{kind: error, at: 1m, for: 1m, ramp: 40s}]", "longer than for 60 s"),
        ("faults: [{kind: error, at: 1m, for: 1m, repeat_every: 30s}]", "would overlap"),
        ("expectations: [{}]", "found none, expected exactly one"),
        ("expectations: [{never_above: soft, quality: {at_least: 90%}}]", "exactly one kind"),
        ("expectations: [{availability: {at_least: 12s}}]", "availability.at_least: found '12s'"),
        ("expectations: [{availability: {}}]", "expected at_least or at_most"),
        ("expectations: [{quality: {at_least: 90%, at_most: 80%}}]", "is below at_least"),
        (
            "expectations: [{cost_saved: {at_least: 9%, against: statik}}]",
            "cost_saved.against: found 'statik', expected one of static, none, cheapest",
        ),
        ("expectations: [{availability: {at_least: 9%, against: none}}]", "against"),
        ("expectations: [{no_harm: false}]", "no_harm: found False, expected true, or from 0pp"),
        ("expectations: [{no_harm: 0.1}]", "no_harm: found 0.1, expected true"),
        ("expectations: [{no_harm: -1pp}]", "found '-1pp', expected true, or from 0pp"),
        ("expectations: [{no_harm: NaNpp}]", "found 'NaNpp'"),
        ("expectations: [{metric: cost_usd}]", "needs at_least or at_most beside it"),
        ("expectations: [{never_above: soft, at_most: 3}]", "belong inside never_above"),
        ("expectations: [{never_above: sotf}]", "(did you mean 'soft'?)"),
        ("expectations: [{recovers: {within: 1m, of: x, after: 1m}}]", "found of and after"),
        ("policy: nowhere.yaml", "nowhere.yaml: no such file"),
        ("policy: nowhere.yaml", ":3: policy: /"),
        ("policy: {law: lader}", ":3: policy.law: unknown law 'lader'"),
        ("starts_at: tomorrow", ":3: starts_at: found 'tomorrow'"),
        ("seed: 99999999999999999999", f"found 99999999999999999999, expected less than {2**63}"),
        (
            "starts_at: 9999-12-31T23:59:59Z",
            ":3: starts_at: found 9999-12-31 23:59:59+00:00, expected a time f",
        ),
        (
            "starts_at: '0001-01-01T00:00:00+14:00'",
            ":3: starts_at: found 0001-01-01 00:00:00+14:00, expected",
        ),
        ("starts_at: 0001-01-01T00:00:00+14:00", "starts_at: "),
        ('workload: {arrivals: {trace: "x\\0", format: csv}}', "holds a sign that is no text"),
        ('policy: {prices: "a\\0b.toml"}', ":3: policy.prices: found 'a\\x00b.toml'"),
    ],
)
def test_a_mistake_is_one_message_that_names_the_line(tmp_path: Path, text: str, said: str) -> None:
    """File and line, key, what was found, what was expected, nearest name; first the first."""
    path = write(tmp_path, text)
    message = refusal(path)
    first = message.splitlines()[0]
    assert said in first
    assert str(path.parent) in first


@pytest.mark.parametrize("name", ["", " ", "a\\nb", "x" * 101])
def test_a_scenario_needs_a_name_that_can_be_shown(tmp_path: Path, name: str) -> None:
    """Files, tables and tests are named after it."""
    path = tmp_path / "named.yaml"
    path.write_text(f'scenario: "{name}"\ntitle: What is in a name?\n')
    message = refusal(path)
    assert f"{path}:1: scenario: found " in message
    assert "expected a name of 1 to 100 printable characters" in message
    assert len(message) < 100 + len(str(path)) + 100


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("workload.arivals.rate=3", "unknown key 'arivals' in workload (did you mean 'arrivals'?)"),
        ("workload.arrivals.rate=-3", "workload.arrivals.rate: found -3"),
        ("duration", "expected KEY=VALUE such as"),
        ("=3", "expected KEY=VALUE such as"),
        ("duration=", "duration: found nothing"),
        ("duration=[3", "not valid YAML"),
        ("duration.x=3", "found a plain value"),
        ("faults.2.kind=error", "found 0 items, counted from 0"),
        ("workload.0=3", "unknown key '0' in workload"),
        ("faults.first=3", "found 'first', expected a position"),
        ("policy.law=lader", "policy.law: unknown law 'lader'"),
        ("upstream.models.gemini-2.5-flash.quota.rmp=1", "(did you mean 'rpm'?)"),
    ],
)
def test_a_mistake_in_an_override_names_the_override(
    tmp_path: Path, override: str, said: str
) -> None:
    """The message starts with what was typed, not with a line of the file."""
    path = write(tmp_path, "duration: 1h\nfaults: []\nworkload: {arrivals: {rate: 5}}\n")
    message = refusal(path, override)
    assert message.startswith(f"--set {override}: ")
    assert said in message


@pytest.mark.parametrize(
    ("said", "start"),
    [
        ("2026-11-22T21:30:00-08:00", datetime(2026, 11, 23, 5, 30, tzinfo=UTC)),
        ("2026-11-22T21:30:00Z", datetime(2026, 11, 22, 21, 30, tzinfo=UTC)),
        ("2026-11-22T21:30:00", datetime(2026, 11, 22, 21, 30, tzinfo=UTC)),
        ("1970-01-01T00:00:00Z", datetime(1970, 1, 1, tzinfo=UTC)),
        ("null", None),
    ],
)
def test_a_start_keeps_its_time_zone(tmp_path: Path, said: str, start: datetime | None) -> None:
    """With overrides and without; UTC where none is named."""
    path = write(tmp_path, f"starts_at: {said}")
    for overrides in ([], ["seed=3"]):
        assert load(path, overrides).scenario.start == start


@pytest.mark.parametrize("text", ["name: p\nlaw: ladder\n", "thresholds: {}\n"])
def test_a_policy_is_no_scenario(tmp_path: Path, text: str) -> None:
    """It is said how one is given."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    assert "found a policy, expected a scenario" in refusal(path)
    assert refusal(path).endswith(f"--policy {path}")


def test_a_key_has_a_place(tmp_path: Path) -> None:
    """In its file, by line and name; what was made and not read has its name alone."""
    path = write(tmp_path, "faults:\n  - {kind: hang, at: 1m, for: 1m}\n  - {kind: x}\n")
    assert place_of(path, "faults.1") == f"{path}:5: faults.1"
    assert place_of("steady", "").endswith("steady")
    assert place_of("made.yaml", "faults.1") == "made.yaml: faults.1"
