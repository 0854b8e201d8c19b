"""Recorded traffic: what public traces look like, and the window of one that is read.

`lines` reads text of bounded size, packed or not; `formats` knows the columns and clocks of each
format, `own` those of a file of one's own, `rows` converts what they hold; `window` keeps what a
scenario asks for.
"""

from .formats import FORMATS
from .layout import Layout, layout_of
from .own import Sheet, sheet
from .window import Trace, read_trace

__all__ = ["FORMATS", "Layout", "Sheet", "Trace", "layout_of", "read_trace", "sheet"]
