"""Why an export failed, in words for a user."""

from __future__ import annotations

import logging
import threading

import pytest

from balancer.adapters.telemetry.reasons import Reasons, in_words

NAME = "opentelemetry.exporter.otlp.proto.http.metric_exporter"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "Failed to export metrics batch code: 401, reason: Unauthorized",
            "it does not accept our key (HTTP 401); see OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "Failed to export metrics to x:1, error code: StatusCode.PERMISSION_DENIED, error "
            "details: no",
            "it does not accept our key (PERMISSION_DENIED); see OTEL_EXPORTER_OTLP_HEADERS",
        ),
        (
            "Failed to export logs batch code: 404, reason: Not Found",
            "there is no OTLP at this address (HTTP 404)",
        ),
        (
            "Failed to export span batch code: 400, reason: Bad Request",
            "it answers 400 Bad Request",
        ),
        (
            "Transient error Service Unavailable encountered while exporting metrics batch, "
            "retrying in 1.06s.",
            "it is not ready (Service Unavailable)",
        ),
        ("ReadTimeout: HTTPConnectionPool(): Read timed out.", "it did not answer in time"),
        (
            "Failed to export logs batch due to timeout, max retries or shutdown.",
            "it is not there, or does not answer in time",
        ),
        ("something new", "something new"),
        ("", "the exporter does not say why"),
    ],
)
def test_what_an_exporter_says_is_put_into_words(said: str, words: str) -> None:
    """What is not known is handed on."""
    assert in_words(said) == words


def test_what_says_nothing_does_not_hide_what_was_said_before() -> None:
    """Exporters end their retries with a message that names no cause. Asked twice, there is
    nothing new.
    """
    logger = logging.getLogger(NAME)
    with Reasons() as reasons:
        logger.warning("Transient error: Connection refused")
        logger.error("Failed to export metrics batch due to timeout, max retries or shutdown.")
        assert reasons.why() == "connection refused: nothing listens there"
        assert reasons.why() == "the exporter does not say why"
        assert reasons.why(OSError("no route")) == "OSError: no route"


def test_only_this_thread_is_heard_and_kept_quiet(caplog: pytest.LogCaptureFixture) -> None:
    """An application's own exporters go on saying what they say."""
    logger = logging.getLogger(NAME)
    with Reasons() as reasons:
        logger.error("ours")
        other = threading.Thread(target=logger.error, args=("theirs",))
        other.start()
        other.join()
        assert reasons.why() == "ours"
    logger.error("afterwards")
    assert [record.getMessage() for record in caplog.records] == ["theirs", "afterwards"]


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("no route to http://me:pw@host:1/x", "no route to http://***@host:1/x"),
        ("errors resolving me:pw@[::1]:9: no", "errors resolving ***@[::1]:9: no"),
        ("to token@host", "to ***@host"),
        ("it refused 'Bearer s3cr3t-header', s3cr3t-of-datadog", "it refused '***', ***"),
        ("a space @ somewhere", "a space @ somewhere"),
    ],
)
def test_secrets_are_taken_out(monkeypatch: pytest.MonkeyPatch, said: str, shown: str) -> None:
    """Of addresses, of headers and Datadog's key, whatever an exporter repeats."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cr3t-header,x=1")
    monkeypatch.setenv("DD_API_KEY", "s3cr3t-of-datadog")
    with Reasons() as reasons:
        logging.getLogger(NAME).error(said)
        assert reasons.why() == shown
