"""A log that is cut at every byte, as by a kill: what is whole is trusted, nothing is forgotten."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest

from balancer.core.policy import BudgetLimit
from balancer.policy_file import default_policy
from balancer.runtime.budget_files import recover
from balancer.runtime.budget_log import Replay, TornError, begun, line
from balancer.runtime.ledger import Ledger

POLICY = replace(
    default_policy(),
    budgets=(
        BudgetLimit(usd=1.0, window_s=3600.0),
        BudgetLimit(usd=0.5, window_s=600.0, key="acme"),
    ),
)


def written() -> tuple[dict[str, object], list[bytes]]:
    """A ledger's state at first, and the lines of what it then counted, of every kind."""
    texts: list[str] = []
    ledger = Ledger(POLICY)
    ledger.advance(3)
    state = ledger.state()
    ledger.log = texts.append
    card = POLICY.catalog.card("gemini-2.5-flash")
    claims = [
        ledger.reserve(card, prompt_tokens=100, cap_tokens=cap, thinking_tokens=0, key=key)
        for cap, key in ((500, None), (2000, "acme"), (90, "acme"))
    ]
    assert all(claims)
    ledger.settle(claims[1], 700_000)  # type: ignore[arg-type]
    ledger.advance(4)
    ledger.book(1_300_000, "acme")
    ledger.settle(claims[0], 9_000_000)  # type: ignore[arg-type]  # more than it held
    ledger.use(replace(POLICY, budgets=POLICY.budgets[:1]))
    ledger.reserve(card, prompt_tokens=7, cap_tokens=60, thinking_tokens=0)
    ledger.advance(5)
    first, checksum = begun(7)
    lines = [first]
    for text in texts:
        data, checksum = line(text, checksum)
        lines.append(data)
    return state, lines


STATE, LINES = written()
WHOLE = b"".join(LINES)


def replayed(data: bytes, *, last: bool = True) -> tuple[str, dict[str, object]]:
    """What is wrong with a log, and what is known of the money by it."""
    replay = Replay(dict(STATE))
    wrong = ""
    try:
        replay.log(data, 7, last=last)
    except TornError as error:
        wrong = str(error)
    return wrong, replay.state()


def test_a_log_that_is_cut_is_trusted_where_nothing_can_be_forgotten() -> None:
    """Half of what would have held money, or rolled the window; or a line but for its end."""
    for cut in range(len(WHOLE) + 1):
        wrong, found = replayed(WHOLE[:cut])
        whole = WHOLE[:cut].count(b"\n")
        rest = WHOLE[:cut].rpartition(b"\n")[2]
        following = LINES[whole] if whole < len(LINES) else b""
        kind = following[9:10].decode()
        complete = bool(rest) and rest == following.rstrip(b"\n")
        trusted = bool(whole) and (not rest or complete or (kind in "RT" and len(rest) > 9))
        assert (wrong == "") == trusted, cut
        # As far as whole lines go, and no further.
        _, expected = replayed(b"".join(LINES[: whole + (complete and whole > 0)]))
        assert found == expected, cut


def test_half_a_line_in_a_log_that_another_follows_is_not_trusted() -> None:
    """Its process went on."""
    at = WHOLE.index(b" R ") + 5
    assert replayed(WHOLE[:at])[0] == ""
    assert "torn" in replayed(WHOLE[:at], last=False)[0]


@pytest.mark.parametrize("cut", [0, 2, 9, 12, 15])
def test_what_a_broken_log_ends_in_is_never_trusted(cut: int) -> None:
    """The ledger went on by memory, and held more than the log knows."""
    at = WHOLE.index(b" R ") - 8 + cut
    assert "torn" in replayed(WHOLE[:at] + b"torn")[0]


def test_a_restart_after_half_a_line_charges_what_is_known_and_says_nothing(
    tmp_path: Path,
) -> None:
    """Through the files."""
    path = tmp_path / "budget"
    values = {"budget": 2, "generation": 7, "epoch": None, "ledger": STATE}
    text = json.dumps(values).encode()
    path.with_name("budget-7.snapshot").write_bytes(b"%08x %s\n" % (zlib.crc32(text), text))
    log = path.with_name("budget-7.log")
    for mark, told in ((b" R ", ""), (b" S ", "line")):
        log.write_bytes(WHOLE[: WHOLE.index(mark) + 4])
        found = recover(path)
        assert (told in found.loss) and bool(found.loss) == bool(told)
        assert found.state is not None
