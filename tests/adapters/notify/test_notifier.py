"""A notifier and receivers over loopback: told, put together, tried again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from balancer.adapters.notify import Notifier, parse_channels
from balancer.core.errors import InputError, MisuseError
from tests.adapters.notify.conftest import Make, notice
from tests.adapters.notify.receiver import Receiver, Reply
from tests.waiting import free_port, until


def test_every_channel_is_told_in_its_own_way(make: Make, there: Receiver) -> None:
    """Slack, Teams and a webhook with credentials take the same notice."""
    notifier = make(there.slack, there.teams, there.hook, link="https://b.example.org")
    notifier.tell(notice())
    posts = there.wait(3)
    assert [post.status for post in posts] in ([200, 202, 200], [202, 200, 200], [200, 200, 202])
    hook = next(post for post in posts if post.path.startswith("/hook"))
    assert hook.body["title"] == "shop: soft brownout"
    assert hook.headers["Authorization"].startswith("Basic ")
    assert hook.headers["Idempotency-Key"] == hook.body["id"]
    flow = next(post for post in posts if post.path.startswith("/workflows"))
    assert there.teams.endswith(flow.path)  # as it was given: it is signed
    notifier.close()
    for channel in notifier.status().channels:
        assert (channel.messages, channel.notices, channel.problem) == (1, 1, "")
        assert channel.last_sent_at is not None


def test_flapping_is_one_message_that_stands_for_the_rest(make: Make, there: Receiver) -> None:
    """Two at once, then what came within the window."""
    notifier = make(there.hook, per_window=2, window_s=0.6)
    notifier.tell(notice("n0"))
    until(lambda: notifier.status().channels[0].messages == 1)
    there.answering.clear()
    for number in range(1, 50):
        notifier.tell(notice(f"n{number}", level="info" if number % 2 else "resolved"))
        there.wait(2)
    until(lambda: notifier.status().channels[0].waiting == 49)
    there.answering.set()
    third = there.wait(3)[2]
    assert third.at_s - there.posts[0].at_s >= 0.59
    assert third.body["stands_for"] == 48
    assert third.body["title"] == "n49 (stands for 48 notices)"
    assert [entry["count"] for entry in third.body["notices"]] == [48]
    until(lambda: notifier.status().channels[0].notices == 50)
    assert notifier.status().channels[0].messages == 3


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_what_fails_is_tried_again_with_the_same_id(
    make: Make, there: Receiver, status: int
) -> None:
    """So that a receiver that took it after all may know it."""
    there.replies.extend([Reply(status=status), Reply(status=status)])
    notifier = make(there.slack)
    notifier.tell(notice())
    posts = there.wait(3)
    assert len({post.headers["Idempotency-Key"] for post in posts}) == 1
    until(lambda: notifier.status().channels[0].messages == 1)
    found = notifier.status().channels[0]
    assert (found.attempts, found.failed, found.problem) == (3, 0, "")


def test_a_channel_that_asks_for_time_gets_it(make: Make, there: Receiver) -> None:
    """`Retry-After: 1`, where the pause would be 20 ms."""
    there.replies.append(Reply(status=429, headers={"Retry-After": "1"}))
    there.answering.clear()
    notifier = make(there.slack)
    notifier.tell(notice())
    there.wait(1)
    notifier.tell(notice("shop: back to normal"))
    until(lambda: notifier.status().channels[0].waiting == 2)
    there.answering.set()
    first, second = there.wait(2)
    assert second.at_s - first.at_s >= 1.0
    assert "stands for 2" in second.body["text"]


def test_a_refusal_is_not_tried_again(make: Make, there: Receiver) -> None:
    """The next notice is a new try, and finds it well."""
    there.replies.append(Reply(status=404, text="no_service"))
    notifier = make(there.slack)
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].failed == 1)
    found = notifier.status()
    assert found.channels[0].problem.startswith("answered 404 no_service")
    assert list(found.problems) == [found.channels[0].name]
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].messages == 1)
    assert notifier.status().problems == {}
    assert len(there.posts) == 2


def test_a_redirect_is_a_refusal(make: Make, there: Receiver) -> None:
    """Followed, it would be a GET without the message, and look like a success."""
    there.replies.append(Reply(status=301, headers={"Location": there.hook}))
    notifier = make(there.hook)
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].failed == 1)
    assert "has moved" in notifier.status().channels[0].problem
    assert len(there.posts) == 1


def test_after_an_outage_the_newest_is_told(make: Make, there: Receiver) -> None:
    """In one message for all of it."""
    there.replies.extend(Reply(status=503) for _ in range(3))
    there.answering.clear()
    notifier = make(there.hook)
    notifier.tell(notice("shop: hard brownout"))
    there.wait(1)
    notifier.tell(notice("shop: back to normal"))
    until(lambda: notifier.status().channels[0].waiting == 2)
    there.answering.set()
    until(lambda: notifier.status().channels[0].notices == 2)
    assert there.taken[0].body["title"].startswith("shop: back to normal (stands for 2")


def test_patience_ends(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody takes for so long is given up, and counted."""
    now = SimpleNamespace(time=time.time, monotonic=time.monotonic)
    monkeypatch.setattr("balancer.adapters.notify.courier.time", now)
    notifier = make(f"http://127.0.0.1:{free_port()}/hook", patience_s=900.0)
    notifier.tell(notice())
    until(lambda: notifier.status().channels[0].attempts > 1)
    now.time = lambda: time.time() + 1000.0
    until(lambda: notifier.status().channels[0].failed == 1)
    found = notifier.status().channels[0]
    assert found.waiting == 0
    assert found.problem == "cannot be reached: Connection refused"


def test_the_level_keeps_the_mild_away(make: Make, there: Receiver) -> None:
    """And counts them."""
    notifier = make(there.hook, level="warning")
    notifier.tell(notice("soft", "info"))
    notifier.tell(notice("hard", "warning"))
    assert there.wait(1)[0].body["title"] == "hard"
    assert notifier.status().below == 1


def test_without_channels_nothing_happens() -> None:
    """As where nothing is configured: no thread, no count."""
    notifier = Notifier.from_environment({})
    notifier.tell(notice())
    notifier.close()
    found = notifier.status()
    assert (found.channels, found.running, found.dropped) == ((), False, 0)


def test_nothing_that_is_told_raises(make: Make, there: Receiver) -> None:
    """Not even what is no notice; the others are told all the same."""
    notifier = make(there.hook)
    notifier.tell(None)  # type: ignore[arg-type]
    notifier.tell(notice("n1"))
    until(lambda: len(there.taken) == 1)
    assert there.taken[0].body["title"] == "n1"


FORKING = """
import os, sys, time, warnings
from balancer.adapters.notify import Notice, Notifier, parse_channels
from tests.waiting import free_port, until
warnings.simplefilter("ignore")
notifier = Notifier(parse_channels(sys.argv[1]))
def tell(title):
    at = time.time()
    notifier.tell(Notice(kind="mode", level="info", title=title, text="", at=at, key="k"))
    until(lambda: notifier.status().channels[0].messages > 0)
tell("parent")
child = os.fork()
if child == 0:
    tell("child")
    os._exit(0)
os.waitpid(child, 0)
notifier.close()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_tells_for_itself(there: Receiver) -> None:
    """As with servers that load the application and then fork their workers."""
    root = Path(__file__).parents[3]
    subprocess.run([sys.executable, "-c", FORKING, there.hook], check=True, cwd=root)
    assert [post.body["title"] for post in there.taken] == ["parent", "child"]


def test_the_environment_says_it_all(there: Receiver) -> None:
    """Channels, level, rate, name and link."""
    notifier = Notifier.from_environment(
        {
            "OPEN_BALANCER_NOTIFY": f"{there.slack}\n{there.hook}",
            "OPEN_BALANCER_NOTIFY_LEVEL": "Warning",
            "OPEN_BALANCER_NOTIFY_PER_MINUTE": "3",
            "OPEN_BALANCER_PUBLIC_URL": "https://b.example.org",
            "OTEL_SERVICE_NAME": "checkout",
        }
    )
    with notifier:
        notifier.tell(notice(level="critical"))
        posts = there.wait(2)
    hook = next(post for post in posts if post.path.startswith("/hook"))
    assert (hook.body["service"], hook.body["link"]) == ("checkout", "https://b.example.org")
    assert notifier.status().level == "warning"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OPEN_BALANCER_NOTIFY_LEVEL", "warn"),
        ("OPEN_BALANCER_NOTIFY_PER_MINUTE", "0"),
        ("OPEN_BALANCER_NOTIFY_PER_MINUTE", "many"),
        ("OPEN_BALANCER_PUBLIC_URL", "balancer.example.org"),
        ("OPEN_BALANCER_PUBLIC_URL", "https://me:secret@b.example.org"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(name: str, value: str) -> None:
    """With what was expected."""
    with pytest.raises(InputError, match=rf"^{name}: found .* expected"):
        Notifier.from_environment({name: value})


def test_a_level_nobody_knows_is_misuse() -> None:
    """For those who write Python."""
    with pytest.raises(MisuseError, match="expected one of info, warning, critical"):
        Notifier(parse_channels(""), level="bad")  # type: ignore[arg-type]
