"""Prices of other tables: read, held against ours, and written as a table of a user's own."""
