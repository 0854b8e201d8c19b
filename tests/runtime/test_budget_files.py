"""The files of a hard budget: what a restart makes of them, whatever became of them."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from balancer.core.policy import BudgetLimit, Policy
from balancer.policy_file import default_policy
from balancer.runtime import budget_files
from balancer.runtime.budget_files import recover
from balancer.runtime.budget_log import begun
from balancer.runtime.calls import Asked, Outcome
from balancer.runtime.disk import Disk
from balancer.runtime.requests import Request
from tests.abuse.disks import KINDS, Faulty, faults
from tests.waiting import until

from .bench import Bench

ASKED = Asked(prompt_tokens=1000)
USD = 10**9
LIMITS = (BudgetLimit(usd=1.0, window_s=3600.0), BudgetLimit(usd=0.5, window_s=600.0, key="acme"))


def budgeted(*limits: BudgetLimit) -> Policy:
    """The default policy under a hard budget."""
    return replace(default_policy(), budgets=limits or LIMITS)


_OPEN: list[Bench] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Processes that died leave no handles open."""
    yield
    while _OPEN:
        persistence = _OPEN.pop().balancer._control._persistence
        assert persistence._journal is not None
        persistence._journal.close()


def bench_in(folder: Path, now_s: float = 0.0, policy: Policy | None = None, **more: Any) -> Bench:
    """A balancer that keeps itself there."""
    files = {"journal": folder / "journal.jsonl", "state": folder / "state.json"}
    bench = Bench(policy or budgeted(), now_s=now_s, **files, **more)
    _OPEN.append(bench)
    return bench


def call(bench: Bench, key: str | None = None) -> Request:
    """One that is in flight."""
    request = bench.balancer.request(asked=ASKED, key=key)
    assert request.start() is not None
    return request


def answered(bench: Bench, tokens: int = 50, key: str | None = None) -> int:
    """A call that is over; what it was billed."""
    request = call(bench, key)
    attempt = request._attempt
    assert attempt is not None
    attempt.finish(Outcome(prompt_tokens=1000, output_tokens=tokens))
    return request.account.nano_usd


def lefts(bench: Bench) -> list[int]:
    """What each limit still affords."""
    return [standing.left for standing in bench.balancer.budgets()]


def life(folder: Path, **more: Any) -> Bench:
    """Some minutes with calls answered, abandoned, and in flight at the end."""
    bench = bench_in(folder, **more)
    for second in range(90):
        answered(bench, tokens=100 + second, key="acme" if second % 3 else None)
        bench.seen()
    bench.flying = [call(bench), call(bench, "acme")]  # type: ignore[attr-defined]
    return bench


def newest(folder: Path, kind: str) -> Path:
    """The newest snapshot or log."""
    paths = folder.glob(f"state.json.budget-*.{kind}")
    return max(paths, key=lambda path: int(path.stem.rpartition("-")[2]))


def test_a_killed_process_loses_nothing_of_its_budget(tmp_path: Path) -> None:
    """Calls in flight count as having cost all that was held; then it rolls on as it would have."""
    bench = life(tmp_path)
    after = bench_in(tmp_path, now_s=91.0)
    assert lefts(after) == lefts(bench)
    assert [standing.reserved for standing in after.balancer.budgets()] == [0, 0]
    assert after.balancer.status().budget_loss == ""
    third = bench_in(tmp_path, now_s=91.0)
    assert lefts(third) == lefts(bench)


def test_what_is_used_reserved_and_left_adds_up(tmp_path: Path) -> None:
    """To the limit; and is equal to what was billed and what is held."""
    bench = bench_in(tmp_path)
    billed = sum(answered(bench) for _ in range(3))
    flying = call(bench, "acme")
    held = bench.balancer.ledger.reserved_nano_usd
    everybody, acme = bench.balancer.budgets()
    assert (everybody.used, everybody.reserved, everybody.left) == (
        billed, held, USD - billed - held,
    )  # fmt: skip
    assert (acme.used, acme.reserved, acme.left) == (0, held, USD // 2 - held)
    assert (acme.eases_s, acme.free_s) == (None, None)
    assert everybody.eases_s == everybody.free_s == 3660.0
    bench.clock.advance(3659.0)
    bench.balancer.tick()
    assert bench.balancer.budgets()[0].used == billed
    bench.clock.advance(1.0)
    bench.balancer.tick()
    assert bench.balancer.budgets()[0].used == 0
    flying.close()


@pytest.mark.parametrize("bytes_", [1, 400])
def test_generations_follow_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bytes_: int
) -> None:
    """Two are kept; where the newest snapshot cannot be read, the one before leads to the same."""
    monkeypatch.setattr(budget_files, "_MOST_BYTES", bytes_)
    bench = life(tmp_path)
    kept = sorted(path.name for path in tmp_path.glob("state.json.budget*"))
    assert len(kept) == 4
    newest(tmp_path, "snapshot").write_bytes(b"0000000")
    after = bench_in(tmp_path, now_s=91.0)
    assert lefts(after) == lefts(bench)
    assert after.balancer.status().budget_loss == ""


def change(path: Path, at: int) -> None:
    """One bit."""
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def no_snapshots(folder: Path) -> None:
    """All are gone."""
    for path in folder.glob("state.json.budget-*.snapshot"):
        path.unlink()


def all_gone(folder: Path) -> None:
    """Logs too."""
    for path in folder.glob("state.json.budget-*"):
        path.unlink()


def older(folder: Path) -> None:
    """The log is one of some seconds ago, in whole lines."""
    log = newest(folder, "log")
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[: len(lines) // 2]))


def nested(folder: Path) -> None:
    """The snapshot is whole, and is more than Python reads."""
    text = b"[" * 100_000
    newest(folder, "snapshot").write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))


def nested_limits(folder: Path) -> None:
    """So is a line of the log."""
    log = newest(folder, "log")
    data = log.read_bytes()
    checksum = 0
    for raw in data.splitlines():
        checksum = zlib.crc32(raw[9:], checksum)
    text = b"L " + b"[" * 100_000
    log.write_bytes(data + b"%08x %s\n" % (zlib.crc32(text, checksum), text))


def nested_version_1(folder: Path) -> None:
    """So is the one file of an earlier release, and the state beside it."""
    all_gone(folder)
    for name in ("state.json.budget", "state.json"):
        (folder / name).write_text("[" * 100_000)


def nested_state(folder: Path) -> None:
    """What would tell that there was a budget cannot be read."""
    all_gone(folder)
    (folder / "state.json").write_text("[" * 100_000)


LOSSES: dict[str, Callable[[Path], object]] = {
    "all files are gone": all_gone,
    "no snapshot": no_snapshots,
    "no log": lambda folder: newest(folder, "log").unlink(),
    "an empty log": lambda folder: newest(folder, "log").write_bytes(b""),
    "a torn line": lambda folder: newest(folder, "log").write_bytes(
        newest(folder, "log").read_bytes().rpartition(b" S ")[0] + b" S 1"
    ),
    "a changed line": lambda folder: change(newest(folder, "log"), 200),
    "a line too few": lambda folder: newest(folder, "log").write_bytes(
        b"".join(newest(folder, "log").read_bytes().splitlines(keepends=True)[:3])
        + b"".join(newest(folder, "log").read_bytes().splitlines(keepends=True)[4:])
    ),
    "an older log": older,
    "a changed snapshot": lambda folder: change(newest(folder, "snapshot"), 60),
    "a snapshot nested too deep": nested,
    "a line nested too deep": nested_limits,
    "an old file nested too deep": nested_version_1,
    "a state nested too deep": nested_state,
}


@pytest.mark.slow
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("after_loss", ["full", "last", "nothing"])
def test_what_is_lost_is_charged_in_full_unless_told_otherwise(
    tmp_path: Path, loss: str, after_loss: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said in the log and the status, and is over when the window is."""
    bench = life(tmp_path)
    LOSSES[loss](tmp_path)
    after = bench_in(tmp_path, now_s=91.0, after_loss=after_loss)
    said = after.balancer.status().budget_loss
    assert said.startswith("what was spent under the hard budget is not known: ")
    assert said in caplog.text
    if after_loss == "full":
        assert lefts(after) == [0, 0]
        assert after.balancer.request(asked=ASKED).refusal == "budget"
        after.clock.advance(3700.0)
        after.balancer.tick()
        assert lefts(after) == [USD, USD // 2]
    elif after_loss == "nothing":
        assert lefts(after) == [USD, USD // 2]
    else:
        assert lefts(bench)[0] <= lefts(after)[0] <= USD
    # A restart from there finds all of it in order.
    again = bench_in(tmp_path, now_s=after.clock.now_s())
    assert lefts(again) == lefts(after)
    assert again.balancer.status().budget_loss == ""


def test_a_first_start_is_no_loss(tmp_path: Path) -> None:
    """Nor is a budget that a policy has for the first time."""
    assert bench_in(tmp_path / "none").balancer.status().budget_loss == ""
    before = bench_in(tmp_path, policy=default_policy())
    before.seen()
    before.balancer.close()
    after = bench_in(tmp_path, now_s=2.0)
    assert (lefts(after), after.balancer.status().budget_loss) == ([USD, USD // 2], "")


def test_without_the_snapshot_of_the_controller_the_budget_is_known(tmp_path: Path) -> None:
    """They are files of their own."""
    bench = life(tmp_path)
    for path in (*tmp_path.glob("journal*"), tmp_path / "state.json"):
        path.unlink()
    after = bench_in(tmp_path, now_s=0.0)
    assert lefts(after) == lefts(bench)
    assert after.balancer.now_tick >= 90


def test_a_budget_that_a_policy_brings_while_it_runs_is_kept(tmp_path: Path) -> None:
    """And one that it changes."""
    bench = bench_in(tmp_path, policy=default_policy())
    assert not list(tmp_path.glob("state.json.budget*"))
    bench.balancer.use(budgeted())
    billed = answered(bench, key="acme")
    bench.balancer.use(budgeted(LIMITS[1], BudgetLimit(usd=2.0, window_s=60.0)))
    billed_later = answered(bench)
    after = bench_in(tmp_path, now_s=1.0, policy=bench.balancer.policy)
    assert lefts(after) == [USD // 2 - billed, 2 * USD - billed_later]


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 10**6])
@pytest.mark.parametrize("kind", KINDS)
def test_a_disk_that_fails_at_any_call_loses_no_spend(
    tmp_path: Path, kind: str, times: int
) -> None:
    """Each call in turn, once and from then on: memory goes on refusing, and a restart knows of at
    least what was billed.
    """
    lives = list(faults(tmp_path, kind, times, every=4 if times == 1 else 19))
    assert [wrong for life in lives for wrong in life.wrong()] == []
    assert sum(life.failures for life in lives) > 0


def test_a_disk_that_is_well_again_is_trusted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a snapshot of what is in memory, which goes on counting meanwhile."""
    monkeypatch.setattr(budget_files, "_RETRY_S", 0.0)
    disk = Faulty("write", 0, errno.ENOSPC, 10**6)
    disk.left = 0
    monkeypatch.setattr(budget_files.BudgetFiles.__init__, "__kwdefaults__", {
        **(budget_files.BudgetFiles.__init__.__kwdefaults__ or {}), "disk": disk,
    })  # fmt: skip
    bench = bench_in(tmp_path)
    billed = answered(bench)
    disk.left = 10**6
    billed += answered(bench)
    assert "made to fail" in bench.balancer.status().problems["budget"]
    bench.seen()
    billed += answered(bench)
    disk.left = 0
    bench.seen()
    assert bench.balancer.status().problems == {}
    after = bench_in(tmp_path, now_s=3.0)
    assert lefts(after)[0] == USD - billed
    assert after.balancer.status().budget_loss == ""


def test_a_thread_syncs_what_callers_wrote(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the balancer has a ticker; and ends with it."""
    by: list[threading.Thread] = []
    monkeypatch.setattr(Disk, "sync", lambda _disk, _handle: by.append(threading.current_thread()))
    bench = bench_in(tmp_path)
    bench.balancer.start()
    files = bench.balancer._control._persistence._budget
    assert files is not None
    assert files._thread is not None
    assert files._thread.is_alive()
    until(lambda: not files._unsynced, "what it began with is synced")
    by.clear()
    answered(bench)
    until(lambda: files._thread in by, "it is synced")
    bench.balancer.close()
    assert not files._thread.is_alive()


@pytest.mark.parametrize("tick_s", [0.5, 2.0])
def test_ticks_of_another_length_forget_nothing_and_hold_nothing_longer(
    tmp_path: Path, tick_s: float
) -> None:
    """A restart goes on by the clock, not by the ticks."""
    limit = BudgetLimit(usd=1.0, window_s=60.0)
    bench = bench_in(tmp_path, now_s=1000.0, policy=budgeted(limit))
    bench.seen()
    billed = answered(bench)
    other = replace(budgeted(limit), tick_s=tick_s)
    after = bench_in(tmp_path, now_s=1002.0, policy=other)
    assert (lefts(after), after.balancer.status().budget_loss) == ([USD - billed], "")
    assert after.balancer.ledger.state()["tick"] == 1002.0 / tick_s
    after.clock.set(1040.0)
    after.balancer.tick()
    assert lefts(after) == [USD - billed]
    later = bench_in(tmp_path, now_s=1110.0, policy=budgeted(limit))
    assert lefts(later) == [USD]


def test_a_clock_that_began_long_ago_counts_its_first_tick() -> None:
    """The windows begin at the tick that it is."""
    bench = Bench(budgeted(BudgetLimit(usd=1.0, window_s=60.0)), now_s=1000.0)
    billed = answered(bench)
    bench.seen()
    assert lefts(bench) == [USD - billed]


@pytest.mark.parametrize("loss", [False, True])
def test_a_limit_that_is_new_counts_its_first_tick(tmp_path: Path, loss: bool) -> None:
    """Beside those that are taken up, and where it is charged in full."""
    life(tmp_path)
    if loss:
        LOSSES["a torn line"](tmp_path)
    limits = (*LIMITS, BudgetLimit(usd=1.0, window_s=30.0))
    after = bench_in(tmp_path, now_s=91.0, policy=budgeted(*limits))
    billed = USD if loss else answered(after)
    after.seen()
    assert lefts(after)[2] == USD - billed


def test_a_budget_that_was_switched_off_for_a_run_is_no_loss(tmp_path: Path) -> None:
    """What its files say counts on, and is over when its window is."""
    first = bench_in(tmp_path)
    billed = answered(first)
    first.seen()
    first.balancer.close()
    between = bench_in(tmp_path, now_s=2.0, policy=default_policy())
    for _ in range(5):
        between.seen()
    between.balancer.close()
    after = bench_in(tmp_path, now_s=8.0)
    assert lefts(after) == [USD - billed, USD // 2]
    assert after.balancer.status().budget_loss == ""


def test_a_clock_set_back_past_the_controller_keeps_the_budgets_tick(tmp_path: Path) -> None:
    """The budget knows of later ticks than the snapshot, whose journal is gone."""
    bench = bench_in(tmp_path)
    bench.seen()
    for _ in range(9):
        bench.seen()
    for path in tmp_path.glob("journal*"):
        path.unlink()
    assert bench_in(tmp_path, now_s=0.0).balancer.now_tick == 10


def test_a_loss_under_budgets_of_the_priority_tier_alone_is_told(tmp_path: Path) -> None:
    """They are charged in full as well."""
    policy = replace(default_policy(), priority_budgets=LIMITS[:1])
    bench_in(tmp_path, policy=policy).seen()
    all_gone(tmp_path)
    after = bench_in(tmp_path, now_s=2.0, policy=policy)
    assert lefts(after) == [0]
    assert "is missing" in after.balancer.status().budget_loss


@pytest.mark.parametrize("size", [0, 5, None])
@pytest.mark.parametrize("before", [False, True])
def test_a_log_that_was_never_used_is_no_loss(
    tmp_path: Path, before: bool, size: int | None
) -> None:
    """Killed after its making, before a call or a snapshot: nothing was counted there."""
    generation, left = 1, [USD, USD // 2]
    if before:
        left = lefts(life(tmp_path))
        generation = 1 + int(newest(tmp_path, "log").stem.rpartition("-")[2])
    first, _ = begun(generation)
    (tmp_path / f"state.json.budget-{generation}.log").write_bytes(first[:size])
    after = bench_in(tmp_path, now_s=91.0)
    assert (lefts(after), after.balancer.status().budget_loss) == (left, "")
    again = bench_in(tmp_path, now_s=91.0)
    assert (lefts(again), again.balancer.status().budget_loss) == (left, "")


def test_a_line_that_fails_while_a_snapshot_is_saved_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new log is gone; the next generation has all that was counted."""
    monkeypatch.setattr(budget_files, "_MOST_BYTES", 1)
    disk = Faulty("write", 0, errno.ENOSPC, 0)
    monkeypatch.setattr(budget_files.BudgetFiles.__init__, "__kwdefaults__", {
        **(budget_files.BudgetFiles.__init__.__kwdefaults__ or {}), "disk": disk,
    })  # fmt: skip
    bench = bench_in(tmp_path)
    billed = [answered(bench)]
    rename = disk.rename

    def with_a_call(path: Path, to: Path) -> None:
        monkeypatch.setattr(disk, "rename", rename)
        disk.left = 1
        billed.append(answered(bench))
        rename(path, to)

    monkeypatch.setattr(disk, "rename", with_a_call)
    bench.seen()
    assert len(billed) == 2
    assert "made to fail" in bench.balancer.status().problems["budget"]
    bench.seen()
    assert bench.balancer.status().problems == {}
    billed.append(answered(bench))
    after = bench_in(tmp_path, now_s=3.0)
    assert lefts(after)[0] == USD - sum(billed)
    assert after.balancer.status().budget_loss == ""


class Folderless(Disk):
    """A file system that cannot sync a folder."""

    def __init__(self, code: int) -> None:
        self.code = code

    def sync(self, handle: int) -> None:
        """Of files alone."""
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(self.code, "made to fail")
        super().sync(handle)


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_a_folder_is_no_failure(tmp_path: Path, code: int) -> None:
    """As those of networks are; a disk that fails is one."""
    Folderless(code).save(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    with pytest.raises(OSError, match="made to fail"):
        Folderless(errno.EIO).save(tmp_path / "file", b"whole")


@pytest.mark.parametrize("damage", ["", "[]", '{"tick": 1}', "{"])
def test_a_file_of_the_version_before_that_cannot_be_read_is_a_loss(
    tmp_path: Path, damage: str
) -> None:
    """As any other."""
    (tmp_path / "state.json.budget").write_text(damage)
    found = recover(tmp_path / "state.json.budget")
    assert (found.state, found.any_files) == (None, True)
    assert "state.json.budget" in found.loss
    assert lefts(bench_in(tmp_path)) == [0, 0]


def test_snapshots_say_what_they_are(tmp_path: Path) -> None:
    """A checksum, then JSON."""
    answered(bench_in(tmp_path))
    _, _, text = newest(tmp_path, "snapshot").read_bytes().partition(b" ")
    values = json.loads(text)
    assert (values["budget"], values["generation"]) == (2, 1)
