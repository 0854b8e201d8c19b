"""Many runs: replications, verdicts, comparisons, gates and searches."""
