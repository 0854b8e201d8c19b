"""The journal: written line by line, read back exactly, strict about everything but a torn end."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balancer.core.controller import Controller
from balancer.core.decisions import Decision, Reason
from balancer.core.errors import JournalError, MisuseError
from balancer.core.journal import LONGEST_LINE, Entry, JournalWriter, read
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.strategies import decisions, observations
from balancer.version import VERSION
from tests.core.builders import STRATEGIES, make_policy, served, tick
from tests.core.test_records import calm

RUN = {"scenario": "spike", "arm": "policy"}


def journalled(entries: list[Entry]) -> list[str]:
    """Lines of a journal of these ticks."""
    stream = io.StringIO()
    writer = JournalWriter(stream, make_policy(), RUN)
    for entry in entries:
        writer.write(*entry)
    return stream.getvalue().splitlines(keepends=True)


def three_ticks() -> list[str]:
    """A header and three idle ticks."""
    return journalled([Entry(Observations(index), calm(index)) for index in range(3)])


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Ticks in growing order with any decisions, repeated ones among them."""
    entries: list[Entry] = []
    for index in sorted(draw(st.sets(st.integers(0, 50), max_size=5))):
        decided: Decision = draw(decisions(STRATEGIES))
        repeated: bool = draw(st.booleans())
        if entries and repeated:
            decided = entries[-1].decision
        seen: Observations = draw(observations(st.just(index)))
        entries.append(Entry(seen, decided._replace(tick=index)))
    return entries


@pytest.mark.slow
@given(histories())
def test_what_was_written_is_read_back(entries: list[Entry]) -> None:
    """Policy, run and every tick come back equal."""
    journal = read(journalled(entries))
    assert (journal.policy, journal.run) == (make_policy(), RUN)
    assert list(journal) == entries
    assert journal.torn == ""


def test_the_header_states_versions() -> None:
    """Ours, and those of whatever else shaped the run."""
    stream = io.StringIO()
    JournalWriter(stream, make_policy(), RUN, {"numpy": "2"})
    journal = read([stream.getvalue()])
    assert journal.versions == {"open-balancer": VERSION, "numpy": "2"}


def test_reasons_are_written_when_they_change() -> None:
    """Reasons hold for minutes; repeating them would be most of the journal."""
    why = (Reason(kind="rule", text="soft: slow"),)
    decided = [calm(), calm()._replace(reasons=why), calm()._replace(reasons=why), calm()]
    lines = journalled(
        [Entry(Observations(i), entry._replace(tick=i)) for i, entry in enumerate(decided)]
    )
    told = [json.loads(line)["decision"].get("reasons") for line in lines[1:]]
    assert [None if entry is None else len(entry) for entry in told] == [None, 1, None, 0]


def test_a_repeated_decision_is_the_same_object_again() -> None:
    """Readers can see cheaply that nothing changed."""
    first, second, _ = read(three_ticks())
    assert first.decision.gates is second.decision.gates


def test_the_same_history_gives_the_same_bytes() -> None:
    """Two controllers that see the same write the same journal."""

    def lines() -> list[str]:
        controller, entries = Controller(make_policy()), []
        for index in range(60):
            seen = tick(index, served(latencies=[3.0] * 5))
            entries.append(Entry(seen, controller.step(seen)))
        return journalled(entries)

    found = lines()
    assert found == lines()
    assert '"mode":"soft"' in found[-1]


@pytest.mark.parametrize(
    "end",
    ['{"tick":3,"observations":{},"decision":{"mode":"normal"}}', '{"tick":3,"obs', "\0\0\0\n"],
    ids=["without newline", "cut", "filled with zeros"],
)
def test_a_torn_last_line_is_reported_and_skipped(end: str) -> None:
    """A crash while writing costs one tick, and is not silent."""
    journal = read([*three_ticks(), end], where="spike.jsonl")
    assert [entry.observations.tick for entry in journal] == [0, 1, 2]
    assert journal.torn == "spike.jsonl:5: the last line is torn and was skipped"


def test_a_torn_line_in_the_middle_is_an_error() -> None:
    """Only the end can be torn by a crash."""
    header, first, second, third = three_ticks()
    journal = read([header, first, second[:20] + "\n", third], where="spike.jsonl")
    with pytest.raises(JournalError, match=r"^spike.jsonl:3: not JSON"):
        list(journal)


def line(**changed: Any) -> str:
    """A tick's line with some keys changed; None takes a key away."""
    values = {"tick": 3, "observations": {}, "decision": {"mode": "normal"}} | changed
    return json.dumps({name: value for name, value in values.items() if value is not None}) + "\n"


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        (line(tick=2), "tick 2 comes after tick 2"),
        (line(tick=-1), "tick: found -1"),
        (line(tick=1.5), "tick: found 1.5"),
        (line(tick=2**63), "tick: found 9223372036854775808"),
        (line(decision=None), "key 'decision' is missing"),
        (line(desicion={}), "unknown key 'desicion' (did you mean 'decision'?)"),
        (line(observations={"waiting": -4}), "waiting: found -4"),
        (line(observations={"waiting": float("nan")}), "NaN is no number"),
        (line(decision={"mode": "soft", "limits": {"max_starts": float("inf")}}), "Infinity is no"),
        (line(decision={"mode": "calm"}), "mode: found 'calm'"),
        ('{"tick":3,"tick":4,"observations":{},"decision":{}}\n', "key 'tick' is given twice"),
        ("[]\n", "found list, expected an object"),
        ("\n", "not JSON"),
        ("[" * 100_000 + "\n", "not JSON"),
        ('"' + "x" * LONGEST_LINE + '"\n', "longer than 1,000,000 characters"),
    ],
)
def test_a_wrong_line_is_named(wrong: str, problem: str) -> None:
    """Nothing but a torn end is tolerated, and the error names the line."""
    journal = read([*three_ticks(), wrong, line(tick=9)], where="spike.jsonl")
    with pytest.raises(JournalError) as caught:
        list(journal)
    assert str(caught.value).startswith("spike.jsonl:5: ")
    assert problem in str(caught.value)


def header(**changed: Any) -> str:
    """The first line with some keys changed; None takes a key away."""
    values = json.loads(three_ticks()[0]) | changed
    return json.dumps({name: value for name, value in values.items() if value is not None}) + "\n"


@pytest.mark.parametrize(
    ("first", "problem"),
    [
        ("", "no header"),
        (line(), "no header"),
        (header(journal=1), "the journal's format is 1; this version reads 2: read it with"),
        (header(run=None), "key 'run' is missing"),
        (header(run=[]), "run: expected an object"),
        (header(more=1), "unknown key 'more'"),
        (header(policy={}), "policy: key 'name' is missing"),
        (header(policy=json.loads(header())["policy"] | {"law": "x"}), "law: unknown law 'x'"),
        ("journal\n", "not JSON"),
    ],
)
def test_a_wrong_header_is_refused(first: str, problem: str) -> None:
    """The first line is read at once, and nothing can be read without it."""
    with pytest.raises(JournalError) as caught:
        read(iter([first] if first else []), where="spike.jsonl")
    assert str(caught.value).startswith("spike.jsonl:1: ")
    assert problem in str(caught.value)


def test_ticks_are_read_as_they_are_asked_for() -> None:
    """A day's journal is never held in memory."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for text in three_ticks():
            taken += 1
            yield text

    next(iter(read(lines())))
    assert taken == 3


@pytest.mark.parametrize(("seen", "decided"), [(0, 1), (0, 0)], ids=["two ticks", "again"])
def test_a_writer_refuses_ticks_that_disagree_or_do_not_grow(seen: int, decided: int) -> None:
    """A journal that could not be read back is not written."""
    writer = JournalWriter(io.StringIO(), make_policy(), RUN)
    writer.write(Observations(0), calm(0))
    with pytest.raises(MisuseError, match="ticks must agree and grow"):
        writer.write(Observations(seen), calm(decided))


@pytest.mark.parametrize("value", [float("nan"), object()])
def test_a_writer_refuses_what_json_cannot_hold(value: object) -> None:
    """NaN is no JSON, whatever Python's encoder thinks."""
    with pytest.raises(MisuseError, match="a journal cannot hold this"):
        JournalWriter(io.StringIO(), make_policy(), {"value": value})


def test_a_writer_refuses_a_line_too_long_to_read_back() -> None:
    """The bound holds on both sides."""
    with pytest.raises(MisuseError, match="characters; at most"):
        JournalWriter(io.StringIO(), make_policy(), {"title": "x" * LONGEST_LINE})


def test_modes_are_written_by_name() -> None:
    """A person reads journals too."""
    lines = journalled([Entry(tick(0, served(Mode.HARD, latencies=[1.0])), calm(0, Mode.HARD))])
    assert json.loads(lines[1])["decision"] == {"mode": "hard"}
    assert json.loads(lines[1])["observations"]["served"][0]["mode"] == "hard"


@pytest.mark.parametrize(
    ("name", "line", "told"),
    [
        ("calls.csv", "x", True),
        ("calls.CSV", "1;2", True),
        ("calls.txt", "ts,prompt_tokens,output_tokens", True),
        ("calls.txt", "ts;prompt;output", True),
        ("calls.jsonl", '{"ts", 1, 2', False),
        ("calls.jsonl", "journal, of sorts", False),
    ],
)
def test_a_file_of_columns_is_told_what_takes_it(name: str, line: str, told: bool) -> None:
    """By its name, or by a first line that looks like a header."""
    with pytest.raises(JournalError, match="not JSON") as error:
        read([f"{line}\n", f"{line}\n"], name)
    assert ("; a CSV file? see open-balancer new --from" in str(error.value)) == told
