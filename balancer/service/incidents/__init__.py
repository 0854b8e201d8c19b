"""Incidents: opened, changed and closed by the controller's mode, kept, told and summed up."""

from __future__ import annotations
