"""`open-balancer dashboards`: dashboards and alert rules as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..prometheus_names import Translation
from .endings import told
from .whole_files import check_directory, write_whole

__all__ = ["dashboards"]

GRAFANA = "grafana-dashboard.json"
DATADOG = "datadog-dashboard.json"
MONITORS = "datadog-monitors.json"
PROMETHEUS = "prometheus-alerts.yaml"


def dashboards(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Directory for the files.")] = Path(
        "balancer-dashboards"
    ),
    policy: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Whose thresholds; the default policy without."),
    ] = None,
    service: Annotated[
        str,
        typer.Option(
            metavar="NAME", envvar="OTEL_SERVICE_NAME", help="`service.name` of the application."
        ),
    ] = "open-balancer",
    translation: Annotated[
        Translation,
        typer.Option(help="How Prometheus names metrics: its `otlp: translation_strategy:`."),
    ] = Translation.UNDERSCORES,
) -> None:
    """Write dashboards (Grafana, Datadog) and alerts (Prometheus, Datadog) for a policy.

    The same policy gives the same files, byte for byte; earlier ones are replaced.
    """
    with told():
        from ..installation import require

        check_directory(out)
        require(packages=(), extras=("dashboards",))
        texts = _texts(policy, service, translation)
        write_whole(out, texts)
    for name in texts:
        typer.echo(f"{out / name}")


def _texts(policy_file: Path | None, service: str, translation: Translation) -> dict[str, str]:
    import json

    from ..adapters.dashboards.alert_file import alerts_text
    from ..adapters.dashboards.grafana import dashboard_text
    from ..adapters.datadog.dashboard import dashboard_of
    from ..adapters.datadog.monitors import Target, monitors_of
    from ..policy_file import load_policy

    # Datadog keeps tags in lower case, and shows them so.
    target = Target(service=service.lower())
    policy = load_policy(policy_file)

    def json_text(value: object) -> str:
        return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"

    return {
        GRAFANA: dashboard_text(policy, service, translation),
        DATADOG: json_text(dashboard_of(target)),
        MONITORS: json_text(monitors_of(policy, target)),
        PROMETHEUS: alerts_text(policy, service, translation),
    }
