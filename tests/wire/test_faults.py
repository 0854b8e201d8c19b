"""Whose fault a failed call is."""

from __future__ import annotations

from typing import Any

import pytest

from balancer.wire import Asked, Edits, Sent, project_of, read_answer, read_error, remedy, shape_of

ASKED = Asked(model="gemini-2.5-flash", output_cap_tokens=50)


def refused(code: int, message: str = "", *reasons: str, **sent: Any) -> str:
    """Kind of an error response."""
    details = [{"reason": reason} for reason in reasons]
    error = read_error(code, {"error": {"message": message, "details": details}})
    return Sent(asked=ASKED, **sent).refused(error)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422])
def test_a_4xx_to_what_its_caller_wrote_is_the_callers_mistake(code: int) -> None:
    """Whoever's key it went with."""
    assert refused(code) == "rejected"
    assert refused(code, own_key=True) == ("closed" if code == 401 else "rejected")


@pytest.mark.parametrize("code", [400, 403, 404, 413])
def test_a_4xx_to_what_a_plan_changed_is_ours(code: int) -> None:
    """A model that the key may not use is refused with 403 or 404."""
    assert refused(code, "Unsupported value", changed=True, own_key=True) == "edited"


@pytest.mark.parametrize(
    ("code", "message", "reasons"),
    [
        (400, "API key not valid. Please pass a valid API key.", ["API_KEY_INVALID"]),
        (400, "bad", ["API_KEY_INVALID"]),
        (403, "Your API key was reported as leaked.", []),
        (403, "Requests from referer <empty> are blocked.", ["API_KEY_HTTP_REFERRER_BLOCKED"]),
        (401, "Request had invalid authentication credentials.", []),
    ],
)
def test_a_key_that_is_refused_is_its_owners(code: int, message: str, reasons: list[str]) -> None:
    """No edit has to do with it; the service's own closes its project."""
    assert refused(code, message, *reasons, changed=True) == "rejected"
    assert refused(code, message, *reasons, changed=True, own_key=True) == "closed"


def test_a_file_that_a_caller_may_not_see_closes_nothing() -> None:
    """Google answers 403 for one that is not there."""
    message = "You do not have permission to access the File abc or it may not exist."
    assert refused(403, message, own_key=True) == "rejected"


@pytest.mark.parametrize(
    ("code", "kind"), [(408, "timeout"), (429, "quota_minute"), (500, "internal"), (503, None)]
)
def test_the_upstreams_own_failures_stay_its_own(code: int, kind: str | None) -> None:
    """Whatever a plan changed."""
    assert refused(code, changed=True, own_key=True) == (kind or "overloaded")


EMPTY: dict[str, Any] = {
    "candidates": [{"content": {"role": "model"}, "finishReason": "MAX_TOKENS", "index": 0}]
}


@pytest.mark.parametrize(
    ("sent", "kind"),
    [
        (Sent(asked=ASKED), "rejected"),
        (Sent(asked=ASKED, change=Edits(thinking=0), changed=True), "rejected"),
        (Sent(asked=ASKED, change=Edits(output_cap_tokens=20), changed=True), "empty"),
        (Sent(asked=Asked()), "empty"),
    ],
)
def test_an_answer_cut_to_nothing_is_the_fault_of_whose_limit_it_was(sent: Sent, kind: str) -> None:
    """The caller's own, a plan's, or the model's."""
    assert sent.failure(read_answer(EMPTY)) == kind


def test_answers_that_are_none_and_errors_in_place_of_one() -> None:
    """An empty one for another reason, a good one, an error inside a stream."""
    stopped = {"candidates": [{"content": {}, "finishReason": "STOP", "index": 0}]}
    good = {"candidates": [{"content": {"parts": [{"text": "x"}]}, "finishReason": "STOP"}]}
    error = {"error": {"code": 400, "message": "bad"}}
    sent = Sent(asked=ASKED, changed=True)
    found = [sent.failure(read_answer(body)) for body in (stopped, good, error)]
    assert found == ["empty", None, "edited"]


@pytest.mark.parametrize(
    ("code", "message", "word"),
    [
        (429, "Your project has exceeded its monthly spending cap.", "spend cap"),
        (403, "This API method requires billing to be enabled.", "billing"),
        (429, "Your prepayment credits are depleted.", "billing"),
        (403, "Generative Language API has not been used in project 1 before", "enable the API"),
        (400, "API key expired. Please renew the API key.", "key"),
        (403, "Consumer suspended.", "console"),
    ],
)
def test_a_closed_project_has_a_remedy(code: int, message: str, word: str) -> None:
    """In the words of who has to act."""
    assert word in remedy(read_error(code, {"error": {"message": message}}))


def test_a_project_is_known_by_its_key_without_giving_it_away() -> None:
    """Alike for text and bytes; "" is nobody's."""
    assert project_of("secret") == project_of(b"secret") != project_of("other")
    assert "secret" not in project_of("secret")
    assert project_of("") == ""


def test_the_shape_of_a_request_is_the_names_of_its_members() -> None:
    """Under either spelling, and never what they hold."""
    body = {
        "contents": [
            {"parts": [{"text": "secret"}]},
            {"parts": {"inline_data": {"data": "AA"}}},
            "odd",
        ],
        "system_instruction": {"parts": [{"text": "secret"}]},
        "generationConfig": {
            "temperature": 1,
            "seed": None,
            "thinkingConfig": {"include_thoughts": True},
        },
        "tools": [{"functionDeclarations": []}, {"googleSearch": {}}],
        "tool_config": {"functionCallingConfig": {"mode": "ANY"}},
        "not a name": 1,
    }
    assert shape_of(body).split() == [
        "functionCallingConfig.mode",
        "part.inlineData",
        "part.text",
        "systemInstruction",
        "temperature",
        "thinkingConfig.includeThoughts",
        "tools.functionDeclarations",
        "tools.googleSearch",
    ]
    assert shape_of(None) == shape_of([]) == ""
