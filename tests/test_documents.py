"""YAML with line numbers: what is read, what is refused, and where errors point."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from balancer.core.errors import PolicyError
from balancer.documents import LARGEST_BYTES, Document, parse, read_text
from balancer.schema_errors import explain


def read(text: str) -> Document:
    """A document called f.yaml."""
    return parse(text, "f.yaml", PolicyError)


def refusal(text: str) -> str:
    """What is said about text that is no document."""
    with pytest.raises(PolicyError) as caught:
        read(text)
    return str(caught.value)


def test_values_are_plain_and_keys_know_their_line() -> None:
    """Mappings, lists and scalars come out as Python's own types, with 1-based lines."""
    document = read("a: 1\nb:\n  - x\n  - {c: 5%, d: 2026-01-02}\n")
    assert document.values == {"a": 1, "b": ["x", {"c": "5%", "d": date(2026, 1, 2)}]}
    assert type(document.values["a"]) is int
    assert document.where(("b", 1, "c")) == "f.yaml:4"
    assert document.where(("b", 0)) == "f.yaml:3"


def test_an_anchored_value_is_what_it_would_be_without() -> None:
    """A switch stays one, and does not become a number."""
    values = read("a: &r true\nb: *r\nc: &n 5\nd: &f 1.5\ne: &t x\n").values
    assert values == {"a": True, "b": True, "c": 5, "d": 1.5, "e": "x"}
    assert [type(value) for value in values.values()] == [bool, bool, int, float, str]


def test_a_sign_that_json_writes_as_two_is_one() -> None:
    """As every JSON writer does that keeps to ASCII."""
    assert read('{"\\ud83d\\ude00": "a\\ud83d\\ude00"}').values == {"😀": "a😀"}


def test_yaml_1_1_surprises_stay_text() -> None:
    """`no`, `off` and 1:30 are what they look like, not false and 90."""
    assert read("a: no\nb: off\nc: 1:30").values == {"a": "no", "b": "off", "c": "1:30"}


def test_an_unknown_key_points_at_what_is_around_it() -> None:
    """A key that is not in the file is looked for in its nearest parent that is."""
    document = read("a: 1\nb:\n  c: 2\n")
    assert document.where(("b", "missing", "deep")) == "f.yaml:2"
    assert document.where(("nowhere",)) == "f.yaml"


def test_a_part_keeps_lines_and_full_names() -> None:
    """A part of a document still names the lines and keys of the whole file."""
    part = read("a:\n  b:\n    c: 1\n").part(("a", "b"))
    assert part.values == {"c": 1}
    assert part.where(("c",)) == "f.yaml:3"
    assert part.where(()) == "f.yaml:2"
    assert part.dotted(("c",)) == "a.b.c"


def test_origins_come_before_lines() -> None:
    """A key that was overridden points at the override, and so does what is inside it."""
    document = Document(
        name="f.yaml", values={}, lines={("a",): 1}, origins={("a", "b"): "--set a.b=1"}
    )
    assert document.where(("a", "b", "c")) == "--set a.b=1"
    assert document.where(("a",)) == "f.yaml:1"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.yaml: is empty"),
        ("# only a comment\n", "f.yaml: is empty"),
        ("a: 1\na: 2\n", 'f.yaml:2: key "a" is given twice'),
        ("a: [1, 2\n", "f.yaml:2: not valid YAML"),
        ("a: 1\n\tb: 2\n", "f.yaml:2: not valid YAML"),
        ("a: !!python/name:os.system x\n", "f.yaml:1: a: found a tagged value"),
        ("&a [*a]", "nested too deeply"),
        ("a: " + "[" * 60 + "]" * 60, "nested too deeply"),
        ("\x00", "not valid YAML"),
        (
            'a: 1\nb: {c: "x\\0y"}\n',
            "f.yaml:2: b.c: found 'x\\x00y', which holds a sign that is no",
        ),
        (
            'a: 1\nb: "\\ud800"\n',
            "f.yaml:2: b: found '\\ud800', which holds a sign that is no text",
        ),
        ('{"\\ud800": 1}', "f.yaml:1: found '\\ud800', which holds a sign that is no text"),
        pytest.param(
            "a: [" + "1," * 400_000 + "1]", "or has too many values", marks=pytest.mark.slow
        ),
        ("a" * (LARGEST_BYTES + 1), "is larger than 1,000,000 characters"),
    ],
)
def test_what_is_not_plain_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    """Empty, duplicate, malformed, tagged, cyclic, too deep and too large input."""
    assert said in refusal(text)


def test_aliases_cannot_blow_a_short_text_up() -> None:
    """Aliases of aliases stop at a bound, long before memory does."""
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "too many values" in refusal("\n".join(rows))


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fail_otherwise(text: str) -> None:
    """Any text is a document or one PolicyError, never another exception."""
    try:
        document = read(text)
    except PolicyError:
        return
    assert document.values is not None


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe\x00", "is not UTF-8 text"), (b"x" * (LARGEST_BYTES + 1), "is larger than")],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    """Binary and oversized files are refused by name."""
    path = tmp_path / "f.yaml"
    path.write_bytes(content)
    with pytest.raises(PolicyError, match=said) as caught:
        read_text(path, PolicyError)
    assert caught.value.where == str(path)


def test_a_missing_file_and_a_directory_are_refused(tmp_path: Path) -> None:
    """What is not there, or not a file, is said in one sentence."""
    with pytest.raises(PolicyError, match="no such file"):
        read_text(tmp_path / "none.yaml", PolicyError)
    with pytest.raises(PolicyError, match="found a directory"):
        read_text(tmp_path, PolicyError)


class Strict(BaseModel):
    """Refuses unknown keys."""

    model_config = ConfigDict(extra="forbid")


class Square(Strict):
    """One member of a union."""

    kind: Literal["square"]
    side: int


class Disc(Strict):
    """The other."""

    kind: Literal["disc"]
    radius: Annotated[int, Field(gt=0)]


class Page(Strict):
    """What the errors below are about."""

    title: str
    shapes: tuple[Annotated[Square | Disc, Field(discriminator="kind")], ...] = ()
    named: dict[str, Disc] = {}
    extra: Disc | None = None
    either: str | Disc = ""
    colour: Literal["red", "green"] = "red"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("titel: x", "f.yaml:1: unknown key 'titel' (did you mean 'title'?); known: title, shapes"),
        ("shapes: []", "f.yaml: key 'title' is missing"),
        ("title: 3", "f.yaml:1: title: found 3, expected text"),
        ("title:\n", "f.yaml:1: title: found nothing, expected text"),
        ("title: x\nshapes: 3", "f.yaml:2: shapes: found 3, expected a list"),
        (
            "title: x\nshapes:\n- {kind: sqare}",
            "f.yaml:3: shapes.0.kind: found 'sqare', expected one of square, disc "
            "(did you mean 'square'?)",
        ),
        ("title: x\nshapes:\n- {side: 1}", "f.yaml:3: shapes.0: key 'kind' is missing"),
        (
            "title: x\nshapes:\n- {kind: disc, radius: 0}",
            "f.yaml:3: shapes.0.radius: found 0, expected greater than 0",
        ),
        (
            "title: x\nshapes:\n- kind: disc\n  radius: 1\n  raduis: 2",
            "f.yaml:5: unknown key 'raduis' in shapes.0 (did you mean 'radius'?)",
        ),
        (
            "title: x\nnamed:\n  a: {kind: disc, radius: 1, b: 2}",
            "f.yaml:3: unknown key 'b' in named.a; known: kind, radius",
        ),
        (
            "title: x\nextra: {kind: disc, rad: 2}",
            "f.yaml:2: unknown key 'rad' in extra (did you mean 'radius'?)",
        ),
        (
            "title: x\neither: {kind: disc, radius: -1}",
            "f.yaml:2: either.radius: found -1, expected greater than 0",
        ),
        (
            "title: x\ncolour: rde",
            "f.yaml:2: colour: found 'rde', expected one of red, green (did you mean 'red'?)",
        ),
        ("title: x\ncolour: [red]", "f.yaml:2: colour: found a list, expected one of red, green"),
        (
            "title: [1]\nfoo: 2",
            "f.yaml:1: title: found a list, expected text\n  f.yaml:2: unknown key 'foo'",
        ),
    ],
)
def test_a_schema_error_names_line_key_found_and_expected(text: str, said: str) -> None:
    """The first problem in file order becomes one sentence a person can act on."""
    document = read(text)
    with pytest.raises(ValidationError) as caught:
        Page.model_validate(document.values)
    assert said in str(explain(caught.value, Page, document, PolicyError))
