"""What Slack, Teams and webhooks get."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from slack_sdk.models.blocks import Block

from balancer.adapters.notify.bodies import body_of
from balancer.adapters.notify.channels import ChannelKind
from balancer.adapters.notify.notice import Message, Notice, Told

LINK = "https://balancer.example.org/x?a=1&b=2"
NASTY = "<!channel> <https://evil.example|here> [x](https://evil.example) *b* & <at>all</at>"


def notice(title: str = "shop: hard brownout", text: str = "Why: p95", key: str = "k") -> Notice:
    """A notice of a known time."""
    return Notice(kind="mode", level="warning", title=title, text=text, at=1_795_000_000.0, key=key)


def message(*stories: Told, link: str = LINK) -> Message:
    """A message."""
    return Message(id="an-id", stories=stories, service="shop", link=link)


def one(text: str = "Why: p95", title: str = "shop: hard brownout") -> Message:
    """A message of one notice."""
    return message(Told(notice=notice(title, text), since=1_795_000_000.0))


def slack_text(body: dict[str, Any]) -> list[str]:
    """Texts of the blocks; Slack's own models must take them as they are."""
    blocks = Block.parse_all(body["blocks"])
    for block in blocks:
        block.validate_json()
    assert [block.to_dict() for block in blocks] == body["blocks"]
    texts = [block["text"] for block in body["blocks"] if "text" in block]
    texts += [element for block in body["blocks"] for element in block.get("elements", [])]
    assert all(text["type"] == "plain_text" for text in texts if LINK not in text["text"])
    return [text["text"] for text in texts]


def teams_text(body: dict[str, Any]) -> list[str]:
    """Texts of the card's runs."""
    card = body["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    return [run["text"] for block in card["body"] for run in block["inlines"]]


def test_slack_gets_a_title_the_text_and_a_link() -> None:
    """And a plain line for notifications on a phone."""
    body = body_of(one(), "slack")
    assert slack_text(body) == [
        "shop: hard brownout",
        "Why: p95",
        "shop · warning · 2026-11-18 11:06:40 UTC",
        f"<{LINK}|Open the service>",
    ]
    assert body["text"] == "shop: hard brownout"


def test_teams_gets_a_card() -> None:
    """Adaptive, coloured by its level, with a button."""
    body = body_of(one("Why: p95\nFor users: nothing"), "teams")
    assert teams_text(body) == [
        "shop: hard brownout",
        "Why: p95",
        "For users: nothing",
        "shop · warning · 2026-11-18 11:06:40 UTC",
    ]
    card = body["attachments"][0]["content"]
    assert card["body"][0]["inlines"][0]["color"] == "Warning"
    assert card["actions"] == [{"type": "Action.OpenUrl", "title": "Open the service", "url": LINK}]


def test_a_webhook_gets_the_documented_body() -> None:
    """Version 1, field by field."""
    body = body_of(one(), "json")
    assert body.pop("sender").startswith("open-balancer/")
    assert body == {
        "version": 1,
        "id": "an-id",
        "kind": "mode",
        "level": "warning",
        "title": "shop: hard brownout",
        "text": "Why: p95",
        "at": "2026-11-18T11:06:40.000Z",
        "key": "k",
        "service": "shop",
        "link": LINK,
        "stands_for": 1,
        "notices": [
            {
                "kind": "mode",
                "level": "warning",
                "title": "shop: hard brownout",
                "text": "Why: p95",
                "at": "2026-11-18T11:06:40.000Z",
                "key": "k",
                "count": 1,
                "since": "2026-11-18T11:06:40.000Z",
            }
        ],
    }


@pytest.mark.parametrize("kind", ["slack", "teams", "json"])
def test_a_message_says_how_many_notices_it_stands_for(kind: ChannelKind) -> None:
    """In the title, with the last few of them below."""
    told = Told(
        notice=notice(),
        count=7,
        since=1_794_999_000.0,
        trail=((1_794_999_990.0, "shop: soft brownout"), (1_795_000_000.0, "shop: hard brownout")),
    )
    text = json.dumps(body_of(message(told), kind))
    assert "shop: hard brownout (stands for 7 notices)" in text
    assert "7 notices since 10:50:00 UTC, the last 2" in text
    assert "11:06:30 UTC shop: soft brownout" in text


def test_of_several_stories_the_most_urgent_gives_the_title() -> None:
    """And comes first."""
    calm = Told(notice=replace(notice("a test", "all is well", key="o"), level="info"))
    bad = Told(notice=notice())
    body = body_of(message(calm, bad), "slack")
    assert slack_text(body)[:4] == [
        "shop: hard brownout (stands for 2 notices)",
        "Why: p95",
        "a test",
        "all is well",
    ]


def test_what_others_wrote_is_no_markup() -> None:
    """Nobody calls a whole channel, or hides a link, by the reason of an override."""
    slack = body_of(one(NASTY, NASTY), "slack")
    assert slack_text(slack)[:2] == [NASTY, NASTY]
    assert "<" not in slack["text"] and "&lt;!channel&gt;" in slack["text"]
    assert teams_text(body_of(one(NASTY), "teams"))[1] == NASTY


@pytest.mark.parametrize("text", ["x" * 100_000, "línea\n" * 30_000, "界" * 9_000, ""])
def test_bodies_keep_within_what_the_services_take(text: str) -> None:
    """150 characters in a header, 3000 in a section, 28 KB in all for Teams."""
    stories = [Told(notice=notice("t" * 400, text, key=str(key)), count=9) for key in range(64)]
    slack = body_of(message(*stories), "slack")
    slack_text(slack)
    assert len(slack["blocks"]) <= 50
    assert slack["blocks"][0]["text"]["text"].endswith("(stands for 576 notices)")
    assert len(json.dumps(body_of(message(*stories), "teams"))) < 28 * 1024


def test_without_a_link_there_is_none() -> None:
    """No button to nowhere."""
    plain = message(Told(notice=notice()), link="")
    assert "Open the service" not in json.dumps([body_of(plain, "slack"), body_of(plain, "teams")])
    assert body_of(plain, "json")["link"] is None
