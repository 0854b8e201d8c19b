"""A scenario fitted to a journal whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from balancer.core.errors import InputError
from balancer.core.journal import JournalWriter
from balancer.core.observations import merge_ticks
from balancer.core.policy import Policy
from balancer.journal_file import open_journal
from scenarios.profiles import calibrated_profiles
from scenarios.schema import UpstreamFault
from sim.backtesting.fidelity import fidelity
from sim.backtesting.runs import measure
from sim.fitting.account import account
from sim.fitting.column_reader import read_columns
from sim.fitting.fit import fit_journal
from tests.fitting.worlds import fitted, lived

pytestmark = pytest.mark.slow

SHORT = ("duration=25m", "faults.0.at=8m", "faults.0.for=6m", "expectations=[]")

LIBRARY = {
    "latency_spike": (*SHORT, "faults.0.ramp=0s"),
    "error_storm": SHORT,
    "cost_spike": SHORT,
    "open_socket_hang": SHORT,
    "minute_quota_storm": SHORT,
    "steady": ("duration=25m", "expectations=[]"),
}
"""Scenarios of the library, cut short."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the journals are."""
    return tmp_path_factory.mktemp("journals")


@pytest.mark.parametrize("name", LIBRARY)
def test_a_fit_reproduces_what_happened(folder: Path, name: str) -> None:
    """P95 within 10 %, cost within 5 %, availability within a point, and all other tolerances."""
    found, scenario, _ = fitted(lived(folder, name, *LIBRARY[name]))
    runs = measure(scenario, {"live": found.policy}, 2, workers=1)
    seen = account(found.columns, from_tick=60, until_tick=round(scenario.duration))
    figures = fidelity(seen.figures, [each.account.figures for each in runs["live"]])
    assert [(each.name, each.difference) for each in figures if not each.agrees] == []


def faults(folder: Path, name: str) -> list[UpstreamFault]:
    """Of the scenario that is fitted to one of the library."""
    _, scenario, _ = fitted(lived(folder, name, *LIBRARY[name]))
    return [each for each in scenario.faults if isinstance(each, UpstreamFault)]


def test_slow_calls_become_a_latency_fault_of_their_window_and_factor(folder: Path) -> None:
    """Durations are put back to the tick in which their calls began."""
    (fault,) = faults(folder, "latency_spike")
    assert fault.kind == "latency"
    assert fault.at == pytest.approx(480, abs=5)
    assert fault.at + fault.duration == pytest.approx(840, abs=60)
    assert fault.factor == pytest.approx(4, rel=0.15)


def test_refusals_become_an_error_fault_with_their_share(folder: Path) -> None:
    """Of the calls, whoever takes them over afterwards."""
    (fault,) = faults(folder, "error_storm")
    assert (fault.kind, fault.error) == ("error", "overloaded")
    assert fault.at == pytest.approx(480, abs=2)
    assert fault.at + fault.duration == pytest.approx(840, abs=3)
    assert fault.share == pytest.approx(0.4, abs=0.04)


def test_longer_thoughts_are_no_slowness(folder: Path) -> None:
    """Tokens explain how long calls took, so nothing is left for a latency fault."""
    (fault,) = faults(folder, "cost_spike")
    assert (fault.kind, fault.ignores_budget) == ("thinking", True)
    assert fault.factor == pytest.approx(8, rel=0.15)


def test_calls_without_an_end_become_a_hang(folder: Path) -> None:
    """The others took as long as ever."""
    (fault,) = faults(folder, "open_socket_hang")
    assert fault.kind == "hang"
    assert fault.share == pytest.approx(0.5, abs=0.15)


def test_a_steady_hour_has_no_faults(folder: Path) -> None:
    """And its profile is the one that it was made with."""
    found, scenario, text = fitted(lived(folder, "steady", *LIBRARY["steady"]))
    assert scenario.faults == ()
    model = next(iter(found.asked))
    truth, profile = calibrated_profiles()[model], found.calls.profiles[model]
    assert profile.tokens_per_s == pytest.approx(truth.tokens_per_s, rel=0.05)
    assert profile.ttft_p50 == pytest.approx(truth.ttft_p50, rel=0.25)
    assert found.traffic.shared.cv == pytest.approx(1.09, rel=0.2)
    assert "soft, hard and emergency served nothing" in " ".join(
        line.lstrip("# -") for line in text.splitlines()
    )


def test_a_quota_is_found_by_what_it_grants(folder: Path) -> None:
    """Not by how many it refuses, which hangs on how many are asked for."""
    journal = lived(
        folder,
        "steady",
        "duration=20m",
        "expectations=[]",
        "upstream.models.asked.quota.rpm=250",
        "upstream.models.asked.quota.tpm=null",
    )
    found, scenario, _ = fitted(journal)
    model = next(iter(found.asked))
    quota = found.quotas[model]
    assert quota.limit == pytest.approx(250, abs=2)
    assert (quota.tokens, quota.counting, quota.factor) == (False, "calendar", 1.0)
    assert scenario.faults == ()


def test_a_rate_that_rises_and_falls_comes_back(folder: Path) -> None:
    """The curve has as many requests in every slice as came."""
    found, _, _ = fitted(
        lived(
            folder,
            "steady",
            "duration=30m",
            "expectations=[]",
            "workload.arrivals.pattern=[{kind: diurnal, amplitude: 60%, period: 30m}]",
        )
    )
    curve = found.traffic.shared
    slices = found.columns.offered.sum(axis=1)[: found.columns.ticks].reshape(30, 60).sum(axis=1)
    levels = dict(curve.steps)
    told = [levels[60.0 * place] * curve.rate * 60.0 for place in range(30)]
    assert told == pytest.approx(slices.tolist(), rel=0.001)


def test_columns_hold_what_the_strict_reader_reads(folder: Path) -> None:
    """Sums over all lines are the same."""
    journal = lived(folder, "error_storm", *LIBRARY["error_storm"])
    columns = read_columns([journal])
    seen = [entry.observations for entry in open_journal(journal)]
    served = [entry for each in seen for entry in each.served]
    assert columns.offered.sum() == sum(sum(each.offered) for each in seen)
    assert columns.answers.sum() == sum(each.finished - each.failed for each in served)
    assert columns.latency.count.sum() == sum(each.latency.total for each in served)
    assert columns.settled[:, 4].sum() == sum(each.nano_usd for each in served)


def test_lines_of_several_ticks_tell_the_same_traffic(folder: Path, tmp_path: Path) -> None:
    """As a live journal has them where its ticker came late: rate, unevenness, begin of a fault."""
    journal = lived(folder, "error_storm", *LIBRARY["error_storm"])
    opened = open_journal(journal)
    entries = list(opened)
    late = tmp_path / "late.jsonl"
    with late.open("w") as stream:
        writer = JournalWriter(stream, opened.policy, {})
        for begin in range(0, len(entries), 20):
            # Every third stretch of twenty seconds comes in one line.
            stretch = entries[begin : begin + 20]
            if begin // 20 % 3 == 1:
                whole = merge_ticks([each.observations for each in stretch])
                writer.write(whole, stretch[-1].decision)
            else:
                for each in stretch:
                    writer.write(each.observations, each.decision)
    ours, true = fitted(late)[0], fitted(journal)[0]
    assert ours.columns.ticks == true.columns.ticks
    assert ours.traffic.shared.rate == pytest.approx(true.traffic.shared.rate, rel=1e-6)
    assert ours.traffic.shared.cv == pytest.approx(true.traffic.shared.cv, rel=0.25)
    begins = [
        [each.segment.begin for each in found.episodes if each.error == "overloaded"]
        for found in (ours, true)
    ]
    assert begins[0] == pytest.approx(begins[1], abs=20)


def in_two(journal: Path, folder: Path, later: Policy) -> list[Path]:
    """The files of the journal, of which the second one says that another policy was live."""
    opened = open_journal(journal)
    entries = list(opened)
    half = len(entries) // 2
    parts = (
        (opened.policy, entries[:half], None),
        (later, entries[half:], {"tick": entries[half - 1].observations.tick}),
    )
    paths = [folder / "0.jsonl", folder / "1.jsonl"]
    for path, (policy, part, state) in zip(paths, parts, strict=True):
        with path.open("w") as stream:
            writer = JournalWriter(stream, policy, {}, state=state)
            for each in part:
                writer.write(each.observations, each.decision)
    return paths


def test_policies_that_did_otherwise_in_a_mode_are_not_taken_for_one(
    folder: Path, tmp_path: Path
) -> None:
    """Their calls cannot be told apart; those that differ in when alone can be fitted together."""
    journal = lived(folder, "latency_spike", *LIBRARY["latency_spike"])
    policy = open_journal(journal).policy
    normal, soft, hard, emergency = policy.strategies
    soft = replace(soft, output_cap_tokens=5000)
    shorter = replace(policy, name="shorter", strategies=(normal, soft, hard, emergency))
    with pytest.raises(InputError, match=r"0\.jsonl to .*policy shorter does otherwise in soft"):
        fit_journal(in_two(journal, tmp_path, shorter))
    rules = tuple(replace(each, sustained_s=5.0) for each in policy.rules)
    found = fit_journal(in_two(journal, tmp_path, replace(policy, name="later", rules=rules)))
    assert [each.name for each in found.columns.policies] == [policy.name, "later"]
    assert found.policy.name == "later"
    assert not any("policies" in each for each in found.assumptions)
    whole = fit_journal([journal])
    assert found.calls == whole.calls


def test_columns_do_not_hang_on_who_parses(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quicker parser need not be installed."""
    import sys

    journal = lived(folder, "error_storm", *LIBRARY["error_storm"])
    quick = read_columns([journal])
    monkeypatch.setitem(sys.modules, "orjson", None)
    plain = read_columns([journal])
    assert (quick.settled == plain.settled).all()
    assert (quick.latency.bucket == plain.latency.bucket).all()
