"""A live fleet: processes on a real store, how they stand, and what they paid and decided."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from balancer.core.replay import replay
from balancer.journal_file import open_journal
from tests.waiting import GIVE_UP_S, until

from .conftest import Server
from .node import LIMIT_USD, WINDOW_S

__all__ = ["Node", "Nodes", "keeps_its_word", "together"]

ROOT = Path(__file__).parents[2]


class Node:
    """A process of the fleet; `within` are words before its command's."""

    def __init__(self, url: str, name: str, folder: Path, within: Sequence[str] = ()) -> None:
        self.name = name
        self.log = (folder / f"{name}.log").open("w")
        self.process = subprocess.Popen(
            [*within, sys.executable, "-m", "tests.fleet.node", url, name, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )

    def ask(self) -> dict[str, object]:
        """How it stands."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, object] = json.loads(self.process.stdout.readline())
        return found

    def send(self, number: int) -> None:
        """A signal."""
        self.process.send_signal(number)

    def end(self) -> None:
        """As the end of its input tells it to."""
        assert self.process.stdin is not None
        if self.process.poll() is None:
            self.process.stdin.close()
            self.process.wait(timeout=GIVE_UP_S)
        self.close()

    def close(self) -> None:
        """Its pipes, once it has ended."""
        for stream in (self.process.stdin, self.process.stdout, self.log):
            if stream is not None:
                with contextlib.suppress(OSError):  # what nobody reads any more
                    stream.close()


class Nodes:
    """All of them: one for each entry of `within`, which are words before a process's command."""

    def __init__(
        self, store: Server, folder: Path, within: Sequence[Sequence[str]] = ((),) * 5
    ) -> None:
        self.store = store
        self.folder = folder
        self.all = [self.start(f"n{number}", words) for number, words in enumerate(within)]

    def start(self, name: str, within: Sequence[str] = ()) -> Node:
        """One more process."""
        return Node(self.store.url, name, self.folder, within)

    def places(self) -> list[object]:
        """Of those who live."""
        return [node.ask()["place"] for node in self.all]

    def together(self) -> bool:
        """Whether one leads and the others follow, and all have money to spend."""
        found = [node.ask() for node in self.all]
        places = sorted(str(each["place"]) for each in found)
        ticks = [int(str(each["tick"])) for each in found]
        return (
            places == ["follower"] * (len(places) - 1) + ["leader"]
            and max(ticks) - min(ticks) <= 1
            and all(each["leased"] for each in found)
            and all(each["replicas"] == len(self.all) for each in found)
        )

    def until_together(self) -> None:
        """Wait for that."""
        until(self.together, "the fleet is together")

    def leader(self) -> Node:
        """Whoever leads."""
        return self.all[self.places().index("leader")]

    def kill(self, node: Node) -> None:
        """SIGKILL."""
        node.send(signal.SIGKILL)
        node.process.wait()
        node.close()
        self.all.remove(node)

    def ticks(self) -> list[int]:
        """Of the lines in the store."""
        import redis

        with redis.Redis(unix_socket_path=str(self.store.socket), decode_responses=True) as client:
            log: Any = client.xrange("{open-balancer}:log")
            return [int(entry.split("-")[0]) - 1 for entry, _ in log]


def most_spent(folder: Path) -> float:
    """Dollars in the dearest window, by what was really paid."""
    paid = sorted(
        (float(at), int(nano))
        for path in folder.glob("*.spent")
        for at, nano in (line.split() for line in path.read_text().splitlines())
    )
    window: deque[tuple[float, int]] = deque()
    total = most = 0
    for at, nano in paid:
        window.append((at, nano))
        total += nano
        while window[0][0] <= at - WINDOW_S:
            total -= window.popleft()[1]
        most = max(most, total)
    return most / 1e9


def check_journals(folder: Path) -> int:
    """All replay to the bit, and have the same observations and decision at the same tick."""
    known: dict[int, tuple[object, str]] = {}
    shared = 0
    for path in sorted(folder.glob("n*-fleet*.jsonl")):
        assert replay(open_journal(path)).identical, path
        journal = open_journal(path)
        if journal.run["because"] == "alone":
            continue
        for entry in journal:
            found = entry.observations, repr(entry.decision[:7])
            expected = known.setdefault(entry.observations.tick, found)
            assert found == expected, (path, entry.observations.tick)
            shared += expected is not found
    return shared


def keeps_its_word(nodes: Nodes, record: Callable[[str, object], None]) -> list[float]:
    """A window later all end: nothing is wrong, most of the limit was spent and no more.

    Args:
        nodes: of which none has ended.
        record: told the figures, by name.

    Returns:
        Seconds of the slowest call of each.
    """
    full_s = time.monotonic() + WINDOW_S
    until(lambda: time.monotonic() > full_s, "a window passes")
    found = [node.ask() for node in nodes.all]
    for node in nodes.all:
        node.end()
    assert all(each["problems"] == {} for each in found)
    most, slowest = most_spent(nodes.folder), [float(str(each["slowest_s"])) for each in found]
    record("most of the limit", most / LIMIT_USD)
    record("slowest calls, s", str(slowest))
    assert 0.5 * LIMIT_USD < most <= LIMIT_USD
    assert check_journals(nodes.folder) > 100
    return slowest


@contextmanager
def together(
    store: Server, folder: Path, within: Sequence[Sequence[str]] = ((),) * 5
) -> Iterator[Nodes]:
    """Processes that are together."""
    found = Nodes(store, folder, within)
    try:
        found.until_together()
        yield found
    finally:
        for node in found.all:
            if node.process.poll() is None:
                node.send(signal.SIGCONT)
            node.end()
