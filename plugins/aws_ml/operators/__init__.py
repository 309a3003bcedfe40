"""Operators of the workflow: the Amazon provider's, made safe to retry, to kill and to restart."""
