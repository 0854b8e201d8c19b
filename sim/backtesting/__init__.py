"""Backtests: candidates on the scenario that production journals were fitted to."""
