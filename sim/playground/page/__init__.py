"""The playground's page in the console, and the questions that it asks over HTTP."""

from .page import playground_page, playground_pages

__all__ = ["playground_page", "playground_pages"]
