"""Bodies that are read as they were meant."""

from __future__ import annotations

import json

from balancer.core.modes import Priority
from balancer.service.api.schemas import Chat
from balancer.wire.asked import read_asked
from loadtests.bodies import chat_body, gemini_body
from loadtests.traffic import Planned
from scenarios.schema import Clients

PLANNED = Planned(0, 1.5, "chat", Priority.NORMAL, None, 321)


def test_a_prompt_has_the_tokens_the_workload_says() -> None:
    """By the estimate of the module that reads bodies."""
    asked = read_asked(json.loads(gemini_body(PLANNED, Clients())))
    assert asked.prompt_tokens == 321


def test_the_clients_settings_are_asked_for() -> None:
    """The application's own cap and thinking stand in the body."""
    clients = Clients(output_cap=500, thinking=128)
    asked = read_asked(json.loads(gemini_body(PLANNED, clients)))
    assert (asked.output_cap_tokens, asked.thinking) == (500, 128)
    asked = read_asked(json.loads(gemini_body(PLANNED, Clients(thinking="LOW"))))
    assert asked.thinking == "LOW"


def test_clients_that_ask_for_nothing_leave_the_body_bare() -> None:
    """No generationConfig, so that the model's own choice holds."""
    assert set(json.loads(gemini_body(PLANNED, Clients()))) == {"contents"}


def test_a_chat_is_one_message_as_long_as_the_prompt() -> None:
    """Four characters a token, in the form that the service takes."""
    chat = Chat.model_validate_json(chat_body(PLANNED))
    assert [len(turn.content) for turn in chat.messages] == [4 * 321]
    assert chat.priority == "normal"
