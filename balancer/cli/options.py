"""Options that several commands share, word for word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Cluster",
    "LibraryScenarios",
    "OneSeed",
    "Overrides",
    "PolicyFile",
    "Quiet",
    "Replications",
    "Seed",
    "Workers",
]


Workers = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Processes. The result does not depend on it."),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Dask scheduler whose workers do it, instead of this machine: tcp://host:8786.",
        show_default=False,
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(metavar="S", min=0, max=2**63 - 1, help="Instead of the scenarios'."),
]
OneSeed = Annotated[
    int | None,
    typer.Option(metavar="S", min=0, max=2**63 - 1, help="Instead of the scenario's."),
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a key of the scenario: workload.arrivals.rate=5. May be repeated.",
        show_default=False,
    ),
]
PolicyFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Policy to try, instead of the scenario's or ours."),
]
Replications = Annotated[
    int | None,
    # As many as a scenario file may ask for.
    typer.Option(
        metavar="N", min=1, max=100_000, help="Independent runs, instead of the scenario's."
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
LibraryScenarios = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SCENARIO",
        help="Names from the library, or files. Without any: the whole library.",
        show_default=False,
    ),
]
