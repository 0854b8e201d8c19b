"""Whose fault a failed call is, seen from a client that is wrapped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from google.genai import errors, types

from balancer.adapters.gemini import ShedError, served
from balancer.core.policy import BudgetLimit, Strategy

from .bench import FLASH, LITE, Bench, failures, policy, served_models
from .script import Reply, Script, error, whole

pytestmark = pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession")

RETRIES = Strategy(fallback_models=(LITE,), timeout_s=60.0, retries=2, static_fallback="Sorry.")
EDITS = Strategy(thinking=0, timeout_s=60.0, retries=2, static_fallback="Sorry.")
THOUGHTS = types.GenerateContentConfig(
    thinking_config=types.ThinkingConfig(include_thoughts=True),
    tools=[types.Tool(google_search=types.GoogleSearch())],
)

Play = Callable[..., Script]
Make = Callable[..., Bench]


def bad(message: str = "Please use a valid role: user, model.", code: int = 400) -> Reply:
    """A 4xx."""
    return error(code, "INVALID_ARGUMENT", message)


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413])
def test_a_callers_mistake_is_one_call_and_raised_in_the_providers_words(
    play: Play, bench: Make, code: int
) -> None:
    """No retry, no other model, no static answer, and no failure."""
    script = play(bad(code=code))
    here = bench(script, policy(RETRIES))
    with pytest.raises(errors.ClientError, match="Please use a valid role") as found:
        here.ask()
    assert (found.value.code, len(script.received)) == (code, 1)
    seen = here.seen()
    entry = served_models(seen)[FLASH]
    assert (entry.ill, failures(entry)) == (0, {"rejected": 1})
    assert (seen.unjudged, seen.fallback) == ((0, 1, 0), (0, 0, 0))
    assert here.balancer.status().mistakes == {"unnamed": 1}


@pytest.mark.parametrize("interaction", [False, True])
def test_so_it_is_under_a_hard_budget(play: Play, bench: Make, interaction: bool) -> None:
    """Whose cap would be there again."""
    script = play(bad())
    here = bench(script, policy(RETRIES, budgets=(BudgetLimit(usd=0.01, window_s=3600.0),)))

    def ask(client: Any) -> Any:
        here_ = client if here.kind == "sync" else client.aio
        if interaction:
            return here_.interactions.create(model=FLASH, input="Say hello.")
        return here_.models.generate_content(model=FLASH, contents="Say hello.")

    with pytest.raises(Exception, match="valid role"):
        here.run(ask)
    assert len(script.received) == 1
    assert here.balancer.status().mistakes == {"unnamed": 1}


def test_so_is_that_of_a_stream(play: Play, bench: Make) -> None:
    """Before its first chunk."""
    script = play(bad())
    here = bench(script, policy(RETRIES))
    with pytest.raises(errors.ClientError, match="valid role"):
        here.stream()
    assert len(script.received) == 1
    assert here.seen().unjudged == (0, 1, 0)


def test_an_answer_cut_to_nothing_by_the_callers_own_limit_is_handed_out(
    play: Play, bench: Make
) -> None:
    """It is billed, and one call."""
    script = play(Reply(body=whole(None, "MAX_TOKENS", thoughtsTokenCount=20)))
    here = bench(script, policy(RETRIES))
    response = here.ask(config={"max_output_tokens": 20})
    assert (response.text, len(script.received)) == (None, 1)
    how = served(response)
    assert how is not None
    assert (how.outcome, how.fallback) == ("rejected", False)
    entry = served_models(here.seen())[FLASH]
    assert (entry.ill, entry.thinking_tokens) == (0, 20)
    assert entry.nano_usd > 0


@pytest.mark.parametrize("streamed", [False, True])
def test_a_deadline_that_is_over_before_an_answer_is_due_is_its_callers_doing(
    play: Play, bench: Make, streamed: bool
) -> None:
    """One call, no static answer, and none of it in any count; its prompt is billed."""
    script = play(Reply(then="hang"))
    here = bench(script, policy(RETRIES))
    config = types.GenerateContentConfig(http_options=types.HttpOptions(timeout=50))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each client has its own
        (here.stream if streamed else here.ask)(config=config)
    assert "Timeout" in type(caught.value).__name__
    assert len(script.received) <= 1
    seen = here.seen()
    entry = served_models(seen)[FLASH]
    assert (entry.ill, failures(entry)) == (0, {"rejected": 1})
    assert (seen.unjudged, seen.fallback) == ((0, 1, 0), (0, 0, 0))
    assert entry.prompt_tokens > 0


def test_a_callers_deadline_is_evidence_where_an_answer_was_due(play: Play, bench: Make) -> None:
    """Fifteen seconds, where a request is late for a rule after twelve."""
    script = play(Reply(then="hang"))
    here = bench(script, policy(Strategy(timeout_s=60.0, retries=0)))
    config = types.GenerateContentConfig(http_options=types.HttpOptions(timeout=1500))
    with pytest.raises(Exception) as caught:  # noqa: PT011 - each client has its own
        here.ask(config=config)
    assert "Timeout" in type(caught.value).__name__
    assert failures(served_models(here.seen())[FLASH]) == {"timeout": 1}


def test_an_edit_that_is_refused_is_taken_back(play: Play, bench: Make) -> None:
    """Its caller sees the answer; a call alike is not edited, another one is."""
    script = play(bad("include_thoughts needs thinking"))
    here = bench(script, policy(EDITS))
    for _ in range(2):
        assert here.ask(config=THOUGHTS).text == "Hello."
    here.ask(config={"temperature": 0.5})
    sent: list[Any] = [each.body["generationConfig"] for each in script.received]
    assert [one["thinkingConfig"].get("thinking_budget", 1) for one in sent] == [0, 1, 1, 0]
    assert sent[1]["thinkingConfig"] == {"include_thoughts": True}
    (text,) = here.balancer.status().withdrawn
    assert "thinkingConfig.includeThoughts tools.googleSearch" in text
    seen = here.seen()
    assert (served_models(seen)[FLASH].ill, seen.unjudged) == (0, (0, 0, 0))


def test_what_fails_as_written_too_is_the_callers(play: Play, bench: Make) -> None:
    """Two calls, and the error is that of the request as written."""
    script = play(bad("about the edit"), bad("about the request"))
    here = bench(script, policy(EDITS))
    with pytest.raises(errors.ClientError, match="about the request"):
        here.ask(config=THOUGHTS)
    assert len(script.received) == 2
    assert here.balancer.status().withdrawn == ()
    assert here.seen().unjudged == (0, 1, 0)


@pytest.mark.parametrize("streamed", [False, True])
def test_a_refused_edit_that_cannot_be_sent_again_is_not_shown(
    play: Play, bench: Make, streamed: bool
) -> None:
    """The budget is spent: its caller wrote nothing wrong."""
    script = play(bad("about the edit"))
    limit = BudgetLimit(usd=0.2, window_s=3600.0)
    here = bench(script, policy(EDITS, budgets=(limit,)))
    here.balancer.ledger.book(199_000_000)
    with pytest.raises(ShedError, match="budget"):
        here.stream() if streamed else here.ask(config={"temperature": 0.5})
    assert len(script.received) == 1


@pytest.mark.parametrize("streamed", [False, True])
def test_a_closed_project_is_asked_once(
    play: Play, bench: Make, streamed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later calls get the provider's refusal without going there."""
    message = "This API method requires billing to be enabled."
    monkeypatch.setattr("balancer.wire.failures._kind", lambda *_: "closed")
    script = play(bad(message, code=403))
    here = bench(script, policy(RETRIES))
    raised, nothing = [], dict[int, int]()
    for number in range(3):
        try:
            nothing[number]
        except KeyError:
            with pytest.raises(errors.ClientError, match="billing to be enabled") as caught:
                here.stream() if streamed else here.ask()
        raised.append(caught.value)
    assert len(script.received) == 1
    # Nobody is told what another caller was at.
    assert [repr(each.__context__) for each in raised[1:]] == ["KeyError(1)", "KeyError(2)"]
    assert {(type(each), each.code, str(each)) for each in raised} == {
        (errors.ClientError, 403, str(raised[0]))
    }
    (text,) = here.balancer.status().closed
    assert "put the project's billing in order" in text
    seen = here.seen()
    assert (served_models(seen)[FLASH].started, sum(seen.unjudged)) == (1, 3)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"no gzip", headers=["content-encoding: gzip"]),
        Reply(body=b'{"candidates": [{"content": {"parts": [{"text": "\xff\xfe"}]}}]}'),
    ],
)
def test_bytes_that_cannot_be_read_are_no_mistake_of_the_callers(
    play: Play, bench: Make, reply: Reply
) -> None:
    """Another try may bring better ones; where a client reads over them, it has an answer."""
    script = play(reply, whole("Hello."))
    here = bench(script, policy(RETRIES))
    assert here.ask().text in ("Hello.", "\ufffd\ufffd")
    assert sum(here.seen().unjudged) == 0


def test_twelve_calls_with_a_wrong_key_leave_normal_alone(play: Play, bench: Make) -> None:
    """And each is one call."""
    script = play(*[bad("API key not valid. Please pass a valid API key.")] * 12)
    here = bench(script, policy(RETRIES))
    for _ in range(12):
        with pytest.raises(errors.ClientError, match="API key not valid"):
            here.ask()
        here.seen()
    assert len(script.received) == 12
    assert here.balancer.decision.mode == 0
