"""Whether the harness beside this package is ours and complete, before a command imports it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from .core.errors import InputError

__all__ = ["HARNESS", "how_to_install", "require"]

HARNESS = ("scenarios", "sim", "reports")
"""Top-level packages that ship with this one, the lowest first."""

_EXTRAS = {
    "sim": ("simpy", "numba", "numpy", "scipy"),
    "report": ("matplotlib", "jinja2"),
    "cluster": ("distributed",),
    "dashboards": ("grafana_foundation_sdk",),
    "datadog": ("datadog_api_client",),
    "fleet": ("redis",),
    "gemini": ("google.genai",),
    "genai-prices": ("genai_prices",),
    "load": ("locust",),
    "notify": ("aiohttp",),
    "operator": ("kopf", "aiohttp"),
    "oidc": ("authlib", "httpx", "joserfc"),
    "service": ("fastapi", "uvicorn", "aiohttp", "sqlalchemy", "alembic", "jinja2", "markdown_it"),
    "tune": ("optuna",),
    "telemetry": (
        "opentelemetry.sdk",
        "opentelemetry.exporter.otlp.proto.grpc",
        "opentelemetry.exporter.prometheus",
    ),
    "mock": ("httptools", "orjson", "uvicorn"),
    "test": ("hypothesis",),
}


def require(*, packages: Sequence[str] = HARNESS, extras: Sequence[str] = ()) -> None:
    """Make sure that what a command is about to import is there, and ours.

    Their names are common words: a `reports` of the user's own, found first on the path,
    would be imported in place of ours and fail in ways nobody understands.

    Raises:
        InputError: a package is shadowed or missing, or an extra is not installed.
    """
    home = Path(__file__).resolve().parent.parent
    for name in packages:
        _require_ours(name, home)
    for extra in extras:
        missing = [module for module in _EXTRAS[extra] if not _is_there(module)]
        if missing:
            raise InputError(
                f"this command needs {', '.join(missing)}, which the extra {extra!r} brings; "
                f"install it: {how_to_install(*extras)}"
            )


def how_to_install(*extras: str) -> str:
    """The command that installs extras: in a clone, as the package is in no index yet."""
    named = ",".join(extras)
    return f"pip install '.[{named}]' in a clone, or 'open-balancer[{named}]' from your own index"


def _is_there(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # the package that it would be in
        return False


def _require_ours(name: str, home: Path) -> None:
    module = sys.modules.get(name)
    spec = module.__spec__ if module is not None else find_spec(name)
    if spec is None:
        raise InputError(
            f"the package {name!r}, which ships with open-balancer, is missing beside "
            f"{home / 'balancer'}; install open-balancer again"
        )
    origin = Path(spec.origin) if spec.origin else None
    ours = home / name
    if origin is not None and origin.resolve().parent == ours:
        return
    place = origin or next(iter(spec.submodule_search_locations or ()), "an unknown place")
    raise InputError(
        f"{place} hides open-balancer's own package {name!r} ({ours}); rename it, or run the "
        "command from another directory and without it on PYTHONPATH"
    )
