"""`open-balancer notify test`: do notices arrive?"""

from __future__ import annotations

import os

import typer

from .endings import FAIL, told

__all__ = ["notify_app"]

notify_app = typer.Typer(
    help="Notices in Slack, Microsoft Teams and webhooks.", no_args_is_help=True
)


@notify_app.callback()
def notify() -> None:
    """Notices in Slack, Microsoft Teams and webhooks."""


@notify_app.command("test")
def test() -> None:
    """Send a test notice through every channel of OPEN_BALANCER_NOTIFY and of the escalation.

    Exit code 0: all took it; 1: one did not; 2: no channel, or one that cannot be used.
    """
    with told():
        from ..adapters.notify.channels import VARIABLE
        from ..adapters.notify.settings import NotifySettings
        from ..adapters.notify.trial import try_channels
        from ..core.errors import InputError

        settings = NotifySettings.from_environment(os.environ)
        if not settings.channels:
            raise InputError(
                "is not set; expected the URLs of channels, with spaces between them, such as "
                "https://hooks.slack.com/services/…",
                where=VARIABLE,
            )
        failed = False
        for trial in try_channels(
            settings.every_channel, service=settings.service, link=settings.link
        ):
            came = f"ok ({trial.seconds:.2f} s)" if trial.ok else f"FAILED: {trial.problem}"
            typer.echo(f"{trial.channel.name}: {came}")
            failed = failed or not trial.ok
    if failed:
        raise typer.Exit(FAIL)
