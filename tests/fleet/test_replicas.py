"""Balancers of one process that are replicas of a fleet, on a real store."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from balancer.cli.main import app
from balancer.core.decisions import Decision
from balancer.core.errors import InputError, MisuseError
from balancer.core.modes import Mode
from balancer.core.observations import Observations
from balancer.core.policy import BudgetLimit, Policy
from balancer.core.replay import replay
from balancer.fleet import Fleet
from balancer.fleet.changes import ChangeError
from balancer.fleet.leasing import Leasing
from balancer.fleet.member import Member
from balancer.fleet.standing import Standing
from balancer.journal_file import open_journal
from balancer.policy_file import default_policy
from balancer.runtime.balancer import Balancer
from balancer.runtime.calls import Asked, CallSettings, Outcome
from balancer.runtime.clock import Clock
from balancer.service.settings import Settings
from tests.waiting import GIVE_UP_S, until

from .conftest import Server

POLICY = default_policy()
SETTINGS = CallSettings(model="gemini-2.5-flash")
Make = Callable[..., Balancer]
CALL = 1000 * 300 + 1000 * 2500
"""Nano-dollars of a `call`."""


@pytest.fixture
def make(store: Server) -> Iterator[Make]:
    """Makes started balancers whose ticks take a fifth of a second."""
    made: list[Balancer] = []

    def start(
        policy: Policy = POLICY,
        *,
        prefix: str = "p",
        url: str = "",
        replica: str = "",
        **options: Any,
    ) -> Balancer:
        name = replica or f"r{len(made)}"
        fleet = Fleet(url=url or store.url, prefix=prefix, replica=name, timeout_s=2.0)
        options.setdefault("clock", Clock(5.0))
        balancer = Balancer(policy, settings=SETTINGS, fleet=fleet, **options)
        made.append(balancer)
        return balancer.start()

    yield start
    for balancer in made:
        balancer.close()


def standing(balancer: Balancer) -> Standing:
    """In the fleet."""
    found = balancer.status().fleet
    assert found is not None
    return found


def follows(*balancers: Balancer) -> None:
    """Wait until all are in the fleet, and one leads."""
    until(
        lambda: (
            sorted(standing(each).place for each in balancers)
            == ["follower"] * (len(balancers) - 1) + ["leader"]
            and all(standing(each).replicas == len(balancers) for each in balancers)
        ),
        "they are together",
    )


def alone(balancer: Balancer, says: str) -> None:
    """Wait until it is alone, and says why; its calls go on, by its own decisions."""
    until(lambda: standing(balancer).place == "alone", "it is alone")
    assert says in until(lambda: standing(balancer).problem)
    status = balancer.status()
    assert status.problems == {}
    assert status.enforced
    call = balancer.begin()
    assert call.admitted
    balancer.finish(call)


def call(balancer: Balancer) -> bool:
    """A call that costs `CALL`; whether the budget lets it through."""
    request = balancer.request(asked=Asked(prompt_tokens=1000, output_cap_tokens=1000))
    attempt = request.start()
    if attempt is not None:
        attempt.finish(Outcome(prompt_tokens=1000, output_tokens=1000))
    request.close()
    return attempt is not None


def told(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """How often it was logged as an error."""
    found = [record for record in caplog.records if words in record.getMessage()]
    return sum(record.levelno == logging.ERROR for record in found)


def test_an_order_to_one_is_followed_by_all_from_one_tick_on(make: Make, tmp_path: Path) -> None:
    """And the merged journals of all say the same, and replay."""
    all_of_them = [make(journal=tmp_path / f"j{number}.jsonl") for number in range(3)]
    follows(*all_of_them)
    all_of_them[1].override(Mode.HARD, "a trial", for_s=600.0)
    until(lambda: all(each.status().mode is Mode.HARD for each in all_of_them), "all are in hard")
    for each in all_of_them:
        each.close()
    first_hard = set()
    for number in range(3):
        path = tmp_path / f"j{number}-fleet.jsonl"
        assert replay(open_journal(path)).identical
        entries = list(open_journal(path))
        first_hard.add(next(e.decision.tick for e in entries if e.decision.mode is Mode.HARD))
    assert len(first_hard) == 1


def test_each_names_the_leader_and_the_others_with_their_last_ticks(make: Make) -> None:
    """One that leaves is named for a while, with the last line it had a part in."""
    first, second = make(), make(replace(POLICY, name="another"))
    follows(first, second)

    def agreed() -> bool:
        found = standing(first), standing(second)
        leads = {each.replica for each in found if each.place == "leader"}
        return {each.leader for each in found} == leads and len(leads) == 1

    until(agreed, "both name the one who leads")
    policies = [("r0", standing(first).policy), ("r1", standing(second).policy)]
    for found in (standing(first), standing(second)):
        assert [(peer.replica, peer.policy) for peer in found.seen] == policies
    second.close()
    until(lambda: _last(first, "r0") > _last(first, "r1") + 3, "the other one is silent")


def _last(balancer: Balancer, replica: str) -> int:
    (found,) = [peer.tick for peer in standing(balancer).seen if peer.replica == replica]
    return found


def test_a_replica_that_is_alone_names_no_leader(make: Make, store: Server) -> None:
    """It does not know of one; whom it saw last is still named."""
    first, second = make(), make()
    follows(first, second)
    store.stop()
    until(lambda: standing(second).place == "alone", "it is alone")
    assert standing(second).leader == ""
    assert [peer.replica for peer in standing(second).seen] == ["r0", "r1"]


def test_one_replica_s_part_is_not_replayed_as_if_it_were_all(make: Make, tmp_path: Path) -> None:
    """The message names the file that is meant."""
    balancer = make(journal=tmp_path / "j.jsonl")
    follows(balancer)
    balancer.close()
    found = CliRunner().invoke(app, ["replay", str(tmp_path / "j.jsonl")])
    assert found.exit_code == 2
    assert "replay j-fleet.jsonl beside it" in found.output
    assert list(open_journal(tmp_path / "j.jsonl"))


def test_a_restart_goes_on_with_what_the_fleet_remembers(make: Make, tmp_path: Path) -> None:
    """Its own snapshot is older."""
    first = make()
    second = make(state=tmp_path / "state.json", journal=tmp_path / "j.jsonl")
    follows(first, second)
    second.close()
    first.override(Mode.SOFT, "a trial", for_s=600.0)
    until(lambda: first.status().mode is Mode.SOFT)
    third = make(state=tmp_path / "state.json", journal=tmp_path / "j.jsonl")
    follows(first, third)
    until(lambda: third.status().mode is Mode.SOFT)
    assert third.status().override is not None


def test_replicas_with_different_policies_are_named(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Once, with whose policy holds; each decides by its own on what all saw."""
    first = make()
    follows(first)
    second = make(replace(POLICY, name="another"))
    follows(first, second)
    until(lambda: standing(second).differ, "the log names one")
    found = standing(second)
    assert (found.holds, found.differ) == (standing(first).policy, ("r1",))
    until(lambda: "r1 decide by another policy" in caplog.text)
    assert "If these are two fleets, give each a prefix" in caplog.text
    assert second.status().problems == {}


def test_two_fleets_on_one_store_do_not_meet(make: Make) -> None:
    """With a prefix each."""
    first, second = make(prefix="a"), make(prefix="b")
    follows(first)
    follows(second)


def test_ticks_of_another_length_are_told(make: Make) -> None:
    """They cannot be added up: the replica is alone."""
    follows(make())
    alone(
        make(replace(POLICY, tick_s=2.0)),
        "is of format 1, ticks of 1 s, and this replica's is of format 1, ticks of 2 s: run one",
    )


def test_who_goes_over_to_other_ticks_can_begin_a_log_of_them(make: Make, store: Server) -> None:
    """Fewer of them have passed than of those before: that is not to be behind."""
    balancer = make()
    follows(balancer)
    balancer.use(replace(POLICY, tick_s=2.0))
    until(lambda: "ticks of 2 s" in standing(balancer).problem, "the log is of other ticks")
    until(lambda: standing(balancer).place == "alone", "it is alone")
    store.tell("FLUSHALL")
    until(lambda: standing(balancer).place == "leader", "it leads a log of its own")
    until(lambda: standing(balancer).tick == balancer.now_tick - 1, "whose ticks are its own")


def test_another_version_in_the_log_is_told(make: Make, store: Server) -> None:
    """Nobody steps what they cannot read."""
    balancer = make()
    follows(balancer)
    tick = until(lambda: max(standing(balancer).tick, 0), "it has stepped a line") + 1000
    store.tell("XADD", "{p}:log", f"{tick}-0", "line", '{"fleet": 2}')
    alone(balancer, "a line is of format 2, and this release reads 1")


def test_a_wrong_password_is_told_once_and_calls_go_on(
    make: Make, store: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """At the start, and when it is changed."""
    store.tell("CONFIG", "SET", "requirepass", "right")
    balancer = make()
    alone(balancer, "the store refuses user or password: set OPEN_BALANCER_FLEET")
    assert told(caplog, "refuses user or password") == 1


def test_a_store_that_can_only_be_read_is_told_once_and_calls_go_on(
    make: Make, store: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """As the address of a follower is."""
    store.tell("REPLICAOF", "127.0.0.1", "1")
    alone(make(), "the store can only be read: give the fleet the address of the primary")
    assert told(caplog, "can only be read") == 1


def test_a_certificate_that_nobody_trusts_is_told_once_and_calls_go_on(
    make: Make, secure: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """With what OpenSSL said of it."""
    alone(make(url=secure.url), "no TLS connection to the store: check that it speaks TLS")
    assert told(caplog, "self-signed certificate") == 1


def test_a_port_with_tls_takes_rediss_and_a_plain_url_is_told_so(
    make: Make, secure: Server, tmp_path: Path
) -> None:
    """Trusted, the replica joins."""
    plain = secure.url.replace("rediss", "redis")
    alone(make(url=plain), "if this port speaks TLS, the URL begins with rediss://")
    follows(make(url=f"{secure.url}?ssl_ca_certs={tmp_path / 'certificate.pem'}"))


def test_a_store_that_is_away_from_the_start_is_told(make: Make, store: Server) -> None:
    """When it comes, the replica joins."""
    store.stop()
    balancer = make()
    alone(balancer, "the store cannot be reached")
    store.start()
    follows(balancer)
    assert standing(balancer).problem == ""


def test_a_policy_given_to_one_replica_is_that_of_all(make: Make, tmp_path: Path) -> None:
    """The merged journals of all change at one tick, and replay; who joins takes it up."""
    all_of_them = [make(journal=tmp_path / f"j{number}.jsonl") for number in range(3)]
    follows(*all_of_them)
    budget = BudgetLimit(usd=10.0, window_s=3600.0)
    firm = replace(POLICY, name="firm", law="ladder", budgets=(budget,))
    all_of_them[1].use_in_fleet(firm, "a trial", within_s=GIVE_UP_S)
    assert all_of_them[1].policy.name == "firm"
    until(lambda: all(each.policy.name == "firm" for each in all_of_them), "all have it")
    for each in all_of_them:
        assert [found.limit for found in each.budgets()] == [10_000_000_000]
        change = each.fleet_change
        assert change is not None
        assert (change.replica, change.reason, change.number) == ("r1", "a trial", 1)
    joined = make(journal=tmp_path / "j3.jsonl")
    until(lambda: joined.policy.name == "firm", "who joins has it")
    follows(*all_of_them, joined)
    until(lambda: standing(joined).differ == (), "nobody differs")
    for each in (*all_of_them, joined):
        each.close()
    decided: dict[int, set[str]] = {}
    for number in range(3):
        path = tmp_path / f"j{number}-fleet.jsonl"
        assert replay(open_journal(path)).identical
        for entry in open_journal(path):
            decided.setdefault(entry.decision.tick, set()).add(repr(entry.decision))
    assert all(len(each) == 1 for each in decided.values())


def test_whoever_waits_for_a_change_is_told_once_calls_go_by_it(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not when the log has it, which is before."""
    by: list[str] = []
    balancer = make()

    class Told(Future[str]):
        def set_result(self, result: str) -> None:
            by.append(balancer.policy.name)
            super().set_result(result)

    monkeypatch.setattr("balancer.fleet.replica.Future", Told)
    follows(balancer)
    balancer.use_in_fleet(replace(POLICY, name="other"), within_s=GIVE_UP_S)
    assert by == ["other"]


def test_a_policy_that_the_fleet_cannot_be_given_changes_nothing(make: Make, store: Server) -> None:
    """Ticks of another length; a store that is away; and where there is no fleet."""
    balancer = make()
    follows(balancer)
    with pytest.raises(ChangeError, match="ticks are of 2 s, and those of the fleet of 1 s"):
        balancer.use_in_fleet(replace(POLICY, tick_s=2.0))
    store.stop()
    until(lambda: standing(balancer).place == "alone", "it is alone")
    with pytest.raises(ChangeError, match=r"this replica is alone \(the store .* nothing was"):
        balancer.use_in_fleet(replace(POLICY, name="other"))
    assert balancer.policy.name == POLICY.name
    with pytest.raises(MisuseError, match="there is no fleet"):
        Balancer(POLICY, settings=SETTINGS).use_in_fleet(POLICY)


def test_a_hard_budget_is_leased_and_refuses_without_a_store(make: Make, store: Server) -> None:
    """What is left of the lease may be spent, and then nothing."""
    policy = replace(POLICY, budgets=(BudgetLimit(usd=10.0, window_s=3600.0),))
    first, second = make(policy), make(policy)
    follows(first, second)
    until(lambda: standing(first).leased and standing(second).leased, "money is leased")

    assert until(lambda: call(first), "a call is granted")
    spent = CALL
    both = (first, second)
    until(lambda: all(each.budgets()[0].used >= spent for each in both), "both know of it")
    for each in both:
        (budget,) = each.budgets()
        assert budget.used + budget.reserved + budget.left == budget.limit == 10_000_000_000
    store.stop()
    until(lambda: not call(first), "the lease is used up")
    assert first.status().problems == {}


class WrongClock(Clock):
    """Of a machine whose time was set wrong.

    Args:
        ahead_s: by so many scenario seconds.
    """

    def __init__(self, ahead_s: float) -> None:
        super().__init__(5.0)
        self._ahead_s = ahead_s

    def now_s(self) -> float:
        """As it is taken to be here."""
        return super().now_s() + self._ahead_s


@pytest.mark.slow
@pytest.mark.parametrize("ahead_s", [3600.0, -3600.0])
@pytest.mark.parametrize("gives", [0, 1])
def test_an_order_ends_when_it_says_whatever_clock_the_log_has(
    make: Make, ahead_s: float, gives: int
) -> None:
    """One replica's clock is wrong by an hour, and the log goes by one or the other."""
    wrong = make(clock=WrongClock(ahead_s))
    follows(wrong)
    right = make()
    both = (wrong, right)
    follows(*both)
    until(lambda: wrong.ahead_ticks != right.ahead_ticks, "who is off the log knows it")
    held: list[list[int]] = [[], []]
    told: list[list[int]] = [[], []]

    def listen(number: int) -> None:
        def hear(_: Observations, decision: Decision) -> None:
            order = both[number].status().override
            if decision.mode is Mode.HARD:
                held[number].append(decision.tick)
                told[number].extend([] if order is None else [order.until_tick])

        both[number].listeners.ticks.add(hear)

    for number in range(2):
        listen(number)
    given = both[gives].override(Mode.HARD, "a trial", for_s=60.0)
    ends = [given.until_tick - both[gives].now_tick + each.now_tick for each in both]
    until(
        lambda: all(held) and all(each.status().mode is Mode.NORMAL for each in both),
        "both held it, and it is over",
    )
    for number, end in enumerate(ends):
        assert end - 10 < held[number][-1] < end + 600
        assert set(told[number]) <= set(range(end - 10, end + 11)) and told[number]


def test_a_restart_does_not_take_the_log_s_clock_for_its_own(make: Make, tmp_path: Path) -> None:
    """The log is an hour ahead; who kept its tick begins at the time of its machine, though."""
    wrong = make(clock=WrongClock(3600.0))
    follows(wrong)
    right = make(state=tmp_path / "state.json")
    follows(wrong, right)
    right.close()
    again = make(state=tmp_path / "state.json")
    until(lambda: standing(again).place != "alone" and standing(again).tick > 0, "it follows")
    assert again.clock.now_s() < wrong.clock.now_s() - 1800.0
    until(lambda: again.ahead_ticks > 1800, "it knows that the log is ahead")


@pytest.mark.parametrize("lives", [False, True])
def test_a_name_that_comes_again_is_a_replica_of_its_own(
    make: Make, monkeypatch: pytest.MonkeyPatch, lives: bool
) -> None:
    """One that was killed and started again, or another that was given the name by mistake: what it
    sees is counted from its first part on, and it has nothing of what the first had or spent.
    """

    async def nothing(*_: object) -> None:
        """As one does that is killed."""

    monkeypatch.setattr(Member, "leave", nothing)
    monkeypatch.setattr(Leasing, "give_back", nothing)
    policy = replace(POLICY, budgets=(BudgetLimit(usd=10.0, window_s=3600.0),))
    first = make(policy, replica="pod-1")
    follows(first)
    for _ in range(20):
        assert until(lambda: call(first), "a call is granted")
    until(lambda: first.budgets()[0].used >= 20 * CALL, "the store knows of it")
    if not lives:
        first.close()
    second = make(policy, replica="pod-1")
    until(lambda: standing(second).leased, "it has a lease, too")
    assert until(lambda: call(second), "a call is granted")
    until(lambda: second.budgets()[0].used >= 21 * CALL, "all that was spent counts")
    assert second.budgets()[0].used == 21 * CALL
    if lives:
        until(lambda: standing(first).replicas == 2, "both have parts in a line")
    until(lambda: second.status().fleet is not None and standing(second).tick > 0, "it follows")
    until(lambda: standing(second).place in ("leader", "follower"), "the fleet decides")
    second.override(Mode.HARD, "a trial", for_s=600.0)
    until(lambda: second.status().mode is Mode.HARD, "what it sends is in the log")
    assert standing(second).leader == "pod-1"
    assert [peer.replica for peer in standing(second).seen] == ["pod-1"]


def test_a_balancer_that_is_started_again_is_heard_again(make: Make) -> None:
    """Its parts are numbered from 1 again, and none of them is taken for an old one."""
    balancer = make()
    follows(balancer)
    until(lambda: standing(balancer).tick > 0, "it follows")
    balancer.close()
    balancer.start()
    balancer.override(Mode.HARD, "a trial", for_s=600.0)
    until(lambda: balancer.status().mode is Mode.HARD, "what it sends is in the log")


def test_replicas_of_one_process_do_not_share_a_ledger(make: Make) -> None:
    """What one leases the other would spend."""
    first = make()
    with pytest.raises(MisuseError, match="one ledger"):
        make(ledger=first.ledger)


def test_without_the_client_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra."""
    import balancer.fleet.replica as home

    monkeypatch.setattr(home, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install '\.\[fleet\]' in a clone"):
        Balancer(POLICY, fleet=Fleet(url="redis://127.0.0.1")).open()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"OPEN_BALANCER_FLEET": "here"}, "is no URL of a store"),
        ({"OPEN_BALANCER_FLEET_PREFIX": "x"}, "OPEN_BALANCER_FLEET_PREFIX is set, and no store"),
        (
            {"OPEN_BALANCER_FLEET": "redis://h", "OPEN_BALANCER_FLEET_REPLICAS": "many"},
            "OPEN_BALANCER_FLEET_REPLICAS is 'many'",
        ),
        (
            {"OPEN_BALANCER_FLEET": "redis://h", "OPEN_BALANCER_FLEET_WITHOUT_STORE": "lots"},
            "OPEN_BALANCER_FLEET_WITHOUT_STORE is 'lots'",
        ),
    ],
)
def test_settings_of_the_service_are_checked(environment: dict[str, str], told: str) -> None:
    """At the start, with the variable's name."""
    with pytest.raises(InputError, match=told):
        Settings.from_environment(environment)


def test_the_service_is_told_of_its_fleet_by_the_environment() -> None:
    """All of it."""
    found = Settings.from_environment(
        {
            "OPEN_BALANCER_FLEET": "rediss://u:p@h:6380/1",
            "OPEN_BALANCER_FLEET_PREFIX": "shop",
            "OPEN_BALANCER_FLEET_REPLICA": "pod-1",
            "OPEN_BALANCER_FLEET_REPLICAS": "40",
            "OPEN_BALANCER_FLEET_WITHOUT_STORE": "0.5%",
            "OPEN_BALANCER_FLEET_ALONE_AFTER": "5",
        }
    )
    assert found.fleet == Fleet(
        url="rediss://u:p@h:6380/1",
        prefix="shop",
        replica="pod-1",
        replicas=40,
        without_store=0.005,
        alone_after_ticks=5,
    )
    assert Settings.from_environment({}).fleet is None
