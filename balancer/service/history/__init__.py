"""What happened, kept in a database: mode changes, orders, policy versions, incidents."""

from __future__ import annotations

from .store import Page, Store, StoreError

__all__ = ["Page", "Store", "StoreError"]
