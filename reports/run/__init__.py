"""The report of a run: verdict, timelines, what the policy gave and cost."""
