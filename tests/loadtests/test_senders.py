"""What is sent, and how the end of it is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO

import pytest

from balancer.core.modes import Mode, Priority
from balancer.policy_file import default_model
from balancer.service.proxy.answers import Reply, shed_reply, static_reply
from loadtests.rows import ANSWER, FAILED, FALLBACK, SHED
from loadtests.senders import HttpSender, how_it_ended
from loadtests.traffic import Planned

from .small import small_scenario

PLANNED = Planned(7, 1.0, "paying", Priority.HIGH, "tenant", 20)


@dataclass
class Heard:
    """A response."""

    status_code: int
    content: bytes | None = b"{}"
    headers: Mapping[str, str] | None = None


@dataclass
class Session:
    """Keeps what is sent."""

    @property
    def client(self) -> Session:
        """The same."""
        return self

    def urlopen(self, url: str, method: str, payload: bytes, headers: Mapping[str, str]) -> BytesIO:
        """Keep it too."""
        self.sent.append((url, "", headers))
        return BytesIO()

    base_url: str | None = "http://127.0.0.1:1"
    sent: list[tuple[str, str, Mapping[str, str]]] = field(default_factory=list)

    def request(
        self, method: str, url: str, name: str, data: bytes, headers: Mapping[str, str]
    ) -> Heard:
        """Keep it."""
        self.sent.append((url, name, headers))
        return Heard(200)


def heard(reply: Reply) -> Heard:
    """What the proxy sends, as a client hears it."""
    headers = {name.decode(): value.decode() for name, value in reply.headers}
    return Heard(reply.status, reply.body, headers)


@pytest.mark.parametrize(
    ("chat", "path"),
    [(False, f"/v1beta/models/{default_model()}:generateContent"), (True, "/api/ai-chat")],
)
def test_a_request_carries_its_number_priority_and_tenant(chat: bool, path: str) -> None:
    """By Gemini's API and the service's own alike."""
    session = Session()
    HttpSender(session, small_scenario(), chat=chat, api_key="key").send(PLANNED)
    ((url, name, headers),) = session.sent
    assert url == path
    assert name == "paying (high)"
    assert headers["x-open-balancer-request"] == "7"
    assert headers["x-open-balancer-priority"] == "high"
    assert headers["x-open-balancer-key"] == "tenant"
    assert ("x-goog-api-key" in headers) is not chat


def test_a_probe_is_a_call_that_no_plan_governs() -> None:
    """And that Locust does not count: it has no name."""
    session = Session()
    HttpSender(session, small_scenario(), chat=False, api_key="key").probe()
    ((url, name, _),) = session.sent
    assert url.endswith(f"/v1beta/models/{default_model()}:countTokens")
    assert not name


def test_endings_are_told_apart() -> None:
    """Answers, refusals, static answers and failures."""
    static = static_reply("later", Mode.HARD, streamed=False, events=False, refusal="")
    assert how_it_ended(Heard(200)).outcome == ANSWER
    assert how_it_ended(heard(shed_reply("shed", Mode.HARD))).outcome == SHED
    assert how_it_ended(heard(static)).outcome == FALLBACK
    assert how_it_ended(Heard(200, b'{"text":"later","fallback":true}')).outcome == FALLBACK
    assert (
        how_it_ended(Heard(200, b'{"text":"the \\"fallback\\"","fallback":false}')).outcome
        == ANSWER
    )
    assert how_it_ended(Heard(503, b'{"error":{"code":503}}')).outcome == FAILED
    assert how_it_ended(Heard(0, None)).outcome == FAILED
