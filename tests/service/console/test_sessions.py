"""Sessions end: by time, without use, by their number."""

from __future__ import annotations

from balancer.service.console.sessions import Sessions
from balancer.service.console_use import Role


def test_a_session_ends_without_use_and_after_a_day_of_work() -> None:
    """Two hours, twelve hours."""
    now = [0.0]
    sessions = Sessions(lambda: now[0])
    idle, busy = sessions.begin("ana", Role.ADMIN), sessions.begin("ben", Role.VIEWER)
    found = sessions.find(idle)
    assert found is not None
    assert (found.name, found.role, found.logged_in) == ("ana", Role.ADMIN, True)
    for hour in range(1, 13):
        now[0] = hour * 3600.0
        assert sessions.find(busy) is not None
    assert sessions.find(idle) is None
    now[0] += 1.0
    assert sessions.find(busy) is None
    assert sessions.find(None) is None


def test_the_longest_unused_session_makes_place() -> None:
    """A flood of log-ins does not hold the memory."""
    sessions = Sessions(lambda: 0.0)
    first = [sessions.begin(f"user{number}", Role.VIEWER) for number in range(1000)]
    assert sessions.find(first[0]) is not None
    sessions.begin("one more", Role.VIEWER)
    assert sessions.find(first[0]) is not None
    assert sessions.find(first[1]) is None
