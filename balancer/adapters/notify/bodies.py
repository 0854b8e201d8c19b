"""The bodies that Slack, Teams and webhooks take for a message.

Texts hold what operators and monitors wrote, so none goes where a service would read markup in
it: Slack gets plain text, and Teams text runs.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from balancer.version import VERSION

from .channels import ChannelKind
from .notice import Message, Told

__all__ = ["BODY_VERSION", "body_of"]

BODY_VERSION: Final = 1
"""Of the body that webhooks get; it grows when a reader of the one before could break."""

_SLACK_HEADER: Final = 150
_SLACK_SECTION: Final = 3000
_SLACK_SECTIONS: Final = 10
_TEAMS_TEXT: Final = 20_000
_LONGEST_TITLE: Final = 300
_LONGEST_SERVICE: Final = 100
_COLOURS: Final = {
    "info": "Default",
    "warning": "Warning",
    "critical": "Attention",
    "resolved": "Good",
}


def body_of(message: Message, kind: ChannelKind) -> dict[str, Any]:
    """What to post.

    Args:
        message: to tell.
        kind: of the channel.
    """
    return {"slack": _slack, "teams": _teams, "json": _plain}[kind](message)


# --- the same for all ---------------------------------------------------------------------


def _title(message: Message) -> str:
    title = _cut(message.head.title, _LONGEST_TITLE)
    if message.stands_for == 1:
        return title
    end = f" (stands for {message.stands_for} notices)"
    return f"{title[: _SLACK_HEADER - len(end)]}{end}"


def _paragraphs(message: Message) -> list[str]:
    """The text, story by story, what the title is of first; a single notice is its text."""
    head = message.head
    paragraphs: list[str] = []
    for story in sorted(message.stories, key=lambda story: story.notice is not head):
        notice = story.notice
        if notice is not head:
            paragraphs.append(notice.title)
        paragraphs.append(notice.text)
        if story.count > 1:
            paragraphs.append(_trail(story))
    return [_cut(paragraph, _SLACK_SECTION) for paragraph in paragraphs if paragraph.strip()]


def _trail(story: Told) -> str:
    lines = [f"{story.count} notices since {_clock(story.since)}"]
    left_out = story.count - len(story.trail)
    if left_out > 0:
        lines[0] += f", the last {len(story.trail)}"
    lines += [f"{_clock(at)} {title}" for at, title in story.trail]
    return "\n".join(lines)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%H:%M:%S UTC")


def _foot(message: Message) -> str:
    at = datetime.fromtimestamp(message.head.at, UTC)
    return (
        f"{message.service[:_LONGEST_SERVICE]} · {message.head.level} · {at:%Y-%m-%d %H:%M:%S} UTC"
    )


# --- each its own -------------------------------------------------------------------------


def _slack(message: Message) -> dict[str, Any]:
    title = _title(message)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain_text(_cut(title, _SLACK_HEADER))},
        *(
            {"type": "section", "text": _plain_text(paragraph)}
            for paragraph in _paragraphs(message)[:_SLACK_SECTIONS]
        ),
        {"type": "context", "elements": [_plain_text(_foot(message))]},
    ]
    if message.link:
        # The only markup there is, and what is in it is ours.
        link = f"<{quote(message.link, safe=_IN_LINK)}|Open the service>"
        blocks[-1]["elements"].append({"type": "mrkdwn", "text": link})
    # Notifications on phones and screen readers have this instead of the blocks.
    return {"text": _escaped(_cut(title, _SLACK_SECTION)), "blocks": blocks}


_IN_LINK: Final = ":/?#[]@!$&'()*+,;=%~-._"


def _plain_text(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _teams(message: Message) -> dict[str, Any]:
    head = message.head
    lines = [
        _runs(line)
        for paragraph in _paragraphs(message)
        for line in paragraph.splitlines()
        if line.strip()
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "fallbackText": _title(message),
        "body": [
            _runs(_title(message), size="Medium", weight="Bolder", color=_COLOURS[head.level]),
            *_within(lines, _TEAMS_TEXT),
            _runs(_foot(message), size="Small", isSubtle=True),
        ],
    }
    if message.link:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open the service", "url": message.link}
        ]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card,
            }
        ],
    }


def _runs(text: str, **looks: Any) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **looks}]}


def _within(blocks: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """As many blocks as fit: Teams refuses messages above 28 KB, however they come about."""
    blocks_within: list[dict[str, Any]] = []
    for block in blocks:
        most -= len(json.dumps(block))
        if most < 0:
            return [*blocks_within, _runs("…")]
        blocks_within.append(block)
    return blocks_within


def _plain(message: Message) -> dict[str, Any]:
    head = message.head
    return {
        "version": BODY_VERSION,
        "id": message.id,
        "kind": head.kind,
        "level": head.level,
        "title": _title(message),
        "text": "\n\n".join(_paragraphs(message)),
        "at": _iso(head.at),
        "key": head.key,
        "service": message.service,
        "link": message.link or None,
        "stands_for": message.stands_for,
        "notices": [
            {
                "kind": story.notice.kind,
                "level": story.notice.level,
                "title": story.notice.title,
                "text": story.notice.text,
                "at": _iso(story.notice.at),
                "key": story.notice.key,
                "count": story.count,
                "since": _iso(story.since),
            }
            for story in message.stories
        ],
        "sender": f"open-balancer/{VERSION}",
    }


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
