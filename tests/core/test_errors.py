"""Errors: who is at fault, where, and what was probably meant."""

from __future__ import annotations

import pickle

import pytest

from balancer.core.errors import (
    BalancerError,
    ClockError,
    InputError,
    JournalError,
    MisuseError,
    PolicyError,
    ScenarioError,
    TraceError,
    nearest,
)


@pytest.mark.parametrize("kind", [PolicyError, ScenarioError, TraceError, JournalError])
def test_a_users_mistake_is_an_input_error(kind: type[InputError]) -> None:
    """The command turns all of these, and only these, into exit code 2."""
    assert issubclass(kind, InputError)
    assert issubclass(kind, BalancerError)


def test_a_clock_error_is_a_misuse_and_no_input_error() -> None:
    """A caller's bug is not reported as a user's mistake."""
    assert issubclass(ClockError, MisuseError)
    assert not issubclass(MisuseError, InputError)


def test_an_input_error_says_where() -> None:
    """File, line and key come first, as compilers do."""
    assert str(PolicyError("too low", where="policy.yaml:12")) == "policy.yaml:12: too low"


def test_an_input_error_without_a_place_is_its_problem() -> None:
    """Nothing is put before it."""
    assert str(PolicyError("too low")) == "too low"


def test_an_input_error_survives_a_process_boundary() -> None:
    """Workers raise it in another process; the place must arrive with it."""
    sent = pickle.dumps(TraceError("no rows", where="trace.csv:1"))
    found = pickle.loads(sent)  # noqa: S301 - our own bytes
    assert (type(found), found.problem, found.where) == (TraceError, "no rows", "trace.csv:1")


def test_the_nearest_name_is_proposed() -> None:
    """A typo gets the name that was meant."""
    assert nearest("sofd", ["soft", "hard"]) == " (did you mean 'soft'?)"


def test_no_name_is_proposed_where_none_is_near() -> None:
    """A wild guess would mislead."""
    assert nearest("banana", ["soft", "hard"]) == ""
