"""A balancer's changes of mode reach people, without the service."""

from __future__ import annotations

from balancer import Balancer, ManualClock, Mode
from balancer.adapters.notify import Notice
from balancer.adapters.notify.following import follow
from tests.adapters.notify.conftest import Make
from tests.adapters.notify.receiver import Receiver
from tests.waiting import GIVE_UP_S, until


def led(balancer: Balancer, clock: ManualClock, *modes: Mode) -> None:
    """Hold modes one after the other, by override."""
    for mode in modes:
        balancer.override(mode, f"to {mode.label}", for_s=100.0)
        clock.advance(2.0)
        balancer.tick()


def test_an_application_without_the_service_tells_its_changes(make: Make, there: Receiver) -> None:
    """By one line: `notifier.attach(balancer)`."""
    clock = ManualClock()
    balancer = Balancer(clock=clock)
    notifier = make(there.hook)
    notifier.attach(balancer)
    for number, mode in enumerate((Mode.SOFT, Mode.HARD, Mode.NORMAL), start=1):
        led(balancer, clock, mode)
        there.wait(number)
    notifier.close()
    assert [(post.body["kind"], post.body["level"]) for post in there.posts] == [
        ("mode", "info"),
        ("incident", "warning"),
        ("incident", "resolved"),
    ]
    assert there.posts[0].body["title"] == "shop: soft brownout (was normal)"
    assert "Why: " in there.posts[0].body["text"] and "to soft" in there.posts[0].body["text"]
    led(balancer, clock, Mode.SOFT)
    assert notifier.status().dropped == 0  # close has let go of the balancer
    balancer.close()


def test_an_incident_lasts_from_hard_until_normal_is_back() -> None:
    """Opened once, changed while it goes on, closed; every change of mode is told once."""
    clock = ManualClock()
    balancer = Balancer(clock=clock)
    told: list[Notice] = []
    end = follow(balancer, told.append, "shop")
    way = (Mode.SOFT, Mode.NORMAL, Mode.HARD, Mode.EMERGENCY, Mode.SOFT, Mode.NORMAL, Mode.SOFT)
    led(balancer, clock, *way)
    assert [notice.title.split(" after ")[0] for notice in told] == [
        "shop: soft brownout (was normal)",
        "shop: back to normal",
        "shop: incident opened, hard brownout",
        "shop: incident gets worse, emergency brownout (was hard)",
        "shop: incident gets better, soft brownout (was emergency)",
        "shop: incident over",
        "shop: soft brownout (was normal)",
    ]
    assert told[5].title.endswith("(worst was emergency)")
    names = {
        line for notice in told[2:6] for line in notice.text.splitlines() if "Incident" in line
    }
    assert len(names) == 1
    end()
    led(balancer, clock, Mode.NORMAL)
    assert len(told) == 7
    balancer.close()


def test_a_shadow_balancer_says_that_it_is_one() -> None:
    """Nothing has changed for users."""
    clock = ManualClock()
    balancer = Balancer(clock=clock, shadow=True)
    told: list[Notice] = []
    follow(balancer, told.append, "shop")
    led(balancer, clock, Mode.SOFT)
    assert "Shadow mode" in told[0].text
    balancer.close()


def test_a_balancer_that_ticks_hears_nothing_of_a_hanging_receiver(
    make: Make, there: Receiver
) -> None:
    """The ticker goes on while the channel does not answer."""
    from tests.adapters.notify.receiver import Reply

    there.replies.append(Reply(status=-1))
    clock = ManualClock()
    balancer = Balancer(clock=clock)
    notifier = make(there.slack)
    notifier.attach(balancer)
    led(balancer, clock, Mode.SOFT)
    assert there.hanging.wait(GIVE_UP_S)
    led(balancer, clock, Mode.HARD, Mode.NORMAL, Mode.SOFT, Mode.NORMAL)
    until(lambda: notifier.status().channels[0].waiting == 5)
    assert balancer.status().problems == {}
    balancer.close()
