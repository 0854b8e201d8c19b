"""The console at `/console`: pages for operators, with everything that they load beside them.

`Console` is what its pages share, `Page` is how a page is told to it. A page that needs the
simulator stands above the library and is handed in (`create_app`).
"""

from .frame import Console
from .gate import visitor_of
from .pages import Page

__all__ = ["Console", "Page", "visitor_of"]
