"""Scenario files: their format, the loader, and the library that ships."""
