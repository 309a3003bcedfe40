"""The one kind of error that the launcher shows: a sentence for the person at the terminal."""

from __future__ import annotations


class Problem(Exception):
    """What went wrong and what to do about it, in words that need no traceback."""
