"""Arrivals are played on time, whatever becomes of earlier ones."""

from __future__ import annotations

import math
from collections.abc import Callable

from balancer.core.modes import Priority
from loadtests.player import Lag, Player, Sent, lag
from loadtests.rows import ANSWER, FAILED, Request
from loadtests.traffic import Planned


class Stage:
    """A clock that only sleeping moves, and requests that end when they are told to."""

    def __init__(self, speed: float = 10.0, oversleeps_s: float = 0.0) -> None:
        self.now = -1.0
        self.speed = speed
        self.oversleeps_s = oversleeps_s
        self.begun: list[tuple[int, float]] = []
        self.pending: list[Callable[[], None]] = []
        self.end_at = 60.0

    def now_s(self) -> float:
        """Scenario seconds."""
        return self.now

    def wall_s(self, seconds: float) -> float:
        """Wall seconds."""
        return seconds / self.speed

    def sleep(self, wall_s: float) -> None:
        """Time passes; what is pending ends after every arrival has come."""
        self.now += (wall_s + self.oversleeps_s) * self.speed
        if self.now > self.end_at:
            ending, self.pending = self.pending, []
            for end in ending:
                end()

    def spawn(self, function: Callable[[Planned], None], planned: Planned) -> None:
        """A request is begun; it ends later."""
        self.begun.append((planned.number, self.now))
        self.pending.append(lambda: function(planned))


def planned(*times_s: float) -> list[Planned]:
    """Requests at these seconds."""
    return [Planned(i, at, "chat", Priority.NORMAL, None, 10) for i, at in enumerate(times_s)]


def player(stage: Stage, requests: list[Planned], notes: list[Request]) -> Player:
    """A player of these on the stage, all of whose requests are answered."""
    return Player(
        requests,
        send=lambda _: Sent(ANSWER, 200),
        note=notes.append,
        clock=stage,
        spawn=stage.spawn,
        sleep=stage.sleep,
    )


def test_requests_begin_on_time_though_earlier_ones_have_not_ended() -> None:
    """An open loop: nobody waits for an answer."""
    stage, notes = Stage(), list[Request]()
    play = player(stage, planned(0.5, 3.0, 3.0, 20.0), notes)
    play.play(patience_s=100.0)
    assert [at for _, at in stage.begun] == [0.5, 3.0, 3.0, 20.0]
    assert play.finished
    assert play.under_way == 0
    assert [note.outcome for note in notes] == [ANSWER] * 4


def test_what_never_ends_is_left_alone_after_the_patience() -> None:
    """The player comes to an end all the same."""
    stage = Stage()
    play = player(stage, planned(1.0), [])
    stage.pending.clear()
    play.play(patience_s=5.0)
    assert play.finished
    assert play.under_way == 1


def test_a_stopped_player_sends_nothing_more() -> None:
    """Not even what is due."""
    stage = Stage()
    play = player(stage, planned(1.0, 2.0, 3.0), [])
    play.play(patience_s=0.0, stopped=lambda: len(stage.begun) == 2)
    assert [index for index, _ in stage.begun] == [0, 1]


def test_a_request_that_raises_is_noted_as_failed() -> None:
    """And is no longer under way."""
    notes: list[Request] = []
    stage = Stage()

    def send(_: Planned) -> Sent:
        raise OSError

    def spawn(function: Callable[[Planned], None], request: Planned) -> None:
        try:
            function(request)
        except OSError:
            stage.begun.append((request.number, stage.now))

    play = Player(
        planned(1.0), send=send, note=notes.append, clock=stage, spawn=spawn, sleep=stage.sleep
    )
    play.play(patience_s=1.0)
    assert [(note.outcome, note.status) for note in notes] == [(FAILED, 0)]
    assert play.under_way == 0


def test_without_a_place_requests_wait_their_turn() -> None:
    """First come, first served; the wait is no lag, and who waits too long gives up."""
    stage, notes = Stage(), list[Request]()
    play = Player(
        planned(1.0, 2.0, 3.0),
        send=lambda _: Sent(ANSWER, 200),
        note=notes.append,
        clock=stage,
        spawn=stage.spawn,
        sleep=stage.sleep,
        places=1,
        patience_s=58.5,
    )
    stage.end_at = 60.8
    play.play(patience_s=100.0)
    assert [number for number, _ in stage.begun] == [0, 2]
    assert {note.request: note.outcome for note in notes} == {0: ANSWER, 1: FAILED, 2: ANSWER}
    assert [note.at_s > 60.0 for note in notes if note.request == 2] == [True]


def test_lag_is_how_late_requests_were_sent() -> None:
    """Median, P95 and worst; a clock that is early is not late."""
    rows = [Request(i, 1.0, 1.0 + i / 100, 9.0, ANSWER, 200) for i in range(101)]
    rows[0] = rows[0]._replace(sent_s=0.999)
    found = lag(rows)
    assert [round(each, 6) for each in (found.p50_s, found.p95_s, found.max_s)] == [0.5, 0.95, 1.0]
    empty: Lag = lag([])
    assert math.isnan(empty.p50_s)
