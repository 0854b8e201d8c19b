"""`python -m tests.abuse crashes [KILLS]`: what must hold on a bad day, at length."""

from __future__ import annotations

import sys

from .crashes import main

if __name__ == "__main__":
    words = sys.argv[1:]
    if not 1 <= len(words) <= 2 or words[0] != "crashes" or not all(w.isdigit() for w in words[1:]):
        sys.exit("usage: python -m tests.abuse crashes [KILLS]")
    sys.exit(main(int(words[1]) if len(words) > 1 else 1000))
