"""Why a job cannot be done: words for FailureReason."""

from __future__ import annotations


class Unusable(Exception):
    """The data or the request cannot be learned from; the message says what is wrong and what is allowed."""
