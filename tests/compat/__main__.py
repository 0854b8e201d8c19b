"""`make compat`: real clients through the proxy, against the mock, beside the same directly.

    python -m tests.compat docs/reference/clients.md [--client NAME]... [--environments DIR]

Each client has an environment of its own, made when it is first needed (pip, and npm for Node).
Exits with 1 if a call comes to less through us than directly.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from balancer.core.policy import Policy
from balancer.policy_file import load_policy

from .clients import CLIENTS, Client, command_of
from .driver import Driver
from .page import Tried, measured, worse, write
from .trying import trial


def main(arguments: Sequence[str]) -> bool:
    """Try what is asked for and write it down; whether nothing was worse."""
    parser = argparse.ArgumentParser(prog="python -m tests.compat", description="Real clients.")
    parser.add_argument("path", type=Path, help="the page; what is written by hand is kept")
    names = [client.name for client in CLIENTS]
    parser.add_argument(
        "--client", action="append", choices=names, metavar="NAME", help=", ".join(names)
    )
    parser.add_argument("--environments", type=Path, default=Path(".venv-compat"), metavar="DIR")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="the default policy without")
    parser.add_argument("--model", default="gemini-3.8-flash", help="that the clients name")
    asked = parser.parse_args(arguments)
    os.environ["COMPAT_MODEL"] = asked.model
    results = []
    policy = load_policy(asked.policy)
    for client in CLIENTS:
        if asked.client is None or client.name in asked.client:
            tried = _try(client, policy, asked.environments.absolute())
            results.append(tried)
            found = worse(tried)
            verdict = f"{len(found)} worse than without us" if found else "as without us"
            print(f"{client.title} {tried.version or 'not tried'}: {verdict}", flush=True)
    write(asked.path, measured(results, asked.model, datetime.now(UTC).date()))
    return not any(worse(tried) for tried in results)


def _try(client: Client, policy: Policy, environments: Path) -> Tried:
    try:
        command, variables = command_of(client, environments)
        driver = Driver(command, variables)
    except (subprocess.CalledProcessError, OSError, RuntimeError) as error:
        print(f"{client.title} cannot be tried: {error}", file=sys.stderr)
        return Tried(client=client, well={}, ill={})
    # A mock and a proxy of its own, whose retry budget nobody else has spent.
    with (
        driver,
        tempfile.TemporaryDirectory(prefix="compat-") as data,
        trial(Path(data), policy) as both,
    ):
        return Tried(
            client=client,
            version=driver.version,
            well=both.in_modes(driver),
            ill=both.while_ill(driver),
        )


if __name__ == "__main__":
    sys.exit(0 if main(sys.argv[1:]) else 1)
