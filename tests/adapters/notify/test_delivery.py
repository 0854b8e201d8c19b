"""Who was told, and when, is heard of every story at every channel."""

from __future__ import annotations

from balancer.adapters.notify import Delivery
from tests.adapters.notify.conftest import Make, notice
from tests.adapters.notify.receiver import Receiver, Reply
from tests.waiting import free_port


def test_what_a_channel_takes_and_what_it_does_not_is_heard(make: Make, there: Receiver) -> None:
    """Once each, with why it was given up."""
    heard: list[Delivery] = []
    there.replies.append(Reply(status=404, text="no_service"))
    notifier = make(there.hook, hear=heard.append)
    notifier.tell(notice("first"))
    there.wait(1)
    notifier.tell(notice("second", key="another"))
    there.wait(2)
    notifier.close()
    first, second = heard
    assert (first.notice.title, first.told_at) == ("first", None)
    assert "answered 404 no_service" in first.problem
    assert (second.notice.title, second.problem) == ("second", "")
    assert second.told_at is not None and second.told_at >= second.notice.at
    assert first.channel == second.channel == notifier.status().channels[0].name


def test_what_waits_at_the_end_is_heard_as_given_up(make: Make) -> None:
    """Nobody takes it, so nobody was told."""
    heard: list[Delivery] = []
    notifier = make(f"http://127.0.0.1:{free_port()}/", hear=heard.append, first_retry_s=60.0)
    notifier.tell(notice("lost"))
    notifier.close(0.3)
    assert [(each.notice.title, each.told_at) for each in heard] == [("lost", None)]
    assert heard[0].problem
