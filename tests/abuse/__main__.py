"""`python -m tests.abuse [--short]`: what must hold on a bad day, as a table.

The long form takes about half an hour, and is what `make abuse` writes to `docs/proofs.md`.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .all_of_it import LONG, SHORT, trials
from .tried import tried_table


def main() -> int:
    """Print what came of it; 1 if anything fell."""
    parser = argparse.ArgumentParser(prog="python -m tests.abuse")
    parser.add_argument("--short", action="store_true", help="a minute of it")
    asked = parser.parse_args()
    found = []
    with TemporaryDirectory() as folder:
        for each in trials(SHORT if asked.short else LONG, Path(folder)):
            sys.stderr.write(f"{each.what}: {each.held:,} of {each.cases:,} held\n")
            found.append(each)
    sys.stdout.write(tried_table(found))
    return int(any(each.fell for each in found))


if __name__ == "__main__":
    sys.exit(main())
