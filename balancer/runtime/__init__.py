"""The controller in a live application: clock, recorder, ticker, ledger, journal and requests."""
