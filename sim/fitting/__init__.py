"""A scenario fitted to production journals: traffic, upstream and what went wrong."""
