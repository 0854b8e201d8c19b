"""`open-balancer datadog`: what Datadog has to know of a policy, and checks of its queries."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .endings import FAIL, told
from .json_file import check_writable
from .whole_files import write_whole

if TYPE_CHECKING:
    from ..adapters.datadog.client import Client
    from ..adapters.datadog.definitions import Definition
    from ..adapters.datadog.monitors import Target

__all__ = ["datadog_app"]

datadog_app = typer.Typer(
    help="Monitors, webhook and dashboard of a policy in Datadog.", no_args_is_help=True
)


PolicyFile = Annotated[
    Path | None, typer.Option("--policy", metavar="FILE", help="The default policy without.")
]
Service = Annotated[
    str,
    typer.Option(
        metavar="NAME", envvar="OTEL_SERVICE_NAME", help="Tag `service` of the application."
    ),
]
Environment = Annotated[
    str | None, typer.Option("--env", metavar="NAME", help="Its tag `env`; all of them without.")
]
Webhook = Annotated[str, typer.Option(metavar="NAME", help="Name of the webhook in Datadog.")]
WebhookUrl = Annotated[
    str,
    typer.Option(
        metavar="URL",
        envvar="OPEN_BALANCER_URL",
        help="Public https address of the service.",
    ),
]
Notify = Annotated[
    list[str] | None,
    typer.Option(metavar="HANDLE", help="Mention in every monitor: @slack-oncall. Repeatable."),
]


@datadog_app.command()
def plan(
    webhook_url: WebhookUrl,
    policy: PolicyFile = None,
    service: Service = "open-balancer",
    env: Environment = None,
    webhook: Webhook = "open-balancer",
    notify: Notify = None,
    check: Annotated[
        bool, typer.Option("--check", help="Exit with 1 when something is to be changed.")
    ] = False,
) -> None:
    """Show what `apply` would change."""
    with told():
        from ..adapters.datadog import applying
        from .datadog_changes import show_changes, to_change

        target = _target(service, env, webhook, notify)
        with _client() as client:
            changes = applying.plan(
                client, target, _definitions(client, policy, target, webhook_url)
            )
        show_changes(changes)
    if check and to_change(changes):
        raise typer.Exit(FAIL)


@datadog_app.command()
def apply(
    webhook_url: WebhookUrl,
    policy: PolicyFile = None,
    service: Service = "open-balancer",
    env: Environment = None,
    webhook: Webhook = "open-balancer",
    notify: Notify = None,
) -> None:
    """Create and change monitors, webhook and dashboard; interrupted, run it again."""
    with told():
        from ..adapters.datadog import applying
        from .datadog_changes import show_change, show_total

        target = _target(service, env, webhook, notify)
        with _client() as client:
            changes = applying.plan(
                client, target, _definitions(client, policy, target, webhook_url)
            )
            done = []
            for change in applying.apply(client, target, changes):
                show_change(change)
                done.append(change)
        show_total(done)


@datadog_app.command()
def destroy(
    service: Service = "open-balancer",
    env: Environment = None,
    webhook: Webhook = "open-balancer",
) -> None:
    """Remove what `apply` made for this service, and nothing else."""
    with told():
        from ..adapters.datadog import applying
        from .datadog_changes import show_change, show_total

        target = _target(service, env, webhook, None)
        with _client() as client:
            done = []
            for change in applying.apply(client, target, applying.plan_removal(client, target)):
                show_change(change)
                done.append(change)
        show_total(done)


def _target(service: str, env: str | None, webhook: str, notify: list[str] | None) -> Target:
    from ..adapters.datadog.monitors import Target

    return Target(service=service, environment=env, webhook=webhook, notify=tuple(notify or ()))


@contextmanager
def _client() -> Iterator[Client]:
    from ..adapters.datadog.client import Client
    from ..adapters.datadog.settings import settings_from

    with Client(settings_from(os.environ)) as client:
        yield client


def _definitions(
    client: Client, policy: Path | None, target: Target, url: str
) -> tuple[Definition, ...]:
    from ..adapters.datadog.definitions import definitions_of
    from ..policy_file import load_policy

    secret = os.environ.get("OPEN_BALANCER_WEBHOOK_SECRET", "").partition(",")[0].strip()
    client.hide(secret)
    return definitions_of(load_policy(policy), target, url, secret)


@datadog_app.command()
def check(
    file: Annotated[Path, typer.Argument(help="JSON: a detection rule, or a list of them.")],
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rules here, with the better queries."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 when a rule measures something else.")
    ] = False,
) -> None:
    """Check detection rules: whether each query is valid, and right for its purpose."""
    with told():
        import json

        from ..adapters.datadog.advice import advise_rule
        from ..adapters.datadog.rules import parse_rules
        from ..core.errors import InputError
        from ..documents import read_text

        check_writable(out)
        rules = parse_rules(read_text(file, InputError), str(file))
        wrong, better = 0, []
        for rule in rules:
            query = rule.query
            typer.echo(f"{rule.name}: {rule.parsed}")
            for advice in advise_rule(rule):
                wrong += 1
                typer.echo(f"  warning: {advice.problem}")
                if advice.better is not None:
                    query = str(advice.better)
                    typer.echo(f"  use: {query}")
            better.append(
                {
                    "name": rule.name,
                    "query": query,
                    "message": rule.message,
                    "tags": list(rule.tags),
                    **rule.rest,
                }
            )
        if out is not None:
            write_whole(out.parent, {out.name: json.dumps(better, indent=2) + "\n"})
    plural = "" if len(rules) == 1 else "s"
    typer.echo(f"{file}: {len(rules)} valid rule{plural}, {wrong or 'no'} warnings")
    if strict and wrong:
        raise typer.Exit(FAIL)
