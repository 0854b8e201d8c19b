"""The live journal: every file replays by itself, whatever began it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from balancer.core.modes import Mode
from balancer.core.observations import FAILURES
from balancer.core.policy import LAWS
from balancer.core.replay import replay
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.runtime.journal import JournalFiles

from .bench import Bench

pytestmark = pytest.mark.slow

ENDLESS = """
import sys
from balancer import Balancer, Clock
balancer = Balancer(journal=sys.argv[1], clock=Clock(speed=20.0))
balancer.listeners.ticks.add(lambda seen, decided: print(seen.tick, flush=True))
balancer.start()
while True:
    balancer.finish(balancer.begin())
"""


def all_files(path: Path) -> list[Path]:
    """Earlier ones, then the current one."""
    return [*JournalFiles(path).earlier(), path]


def test_a_full_file_is_put_away_and_each_replays_by_itself(tmp_path: Path) -> None:
    """With all that the controller remembered in its header; of the earlier ones some are kept."""
    path = tmp_path / "journal.jsonl"
    bench = Bench(journal=JournalFiles(path, max_bytes=10_000, keep=3), run={"title": "A test"})
    bench.brown_out(100)
    for _ in range(300):
        bench.calls(5)
        bench.seen()
    bench.balancer.close()
    files = all_files(path)
    assert len(files) == 4
    last = open_journal(files[0]).state
    assert last is not None
    previous = last["tick"]
    for file in files:
        journal = open_journal(file)
        assert journal.run["because"] == "full"
        assert journal.run["title"] == "A test"
        found = replay(journal)
        assert found.identical
        assert found.ticks > 0
        ticks = [entry.observations.tick for entry in open_journal(file)]
        assert ticks[0] == previous + 1
        previous = ticks[-1]


def test_a_file_that_is_there_is_put_away_not_written_over(tmp_path: Path) -> None:
    """Of an earlier run."""
    path = tmp_path / "journal.jsonl"
    (tmp_path / "journal.7.jsonl").write_text("earlier")
    (tmp_path / "journal.old.jsonl").write_text("not ours")
    path.write_text("before")
    Bench(journal=path).balancer.close()
    assert (tmp_path / "journal.8.jsonl").read_text() == "before"
    assert (tmp_path / "journal.old.jsonl").read_text() == "not ours"
    assert open_journal(path).run["because"] == "start"


def test_a_new_policy_begins_a_file_that_says_what_was_kept(tmp_path: Path) -> None:
    """Both files replay, each under its own policy."""
    path = tmp_path / "journal.jsonl"
    bench = Bench(journal=path)
    bench.brown_out()
    mode = bench.mode
    policy = default_policy()
    rules = tuple(replace(rule, threshold=rule.threshold * 1.5) for rule in policy.rules)
    bench.balancer.use(replace(policy, name="second", rules=rules))
    bench.brown_out()
    bench.balancer.close()
    first, second = map(open_journal, all_files(path))
    assert (first.policy.name, second.policy.name) == ("default", "second")
    assert second.run["because"] == "policy"
    assert second.run["kept"].startswith("mode and orders")
    entries = list(second)
    assert entries[0].decision.mode >= mode
    assert entries[0].decision.reasons[0].kind in ("policy", "rule")
    assert replay(open_journal(path)).identical
    assert replay(first).identical


def test_a_journal_can_be_tried_under_another_policy_from_its_state(tmp_path: Path) -> None:
    """Which goes on from there as far as it may."""
    path = tmp_path / "journal.jsonl"
    bench = Bench(journal=JournalFiles(path, max_bytes=3_000))
    bench.brown_out(60)
    bench.balancer.close()
    journal = open_journal(path)
    assert journal.state is not None
    rules = tuple(replace(rule, threshold=0.99) for rule in journal.policy.rules[:1])
    assert replay(journal, replace(journal.policy, rules=rules)).ticks > 0


@pytest.mark.parametrize("law", LAWS)
@settings(max_examples=20, deadline=None)
@given(
    script=st.lists(
        st.tuples(
            st.integers(0, 12),
            st.sampled_from([None, *FAILURES]),
            st.floats(0, 3),
            st.sampled_from([None, None, None, *Mode]),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_what_is_written_live_replays_to_the_bit(
    law: str,
    script: list[tuple[int, str | None, float, Mode | None]],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """Under every law, across rotation, missed ticks, orders and reloads."""
    path = tmp_path_factory.mktemp("live") / "journal.jsonl"
    policy = replace(default_policy(), law=law)
    bench = Bench(policy, journal=JournalFiles(path, max_bytes=3_000, keep=100))
    for turn, (count, kind, latency_s, order) in enumerate(script):
        bench.calls(count, kind=kind, latency_s=latency_s)
        if order is not None:
            bench.balancer.override(order, "test", for_s=5.0)
        if turn % 16 == 15:
            rules = policy.rules[: turn // 16]
            bench.balancer.use(replace(policy, rules=rules))
        bench.seen()
    bench.balancer.close()
    for file in all_files(path):
        assert replay(open_journal(file)).identical


def test_a_process_that_is_killed_loses_at_most_a_tick(tmp_path: Path) -> None:
    """Everything it told of is in the file, which replays."""
    path = tmp_path / "journal.jsonl"
    process = subprocess.Popen(
        [sys.executable, "-c", ENDLESS, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    told = [int(process.stdout.readline()) for _ in range(5)]
    os.kill(process.pid, signal.SIGKILL)
    told += [int(line) for line in process.stdout.read().split()]
    process.wait()
    process.stdout.close()
    written = [entry.observations.tick for entry in open_journal(path)]
    assert written[-1] >= told[-1]
    assert replay(open_journal(path)).identical
