"""Large answers of governed calls: what is read of them."""

from __future__ import annotations

import asyncio
import gzip
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer import wire
from balancer.service.bounds import Bounds
from balancer.service.proxy import large
from balancer.service.proxy.large import read_answer

USAGE = {"promptTokenCount": 5, "candidatesTokenCount": 7, "totalTokenCount": 12}


def answer(*texts: str) -> Any:
    """Of generateContent."""
    parts = [{"text": text} for text in texts]
    candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}
    return {"candidates": [candidate], "usageMetadata": USAGE, "modelVersion": "gemini-3.8-flash"}


def read(body: Any, coding: str = "") -> Any:
    """As the proxy does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return asyncio.run(read_answer(gzip.compress(raw) if coding else raw, coding, Bounds()))


@pytest.mark.parametrize("coding", ["", "gzip"])
@pytest.mark.parametrize(
    "text", ["word " * 200_000, 'a "quoted" \\ word\n' * 30_000, "ä" * 150_000, "\\" * 300_001]
)
def test_a_large_answer_is_read_as_a_small_one_is(text: str, coding: str) -> None:
    """How it ended, who served it and what it used."""
    whole = answer("short", text, "last")
    found = read(whole, coding)
    assert wire.read_answer(found) == wire.read_answer(whole)
    parts = found["candidates"][0]["content"]["parts"]
    assert [part["text"] for part in parts] == ["short", "long", "last"]


def test_a_small_one_is_left_as_it_is() -> None:
    """To the letter, however long one text of it."""
    whole = answer("word " * 2_000)
    assert read(whole) == whole


@pytest.mark.parametrize("raw", [b'{"a": "' + b"x" * 300_000, b"[" * 300_000, b'"' * 300_001])
def test_a_large_one_that_is_torn_is_none(raw: bytes) -> None:
    """As a small one."""
    assert read(raw) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
)


@given(value=VALUES, ascii_only=st.booleans())
def test_without_long_strings_nothing_is_lost(value: Any, *, ascii_only: bool) -> None:
    """Whatever stands in the short ones."""
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert large._parse(large._shortened(raw)) == value
