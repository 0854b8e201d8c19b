"""Migrations of the history, for Alembic."""
