"""Judging models: what would be served is scored on rows that nobody has learned from, and compared."""
