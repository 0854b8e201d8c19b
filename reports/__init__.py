"""Reports: what a run showed, for people. Reads verdicts and journals, never the engine."""
