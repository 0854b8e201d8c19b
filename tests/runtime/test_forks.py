"""Forks: each child counts, steps, writes and budgets for itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from balancer.core.replay import replay
from balancer.journal_file import open_journal
from tests.waiting import GIVE_UP_S

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

SERVER = """
import asyncio, json, logging, os, sys, threading, warnings
from dataclasses import replace
from balancer import Asked, Balancer, BudgetLimit, Clock, Mode, Outcome, default_policy
warnings.simplefilter("ignore")
logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
policy = replace(default_policy(), budgets=(BudgetLimit(usd=1.0, window_s=3600.0),))
balancer = Balancer(policy, journal=sys.argv[1], state=sys.argv[2], clock=Clock(speed=50.0))
stepped = threading.Event()
balancer.listeners.ticks.add(lambda seen, decided: stepped.set())

def main():
    request = balancer.request(asked=Asked(prompt_tokens=1000))
    attempt = request.start()
    held = balancer.ledger.reserved_nano_usd
    child = os.fork()
    stepped.clear()
    if child == 0:
        status = balancer.status()
        ticked = stepped.wait(300.0)
        found = {
            "running": status.running, "in_flight": status.in_flight, "ticked": ticked,
            "reserved": balancer.ledger.reserved_nano_usd, "held": held,
            "problems": dict(status.problems), "journal": status.journal, "pid": os.getpid(),
        }
        print(json.dumps(found), flush=True)
        request.close()
        balancer.close()
        os._exit(0)
    os.waitpid(child, 0)
    attempt.finish(Outcome(prompt_tokens=10, output_tokens=10))
    request.close()

if sys.argv[3] == "thread":
    with balancer:
        main()
else:
    async def run():
        async with balancer:
            await asyncio.to_thread(stepped.wait, 300.0)
            stepped.wait = lambda timeout: False
            main()
    asyncio.run(run())
"""


def forked(tmp_path: Path, ticker: str) -> tuple[dict[str, object], str]:
    """What a child found, and the log of both processes."""
    found = subprocess.run(
        [sys.executable, "-c", SERVER, tmp_path / "journal.jsonl", tmp_path / "state.json", ticker],
        capture_output=True,
        text=True,
        check=True,
        timeout=GIVE_UP_S,
    )
    values: dict[str, object] = json.loads(found.stdout)
    return values, found.stderr


def test_a_child_begins_with_nothing_under_way_and_a_ticker_of_its_own(tmp_path: Path) -> None:
    """Its files carry its process in their names, and both journals replay."""
    child, log = forked(tmp_path, "thread")
    assert child["held"] != 0
    assert (child["running"], child["ticked"], child["problems"]) == (True, True, {})
    assert (child["in_flight"], child["reserved"]) == (0, 0)
    assert child["journal"] == str(tmp_path / f"journal-{child['pid']}.jsonl")
    assert "may spend the whole budget beside process" in log
    for name in ("journal.jsonl", f"journal-{child['pid']}.jsonl"):
        assert replay(open_journal(tmp_path / name)).identical
    assert str(open_journal(tmp_path / name).run["because"]).startswith("fork of ")
    assert (tmp_path / f"state-{child['pid']}.json").exists()
    ticks = list(open_journal(tmp_path / "journal.jsonl"))
    assert sum(entry.finished for tick in ticks for entry in tick.observations.served) == 1


def test_a_child_of_an_event_loop_passes_through_until_it_is_started(tmp_path: Path) -> None:
    """Its parent's loop does not run there."""
    child, log = forked(tmp_path, "task")
    assert child["running"] is False
    assert child["problems"] == {
        "ticker": "RuntimeError: forked from an event loop: start it again"
    }
    assert "forked from an event loop" in log
