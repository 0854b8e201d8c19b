"""The report of a comparison of laws."""
