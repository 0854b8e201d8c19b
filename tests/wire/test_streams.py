"""Chunks in the bytes of a stream, however they are cut into pieces."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.wire import ArrayChunks, EventChunks, chunks_of

from .test_bodies import BODIES

CHUNKS = [{"a": 'x"}{[\\'}, {"b": [1, {"c": "é\n\n"}]}, {}]


def events(chunks: list[Any], end: str = "\r\n\r\n") -> bytes:
    """As Gemini sends them."""
    return "".join(f"data: {json.dumps(chunk)}{end}" for chunk in chunks).encode()


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """The same bytes, in several reads."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


@pytest.mark.slow
@given(st.lists(BODIES, max_size=4), st.lists(st.integers(0, 4000)), st.sampled_from([None, 1]))
def test_the_cuts_between_reads_mean_nothing(
    chunks: list[Any], cuts: list[int], indent: int | None
) -> None:
    """In either form."""
    array = json.dumps(chunks, indent=indent).encode()
    for reader, data in ((EventChunks(), events(chunks)), (ArrayChunks(), array)):
        found = [chunk for piece in pieces(data, cuts) for chunk in reader.feed(piece)]
        found += reader.close()
        assert repr(found) == repr(json.loads(json.dumps(chunks)))


@pytest.mark.parametrize("end", ["\r\n\r\n", "\n\n", "\r\r"])
def test_events_end_in_any_empty_line(end: str) -> None:
    """As the specification of server-sent events says."""
    assert EventChunks().feed(events(CHUNKS, end)) == CHUNKS


def test_events_hold_more_than_data() -> None:
    """Comments, names, data over several lines."""
    reader = EventChunks()
    assert reader.feed(b': hello\n\nevent: x\ndata:{"a":\ndata: 1}\n\nretry: 3\n\n') == [{"a": 1}]


def test_an_error_inside_events_may_come_bare() -> None:
    """As Google sends some."""
    reader = EventChunks()
    assert reader.feed(events(CHUNKS[:1]) + b'{"error":\n {"code": 503}}') == CHUNKS[:1]
    assert reader.close() == [{"error": {"code": 503}}]


def test_what_does_not_parse_is_said() -> None:
    """Torn, or no JSON."""
    assert EventChunks().feed(b"data: {nonsense\n\n") == [None]
    reader = ArrayChunks()
    assert reader.feed(b'[{"a": 1},\r\n{"b": ') == [{"a": 1}]
    assert reader.close() == [None]
    events_reader = EventChunks()
    events_reader.feed(b'data: {"a"')
    assert events_reader.close() == [None]


def test_the_form_follows_from_the_content_type() -> None:
    """Whatever its parameters."""
    assert isinstance(chunks_of("text/event-stream; charset=utf-8"), EventChunks)
    assert isinstance(chunks_of("application/json"), ArrayChunks)


@given(st.lists(st.binary(max_size=40), max_size=5))
def test_any_bytes_can_be_read(data: list[bytes]) -> None:
    """Whatever comes."""
    for reader in (EventChunks(), ArrayChunks()):
        for piece in data:
            assert isinstance(reader.feed(piece), list)
        assert isinstance(reader.close(), list)


ERROR = {"error": {"code": 429, "message": "Please retry in 9s."}}


def read(data: bytes, cuts: list[int]) -> tuple[list[Any], bytes]:
    """Chunks of a stream of events, and what of it is passed on."""
    reader = EventChunks()
    found, passed = [], b""
    for piece in pieces(data, cuts):
        found += reader.feed(piece)
        passed += reader.passed()
    return found + reader.close(), passed + reader.passed()


@pytest.mark.slow
@given(st.lists(BODIES, max_size=4), st.lists(st.integers(0, 4000)))
def test_what_clients_can_read_is_passed_on_byte_by_byte(
    chunks: list[Any], cuts: list[int]
) -> None:
    """However it came."""
    data = events(chunks)
    assert read(data, cuts)[1] == data
    array = ArrayChunks()
    array.feed(data)
    assert array.passed() == data
    assert array.passed() == b""


@given(st.sampled_from(["\r\n\r\n", "\n\n", "\n", ""]), st.lists(st.integers(0, 200)))
def test_a_sentinel_ends_a_stream_and_is_no_chunk(end: str, cuts: list[int]) -> None:
    """No client of Gemini can read it."""
    data = events(CHUNKS)
    assert read(data + f"data: [DONE]{end}".encode(), cuts) == (CHUNKS, data)


def test_what_comes_after_a_sentinel_is_nothing() -> None:
    """The stream was over."""
    assert read(b"data:[DONE]\n\n" + events(CHUNKS), []) == ([], b"")


@pytest.mark.parametrize("form", ["data: %s\r\n\r\n", "%s\n\n", "data: %s"])
def test_an_error_in_a_list_is_passed_on_as_one_alone(form: str) -> None:
    """In a list, google-genai takes it for an answer without content."""
    found, passed = read(events(CHUNKS[:1]) + (form % json.dumps([ERROR])).encode(), [])
    assert found == [CHUNKS[0], [ERROR]]
    assert passed == events([CHUNKS[0], ERROR])


def test_comments_and_names_are_not_passed_on() -> None:
    """google-genai raises at them, and at data without a space."""
    data = b': hello\n\nevent: x\ndata:{"a":\ndata: 1}\n\nretry: 3\n\n'
    assert read(data, []) == ([{"a": 1}], b'data: {"a":\r\ndata: 1}\r\n\r\n')


def test_what_does_not_parse_is_passed_on_as_it_is() -> None:
    """As a client would have it without us."""
    assert read(b"data: {nonsense\n\ndata: {", []) == ([None, None], b"data: {nonsense\n\ndata: {")
