"""JUnit XML: what CI systems make of a verdict."""

from __future__ import annotations

import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from balancer.records.gate import GATE
from balancer.records.verdict import read_verdict
from reports.junit import gate_junit, run_junit

from .gate_samples import sample_gate
from .samples import sample_verdict


def expectation(verdict: str, **changes: Any) -> dict[str, Any]:
    """An expectation on the P95."""
    found: dict[str, Any] = {
        "name": "latency p95 at most 15s", "verdict": verdict, "estimate": 12.0, "low": 11.0,
        "high": 13.0, "bound": 15.0, "better": "lower", "unit": "seconds", "note": "",
    }  # fmt: skip
    return {**found, **changes}


def parsed(text: str) -> ET.Element:
    """The document, as its reader sees it."""
    return ET.fromstring(text)  # noqa: S314 - our own output


def run_of(*expectations: dict[str, Any], **changes: Any) -> ET.Element:
    """The document of a run of one scenario."""
    verdict = sample_verdict(expectations=list(expectations), **changes)
    return parsed(run_junit([read_verdict(verdict, "here")]))


@pytest.mark.parametrize(
    "document",
    [
        run_of(expectation("pass"), expectation("fail"), expectation("inconclusive")),
        parsed(gate_junit(GATE.of(sample_gate(missing=["slow_drift"])))),
    ],
    ids=["run", "gate"],
)
def test_the_counts_are_those_of_the_cases(document: ET.Element) -> None:
    """Of each suite and of the whole, as the schema asks."""
    for element in (document, *document.iter("testsuite")):
        assert int(element.attrib["tests"]) == len(list(element.iter("testcase")))
        assert int(element.attrib["failures"]) == len(list(element.iter("failure")))
        assert int(element.attrib["errors"]) == len(list(element.iter("error")))


@pytest.mark.parametrize(
    "document",
    [run_of(expectation("fail")), parsed(gate_junit(GATE.of(sample_gate())))],
    ids=["run", "gate"],
)
def test_the_shape_is_the_usual_one(document: ET.Element) -> None:
    """Suites of named cases, properties before the outcome, and at most one outcome."""
    assert document.tag == "testsuites"
    for suite in document:
        assert suite.tag == "testsuite"
        tags = [child.tag for child in suite]
        assert set(tags) <= {"properties", "testcase"}
        assert "properties" not in tags[1:]
        assert suite.get("name")
        for case in suite.iterfind("testcase"):
            assert case.get("name")
            assert case.get("classname")
            assert [child.tag for child in case] in (
                ["properties"],
                ["properties", "failure"],
                ["properties", "error"],
            )


def test_what_is_open_is_not_green() -> None:
    """An inconclusive is an error, a fail a failure."""
    cases = run_of(expectation("pass"), expectation("fail"), expectation("inconclusive")).iter(
        "testcase"
    )
    outcomes = [[child.tag for child in case if child.tag != "properties"] for case in cases]
    assert outcomes == [[], ["failure"], ["error"]]


def test_the_measurement_is_in_the_properties() -> None:
    """Estimate, interval and bound, as numbers; what does not exist is left out."""
    document = run_of(expectation("inconclusive", low=None, high=None))
    found = {
        each.get("name"): each.get("value") for each in document.iterfind(".//testcase//property")
    }
    assert found == {"estimate": "12", "bound": "15", "unit": "seconds"}


def test_a_suite_has_the_headline_of_every_arm() -> None:
    """And whether the controller does harm; for programs that look at no report."""
    suite = run_of(expectation("pass"), harm={"estimate": -0.2, "found": True})[0]
    found = {each.get("name"): each.get("value") for each in suite.iterfind("properties/property")}
    assert found["static.availability"] == "0.985"
    assert found["cheapest.quality"] == "0.85"
    assert found["none.cost_usd"] == "47.5"
    assert found["policy.cost_saved"] == "0.336"
    assert found["harm"] == "yes"


def test_what_is_held_against_an_arm_says_so() -> None:
    """A saving against static is another than one against none."""
    document = run_of(expectation("pass", against="none"), expectation("pass"))
    found = [
        [each.get("value") for each in case.iter("property") if each.get("name") == "against"]
        for case in document.iter("testcase")
    ]
    assert found == [["none"], []]


def test_a_failure_says_what_was_measured_and_what_was_allowed() -> None:
    """The message is all that most CI systems show."""
    failure = next(run_of(expectation("fail", note="undefined in 1 of 10 runs")).iter("failure"))
    assert failure.attrib["message"].replace("\N{NARROW NO-BREAK SPACE}", " ") == (
        "measured 12 s, interval 11 s to 13 s, bound 15 s; undefined in 1 of 10 runs"
    )


def test_a_scenario_that_was_not_finished_is_an_open_case() -> None:
    """An interrupted gate must not look complete."""
    document = parsed(gate_junit(GATE.of(sample_gate(missing=["slow_drift"]))))
    (suite,) = [each for each in document if each.get("name") == "slow_drift"]
    assert [child.tag for child in next(iter(suite))] == ["error"]


def test_hostile_text_leaves_the_document_whole() -> None:
    """Quotes, signs of markup, and control characters that XML cannot hold."""
    evil = '"><x>&]]> \x00\x1b[31m \ud800'
    document = run_of(expectation("fail", name=evil, note=evil), scenario=evil)
    assert document[0].attrib["name"].startswith('"><x>&]]>')
    assert not re.search(r"[\x00-\x08\x1b]", ET.tostring(document, encoding="unicode"))
