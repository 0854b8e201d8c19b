"""Recorded traffic: what public traces look like, and the window of one that is read.

`lines` reads text of bounded size, packed or not; `formats` knows the columns and clocks of each
format, `rows` converts what they hold; `window` keeps what a scenario asks for.
"""

from .formats import FORMATS
from .window import Trace, read_trace

__all__ = ["FORMATS", "Trace", "read_trace"]
