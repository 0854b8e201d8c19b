"""Load tests: a scenario played in wall time, against a mock or the real Gemini, and judged."""
