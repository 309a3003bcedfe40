"""Triggers: what the triggerer does while a task waits without a worker."""
