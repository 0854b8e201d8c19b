"""A notifier holds up nobody, keeps within bounds, and comes to an end."""

from __future__ import annotations

import subprocess
import sys
import threading

from balancer.adapters.notify import Notice
from balancer.adapters.notify.story_filter import StoryFilter
from tests.adapters.notify.conftest import Make, notice
from tests.adapters.notify.receiver import Receiver, Reply
from tests.waiting import GIVE_UP_S, at_once, until


def test_a_hanging_receiver_holds_up_nobody(make: Make, there: Receiver) -> None:
    """Neither who tells, nor the other channels, nor the end."""
    there.replies.append(Reply(status=-1))
    notifier = make(there.slack)
    notifier.tell(notice())
    assert there.hanging.wait(GIVE_UP_S)
    with at_once():
        for _ in range(10_000):
            notifier.tell(notice())
    both = make(there.teams, there.hook)
    there.replies.append(Reply(status=-1))
    both.tell(notice())
    until(lambda: len(there.taken) == 1)
    with at_once():
        notifier.close(0.3)
    found = notifier.status()
    assert not found.running
    counted = found.channels[0].failed + found.dropped + found.waiting
    assert counted == 10_001


def test_a_hanging_receiver_is_given_up_and_tried_again(make: Make, there: Receiver) -> None:
    """After `timeout_s`."""
    there.replies.append(Reply(status=-1))
    notifier = make(there.slack, timeout_s=0.2)
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].messages == 1)
    assert notifier.status().channels[0].attempts >= 2


def test_what_does_not_fit_is_counted(make: Make, there: Receiver) -> None:
    """Stories without end, while the receiver hangs; everything is accounted for."""
    there.replies.append(Reply(status=-1))
    notifier = make(there.hook)
    notifier.tell(notice(key="first"))
    assert there.hanging.wait(GIVE_UP_S)
    for number in range(5_000):
        notifier.tell(notice(key=str(number)))
    until(lambda: notifier.status().waiting == 0)
    found = notifier.status()
    (channel,) = found.channels
    assert channel.waiting == 65
    assert found.dropped + channel.dropped == 5_000 - 64


def test_the_thread_has_a_bounded_inbox(make: Make, there: Receiver) -> None:
    """One notice holds it up, 256 wait, the rest is dropped and counted."""
    notifier = make(there.hook)
    held, go_on = threading.Event(), threading.Event()

    class Holding(StoryFilter):
        def passes(self, notice: Notice) -> bool:
            held.set()
            assert go_on.wait(GIVE_UP_S)
            return super().passes(notice)

    notifier._filter = Holding("info")
    notifier.tell(notice())
    assert held.wait(GIVE_UP_S)
    for _ in range(300):
        notifier.tell(notice())
    assert (notifier.status().waiting, notifier.status().dropped) == (256, 44)
    go_on.set()
    until(lambda: notifier.status().channels[0].notices == 257)


def test_close_tells_what_waits(make: Make, there: Receiver) -> None:
    """Whatever the bounds; later notices are dropped."""
    notifier = make(there.hook, per_window=1, window_s=600.0)
    for number in range(5):
        notifier.tell(notice(f"n{number}"))
    there.wait(1)
    notifier.close()
    assert sum(post.body["stands_for"] for post in there.taken) == 5
    notifier.tell(notice())
    notifier.close()
    assert notifier.status().dropped == 1
    assert len(there.posts) <= 2


def test_close_does_not_wait_for_a_pause_that_is_longer(make: Make, there: Receiver) -> None:
    """Nor does it disturb a channel that asked for one."""
    there.replies.append(Reply(status=429, headers={"Retry-After": "3600"}))
    notifier = make(there.slack)
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].problem != "")
    with at_once():
        notifier.close(GIVE_UP_S)
    assert notifier.status().channels[0].failed == 1
    assert len(there.posts) == 1


SLOW_NAMES = """
import socket, sys, threading, time
from balancer.adapters.notify import Notice, Notifier, parse_channels
looked = threading.Event()
def look(*_given):
    looked.set()
    threading.Event().wait()
socket.getaddrinfo = look
notifier = Notifier(parse_channels("https://hooks.slack.com/services/T/B/X"))
notifier.tell(
    Notice(kind="mode", level="info", title="t", text="", at=time.time(), key="k")
)
looked.wait()
notifier.close(0.2)
print(notifier.status().channels[0].failed, flush=True)
"""


def test_a_name_server_that_hangs_does_not_keep_a_process_alive() -> None:
    """As the threads of an executor would: an interpreter waits for those."""
    found = subprocess.run(
        [sys.executable, "-c", SLOW_NAMES],
        capture_output=True,
        text=True,
        check=False,
        timeout=GIVE_UP_S,
    )
    assert (found.returncode, found.stdout) == (0, "1\n"), found.stderr
