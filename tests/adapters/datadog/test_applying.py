"""Things are made once, changed where they differ, and removed when they are ours."""

from __future__ import annotations

import json

import pytest

from balancer.adapters.datadog.applying import Action, Change, apply, plan, plan_removal
from balancer.adapters.datadog.client import Client
from balancer.adapters.datadog.definitions import Definition, Kind, definitions_of
from balancer.adapters.datadog.errors import DatadogError, Trouble
from balancer.adapters.datadog.monitors import Target
from balancer.core.errors import InputError
from balancer.policy_file import default_policy, parse_policy
from tests.adapters.datadog.fake import Fake, hurry

SECRET = "s3cret-" * 6
URL = "https://balancer.example.org"
TARGET = Target(service="shop")
POLICY = "thresholds:\n  soft: {latency_p95: 9s, error_rate: 5%}\n"


def wanted(
    policy: str = POLICY, target: Target = TARGET, secret: str = SECRET
) -> tuple[Definition, ...]:
    """What a small policy, or another, asks for."""
    return definitions_of(parse_policy(policy), target, URL, secret)


def applied(client: Client, policy: str = POLICY, target: Target = TARGET) -> list[Change]:
    """What an apply did."""
    return list(apply(client, target, plan(client, target, wanted(policy, target))))


def actions(changes: list[Change] | tuple[Change, ...]) -> set[Action]:
    """What the changes do."""
    return {change.action for change in changes}


def test_a_first_apply_makes_everything(client: Client, fake: Fake) -> None:
    """A monitor for each rule and two more, webhook, variable, dashboard, percentiles."""
    assert actions(applied(client)) == {Action.CREATE}
    assert len(fake.monitors) == 4
    assert fake.things() == len(wanted())
    assert fake.variables["OPEN_BALANCER_SECRET_SHOP"]["value"] == SECRET
    (webhook,) = fake.webhooks.values()
    assert webhook["url"] == "https://balancer.example.org/api/webhooks/datadog/brownout"
    assert json.loads(webhook["custom_headers"]) == {
        "Authorization": "Bearer $OPEN_BALANCER_SECRET_SHOP"
    }
    assert fake.tag_configurations["open_balancer.request.duration"]["include_percentiles"]


def test_a_second_apply_does_nothing(client: Client, fake: Fake) -> None:
    """Nothing is made twice, and nothing is written."""
    applied(client)
    fake.requests.clear()
    assert actions(applied(client)) == {Action.KEEP}
    assert fake.writes() == []


def test_the_secret_is_nowhere_but_in_the_variable(client: Client, fake: Fake) -> None:
    """Not in the webhook, which whoever may look at integrations can read."""
    changes = applied(client)
    assert SECRET not in json.dumps([fake.webhooks, fake.dashboards, fake.monitors])
    assert SECRET not in repr(changes)


def test_what_somebody_changed_is_shown_and_set_right(client: Client, fake: Fake) -> None:
    """Each value before and after, and nothing that Datadog adds by itself."""
    applied(client)
    first = min(fake.monitors)
    fake.monitors[first]["query"] = "avg(last_5m):avg:x{*} > 1"
    changes = plan(client, TARGET, wanted())
    (change,) = [each for each in changes if each.action is not Action.KEEP]
    (difference,) = change.differences
    assert (difference.path, difference.before) == ("query", "avg(last_5m):avg:x{*} > 1")
    list(apply(client, TARGET, changes))
    assert fake.monitors[first]["query"] == difference.after


def test_another_policy_changes_and_removes(client: Client, fake: Fake) -> None:
    """Monitors of rules that are gone go too."""
    applied(client)
    changes = applied(client, "thresholds:\n  soft: {latency_p95: 9s}\n")
    assert len(fake.monitors) == 3
    removed = [each for each in changes if each.action is Action.DELETE]
    assert {each.why for each in removed} == {"no longer in the policy"}


def test_a_new_secret_is_put_in_place(client: Client, fake: Fake) -> None:
    """Variable first, then the mark that tells which it is: interrupted, both are done again."""
    applied(client)
    changes = plan(client, TARGET, wanted(secret="n" * 40))
    changed = [each.kind for each in changes if each.action is Action.UPDATE]
    assert changed == [Kind.VARIABLE, Kind.WEBHOOK]
    list(apply(client, TARGET, changes))
    assert fake.variables["OPEN_BALANCER_SECRET_SHOP"]["value"] == "n" * 40
    assert actions(plan(client, TARGET, wanted(secret="n" * 40))) == {Action.KEEP}


@pytest.mark.parametrize("done", [0, 1, 2, 5, 8])
def test_an_interrupted_apply_is_finished_by_the_next(
    client: Client, fake: Fake, done: int
) -> None:
    """Wherever it stopped."""
    changes = apply(client, TARGET, plan(client, TARGET, wanted()))
    for _ in range(done):
        next(changes)
    changes.close()  # type: ignore[attr-defined]
    applied(client)
    assert fake.things() == len(wanted())
    assert actions(plan(client, TARGET, wanted())) == {Action.KEEP}


@pytest.mark.slow
@pytest.mark.parametrize("how", ["late", "drop", "hang"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/monitor",
        "/api/v1/dashboard",
        "/api/v1/integration/webhooks/configuration/webhooks",
        "/api/v1/integration/webhooks/configuration/custom-variables",
        "/api/v2/metrics",
    ],
)
def test_a_creation_whose_answer_is_lost_is_not_repeated(
    client: Client, fake: Fake, path: str, how: str
) -> None:
    """It was made all the same: it is looked for before it is made again."""
    fake.failures = [("POST", path, how)]
    if how == "hang":
        hurry(client)
    applied(client)
    assert fake.failures == []
    assert fake.things() == len(wanted())


def test_a_creation_that_failed_is_tried_once_more(client: Client, fake: Fake) -> None:
    """When it is not there after a 503."""
    fake.failures = [("POST", "/api/v1/monitor", 503)]
    applied(client)
    assert fake.things() == len(wanted())


def test_what_was_made_twice_is_removed_once(client: Client, fake: Fake) -> None:
    """The oldest stays."""
    applied(client)
    first = min(fake.monitors)
    fake.monitors[9999] = fake.monitors[first] | {"id": 9999}
    (removed,) = [each for each in applied(client) if each.action is Action.DELETE]
    assert (removed.why, first in fake.monitors, 9999 in fake.monitors) == (
        "made twice",
        True,
        False,
    )


def test_a_refused_change_keeps_those_before(client: Client, fake: Fake) -> None:
    """And says which it was."""
    fake.failures = [("POST", "/api/v1/dashboard", 400)]
    with pytest.raises(DatadogError, match="create dashboard: refused") as caught:
        applied(client)
    assert caught.value.trouble is Trouble.REFUSED
    assert len(fake.monitors) == 4


def test_percentiles_wait_for_their_metric(client: Client, fake: Fake) -> None:
    """Datadog configures no metric it has not seen; everything else is made."""
    fake.known_metrics = set()
    later = [each for each in applied(client) if each.action is Action.LATER]
    assert [each.kind for each in later] == [Kind.PERCENTILES] * 2
    fake.known_metrics = None
    assert Action.CREATE in actions(applied(client))
    assert actions(applied(client)) == {Action.KEEP}


def test_somebody_elses_tag_configuration_keeps_its_tags(client: Client, fake: Fake) -> None:
    """Only percentiles are switched on, and destroy leaves it."""
    theirs = {"metric_type": "distribution", "tags": ["team"], "include_percentiles": False}
    fake.tag_configurations["open_balancer.request.duration"] = theirs
    applied(client)
    assert (
        theirs | {"include_percentiles": True}
        == fake.tag_configurations["open_balancer.request.duration"]
    )
    list(apply(client, TARGET, plan_removal(client, TARGET)))
    assert list(fake.tag_configurations) == ["open_balancer.request.duration"]


@pytest.mark.slow
def test_destroy_removes_only_its_own(client: Client, fake: Fake) -> None:
    """Other people's monitors, and those of another service of ours, stay."""
    other = Target(service="other", webhook="other")
    applied(client, target=other)
    kept = fake.things()
    fake.monitors[1] = {"id": 1, "name": "theirs", "tags": ["service:shop"], "options": {}}
    applied(client)
    list(apply(client, TARGET, plan_removal(client, TARGET)))
    assert fake.things() == kept + 1
    assert plan_removal(client, TARGET) == ()


def test_percentiles_go_with_the_last_service_that_needs_them(client: Client, fake: Fake) -> None:
    """They are of the metric, whichever service sends it."""
    other = Target(service="other", webhook="other")
    applied(client)
    applied(client, target=other)
    list(apply(client, TARGET, plan_removal(client, TARGET)))
    assert len(fake.tag_configurations) == 2
    assert actions(plan(client, other, wanted(target=other))) == {Action.KEEP}
    list(apply(client, other, plan_removal(client, other)))
    assert fake.things() == 0


def test_names_that_look_alike_have_secrets_of_their_own(client: Client, fake: Fake) -> None:
    """A service in an environment, and one whose name reads the same in capitals."""
    inside = Target(service="shop", environment="prod", webhook="one")
    beside = Target(service="shop-prod", webhook="two")
    for target in (inside, beside):
        applied(client, target=target)
    assert len(fake.variables) == 2
    list(apply(client, beside, plan_removal(client, beside)))
    assert actions(plan(client, inside, wanted(target=inside))) == {Action.KEEP}


def test_services_and_environments_do_not_touch_each_other(client: Client, fake: Fake) -> None:
    """One without environment does not take those with one for its own."""
    production = Target(service="shop", environment="prod", webhook="prod")
    applied(client, target=production)
    assert {
        each.action for each in plan(client, TARGET, wanted()) if each.kind is Kind.MONITOR
    } == {Action.CREATE}
    applied(client)
    assert actions(plan(client, production, wanted(target=production))) == {Action.KEEP}


def test_a_webhook_of_somebody_else_is_not_taken(client: Client, fake: Fake) -> None:
    """Neither overwritten nor removed."""
    fake.webhooks["open-balancer"] = {"name": "open-balancer", "url": "https://x", "payload": "{"}
    with pytest.raises(InputError, match="--webhook: the webhook 'open-balancer' exists"):
        plan(client, TARGET, wanted())
    assert plan_removal(client, TARGET) == ()


def test_many_monitors_are_read_page_by_page(client: Client, fake: Fake) -> None:
    """More than one page of them."""
    applied(client)
    template = next(iter(fake.monitors.values()))
    for number in range(1000, 1150):
        tags = [*TARGET.tags, f"open_balancer_key:old-{number}"]
        fake.monitors[number] = template | {"id": number, "tags": tags}
    assert len([each for each in applied(client) if each.action is Action.DELETE]) == 150


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://x.org", "expected an https address"),
        ("balancer", "expected an https"),
        ("https://u:p@x.org", "expected an https"),
    ],
)
def test_an_address_that_datadog_cannot_use_is_refused(url: str, problem: str) -> None:
    """Before anything is made."""
    with pytest.raises(InputError, match=problem):
        definitions_of(default_policy(), TARGET, url, SECRET)


def test_a_weak_secret_is_refused() -> None:
    """And not shown."""
    with pytest.raises(InputError, match="found 5 characters, expected at least 32"):
        definitions_of(default_policy(), TARGET, URL, "weak!")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"service": "Shop"}, "--service: found 'Shop'"),
        ({"service": "a,b"}, "--service"),
        ({"service": "a", "environment": ""}, "--env"),
        ({"service": "a", "webhook": "a b"}, "--webhook"),
        ({"service": "a", "notify": ("slack",)}, "--notify"),
    ],
)
def test_a_name_that_datadog_would_change_is_refused(
    changes: dict[str, object], problem: str
) -> None:
    """What is found by a tag must be tagged as it was."""
    with pytest.raises(InputError, match=problem):
        Target(**changes)  # type: ignore[arg-type]
