"""Thresholds found by search: a front of policies over the scenarios that matter to somebody."""
