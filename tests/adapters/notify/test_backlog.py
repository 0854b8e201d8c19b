"""When something may be told, and what is put together."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from balancer.adapters.notify import Notice, Timing
from balancer.adapters.notify.backlog import MOST_STORIES, Backlog
from balancer.adapters.notify.notice import Level


def notice(title: str = "t", level: Level = "info", key: str = "k", at: float = 0.0) -> Notice:
    """A notice."""
    return Notice(kind="mode", level=level, title=title, text="", at=at, key=key)


def tell(backlog: Backlog, now_s: float) -> int:
    """Tell what may be told; how many notices that were."""
    if backlog.due_s(now_s) != 0.0:
        return 0
    stories = backlog.take()
    backlog.sent(stories, now_s)
    return sum(story.count for story in stories)


def test_a_notice_is_told_at_once() -> None:
    """Nothing waits, then one does, then it is told."""
    backlog = Backlog(Timing())
    assert backlog.due_s(0.0) is None
    assert backlog.add(notice())
    assert backlog.due_s(0.0) == 0.0
    assert tell(backlog, 0.0) == 1
    assert backlog.due_s(0.0) is None


def test_a_window_takes_so_many_messages_and_the_next_stands_for_the_rest() -> None:
    """Of different stories, so that only the channel's bound matters."""
    backlog = Backlog(Timing(per_window=3, window_s=60.0))
    told = []
    for number in range(10):
        backlog.add(notice(key=str(number)))
        told.append(tell(backlog, float(number)))
    assert told == [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert backlog.due_s(9.0) == 51.0
    assert tell(backlog, 60.0) == 7


def test_messages_of_a_story_grow_apart() -> None:
    """An hour of flapping each second: three at once, then a minute, two, and five for ever."""
    backlog = Backlog(Timing())
    times = []
    total = 0
    for second in range(3600):
        backlog.add(notice(level="info" if second % 2 else "resolved"))
        count = tell(backlog, float(second))
        if count:
            times.append(second)
            total += count
    assert times[:6] == [0, 1, 2, 62, 182, 482]
    assert {later - one for one, later in pairwise(times[5:])} == {300}
    assert total + len(backlog) == 3600
    assert len(times) == 16


def test_what_is_worse_than_anything_told_does_not_wait() -> None:
    """Once: the second time it is nothing new."""
    backlog = Backlog(Timing())
    for second in range(5):
        backlog.add(notice())
        tell(backlog, float(second))
    backlog.add(notice(level="critical"))
    assert tell(backlog, 5.0) == 3
    backlog.add(notice(level="critical"))
    assert tell(backlog, 6.0) == 0


def test_a_story_that_was_quiet_begins_anew() -> None:
    """Ten minutes later nobody remembers."""
    backlog = Backlog(Timing())
    for second in range(3):
        backlog.add(notice())
        tell(backlog, float(second))
    backlog.add(notice())
    assert backlog.due_s(3.0) == 59.0
    assert backlog.due_s(602.0) == 0.0


def test_a_story_is_told_by_its_newest_notice() -> None:
    """With when it began, how many there were, and the last few titles."""
    backlog = Backlog(Timing())
    for number in range(9):
        backlog.add(notice(f"t{number}", at=float(number)))
    (story,) = backlog.take()
    assert (story.notice.title, story.count, story.since) == ("t8", 9, 0.0)
    assert [title for _, title in story.trail] == ["t3", "t4", "t5", "t6", "t7", "t8"]


def test_what_is_put_back_comes_before_what_came_meanwhile() -> None:
    """So that the newest is what is told after an outage."""
    backlog = Backlog(Timing())
    backlog.add(notice("hard", at=1.0))
    backlog.add(notice("other", key="o", at=2.0))
    taken = backlog.take()
    backlog.add(notice("normal", at=3.0))
    backlog.put_back(taken)
    other, story = backlog.take()
    assert (other.notice.title, other.count) == ("other", 1)
    assert (story.notice.title, story.count, story.since) == ("normal", 2, 1.0)


def test_stories_without_end_do_not_fill_the_memory() -> None:
    """Beyond the bound they are refused; a story that waits already takes more."""
    backlog = Backlog(Timing())
    added = [backlog.add(notice(key=str(number))) for number in range(MOST_STORIES + 5)]
    assert added == [True] * MOST_STORIES + [False] * 5
    assert backlog.add(notice(key="0"))


@given(
    st.lists(
        st.tuples(
            st.floats(0, 20),
            st.sampled_from("abc"),
            st.sampled_from(["info", "warning", "critical", "resolved"]),
        ),
        max_size=120,
    )
)
def test_no_window_holds_more_and_nothing_is_lost(
    steps: list[tuple[float, str, Level]],
) -> None:
    """Whatever comes, whenever: told and waiting are all that came."""
    backlog = Backlog(Timing(per_window=4, window_s=60.0))
    now_s, told, sent = 0.0, 0, []
    for pause_s, key, level in steps:
        now_s += pause_s
        backlog.add(notice(key=key, level=level))
        count = tell(backlog, now_s)
        told += count
        sent += [now_s] if count else []
    assert told + len(backlog) == len(steps)
    assert all(later - one >= 60.0 for one, later in zip(sent, sent[4:], strict=False))
    due_s = backlog.due_s(now_s)
    assert due_s is None or due_s <= 300.0
