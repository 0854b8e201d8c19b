"""Which notices are told at all."""

from __future__ import annotations

from typing import get_args

import pytest

from balancer.adapters.notify import Notice
from balancer.adapters.notify.notice import Level
from balancer.adapters.notify.story_filter import StoryFilter


def passed(stories: StoryFilter, *levels: Level, key: str = "k") -> list[Level]:
    """Those of a story's notices that pass."""
    return [
        level
        for level in levels
        if stories.passes(Notice(kind="mode", level=level, title="t", text="", at=0.0, key=key))
    ]


def test_everything_passes_the_mildest_level() -> None:
    """As it is without a setting."""
    levels: tuple[Level, ...] = get_args(Level)
    assert passed(StoryFilter("info"), *levels) == list(levels)


@pytest.mark.parametrize(
    ("story", "told"),
    [
        (["info", "resolved"], []),
        (["info", "warning", "info", "resolved"], ["warning", "resolved"]),
        (["warning", "resolved", "info", "resolved"], ["warning", "resolved"]),
        (["critical", "info", "resolved"], ["critical", "resolved"]),
        (["resolved"], ["resolved"]),
    ],
)
def test_the_end_of_a_story_is_told_when_any_of_it_was(
    story: list[Level], told: list[Level]
) -> None:
    """Or when its beginning is not known: a process before this one may have told it."""
    assert passed(StoryFilter("warning"), *story) == told


def test_stories_do_not_mix() -> None:
    """Each has a memory of its own, and there is an end to how many."""
    stories = StoryFilter("warning")
    passed(stories, "info", key="mild")
    assert passed(stories, "warning", key="bad") == ["warning"]
    assert passed(stories, "resolved", key="mild") == []
    for number in range(5_000):
        passed(stories, "info", key=str(number))
    assert passed(stories, "resolved", key="0") == ["resolved"]
