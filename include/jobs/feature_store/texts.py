"""Curated columns as the texts that the feature store keeps.

    string      as it is
    integer     12
    number      0.1, 1e-7; null where it is not a number
    boolean     1 or 0
    timestamp   2026-01-15T10:00:00.123456, 2026-01-15T10:00:00
    date        2026-01-15

A number's text is the shortest that reads back the same, to the last bit; :mod:`jobs.feature_store.records`
reads it.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from jobs.glue.rules import ARROW_TYPES

# As the cleaning job writes them.
PLAIN = {kind: pa.type_for_alias(name) for kind, name in ARROW_TYPES.items()}


def as_text(column: pa.ChunkedArray, kind: str) -> pa.ChunkedArray:
    """The texts of a column of one of the workflow file's types; null where it has no value.

    Raises ArrowInvalid for a value that the type does not have, such as 1.5 of an integer; there is none in a
    column whose type is ``PLAIN``.
    """
    if kind == "number":
        column = column.cast(pa.float64())
        column = pc.if_else(pc.is_finite(column), column, pa.scalar(None, pa.float64()))
    elif kind == "boolean":
        column = column.cast(pa.int8())
    elif kind == "timestamp":
        column = pc.strftime(column.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")
        return pc.replace_substring_regex(column, r"\.0{6}$", "")
    elif kind == "integer":
        if pa.types.is_floating(column.type):  # whole numbers with gaps, as pandas holds them
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        column = column.cast(pa.int64())
    return column.cast(pa.string())
