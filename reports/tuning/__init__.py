"""The report of a tuning: its front, the trade in words, what matters and what holds."""
