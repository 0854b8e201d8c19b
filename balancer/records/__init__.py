"""Files that runs, gates, comparisons, tunings and backtests leave, each declared once."""
