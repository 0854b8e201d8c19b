"""The playground: a policy's numbers are moved, and an hour is seen again at once."""
