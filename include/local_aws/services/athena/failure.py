"""How a query fails: the words and numbers that Athena answers."""

from __future__ import annotations

# Athena's categories of a failed query (AthenaError.ErrorCategory).
SYSTEM, USER, OTHER = 1, 2, 3


class QueryFailed(Exception):
    """The query ends as FAILED; ``reason`` becomes its StateChangeReason.

    Args:
        reason: as Trino words it, e.g. ``"TABLE_NOT_FOUND: line 1:15: Table '…' does not exist"``.
        category: SYSTEM, USER or OTHER.
        error_type: Athena's number of the kind of error; 1006 is "generic user error".
    """

    def __init__(self, reason: str, *, category: int = USER, error_type: int = 1006) -> None:
        super().__init__(reason)
        self.reason = reason
        self.category = category
        self.error_type = error_type


class QueryCancelled(Exception):
    """Stop was asked for while the query ran."""


def not_supported(what: str) -> QueryFailed:
    """The stand-in knows what is meant and cannot do it; it says so instead of guessing."""
    return QueryFailed(f"NOT_SUPPORTED: {what} (a limit of the local AWS stand-in)", error_type=1100)
