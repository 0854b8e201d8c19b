"""Every current model in every mode, by Google's client for JavaScript through the proxy.

    python -m tests.compat.every_model [--environments DIR]

Exits with 1 if the upstream refuses anything.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from balancer.core.catalog import ModelCard
from balancer.core.modes import MODES, Mode
from balancer.policy_file import default_policy
from sim.mock_gemini.admin_client import Admin
from sim.mock_gemini.server import Addresses, MockServer
from tests.mock_gemini.caller import settings
from tests.service.conftest import serving

from .clients import CLIENTS, command_of

_SCRIPT = Path(__file__).with_suffix(".mjs")


def main(environments: Path) -> bool:
    """Try all of them; whether nothing was refused."""
    (client,) = (each for each in CLIENTS if each.of_node)
    _, variables = command_of(client, environments)
    catalog = default_policy().catalog
    cards = [
        card
        for card in catalog.cards
        if card.family and not (card.shutdown and card.shutdown <= catalog.as_of)
    ]
    named = json.dumps([{"name": card.name, "thoughts": _thoughts(card)} for card in cards])
    with MockServer(settings(latency=False, call_share=1.0)) as mock:
        for mode in MODES:
            problem = _in_mode(mode, mock.addresses, named, variables)
            found = Admin(mock.addresses.admin_url, mock.addresses.token).counters()
            calls, refused = found["total"]["finished"], found["refused"]
            print(f"{mode.label}: {len(cards)} models, {calls} calls so far, refused: {refused}")
            if problem or refused:
                print(problem)
                return False
    return True


def _in_mode(mode: Mode, mock: Addresses, named: str, variables: Any) -> str:
    default = default_policy()
    strategy = replace(default.strategies[mode], shed=(0.0, 0.0, 0.0), retries=0)
    policy = replace(default, strategies=(strategy,) * 4, baseline=None)
    with (
        tempfile.TemporaryDirectory(prefix="compat-") as data,
        serving(Path(data), policy=policy, upstream=mock.url) as service,
    ):
        done = subprocess.run(
            ["node", str(_SCRIPT), service.url, named],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        withdrawn = service.balancer.status().withdrawn
    return done.stderr[-2000:] if done.returncode else "; ".join(withdrawn)


def _thoughts(card: ModelCard) -> list[dict[str, Any] | None]:
    """Settings that a caller may give: none, the least and the most."""
    if card.levels:
        return [None, *({"thinkingLevel": level} for level in (card.levels[0], card.levels[-1]))]
    assert card.budget is not None
    ends = (0 if card.off else card.budget[0], card.budget[1], -1)
    return [None, *({"thinkingBudget": end} for end in ends)]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.compat.every_model")
    parser.add_argument("--environments", type=Path, default=Path(".venv-compat"), metavar="DIR")
    sys.exit(0 if main(parser.parse_args().environments.absolute()) else 1)
