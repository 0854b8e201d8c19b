"""One run: the plant under a controller, with faults, monitors, telemetry, and what came of it."""
