"""The report of a backtest: how well the fit reproduces what happened; candidates beside it."""
