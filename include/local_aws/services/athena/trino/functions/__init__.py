"""Trino's functions: a table a topic, name -> how DuckDB says it.

What cannot be said in a template is a function with ``@builder`` beside its table.
"""

from __future__ import annotations

from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.functions import (
    aggregates,
    conditions,
    containers,
    json_values,
    numbers,
    regexps,
    texts,
    times,
)
from local_aws.services.athena.trino.functions.not_emulated import NOT_EMULATED
from local_aws.services.athena.trino.writer import TYPED

FUNCTIONS: dict[str, Function] = {
    **conditions.FUNCTIONS,
    **numbers.FUNCTIONS,
    **texts.FUNCTIONS,
    **regexps.FUNCTIONS,
    **times.FUNCTIONS,
    **json_values.FUNCTIONS,
    **containers.FUNCTIONS,
    **aggregates.FUNCTIONS,
}


def is_typed(name: str) -> bool:
    """Whether the translation of a function depends on the types of its arguments."""
    return name in TYPED or bool((function := FUNCTIONS.get(name)) and function.typed)


__all__ = ["FUNCTIONS", "NOT_EMULATED", "is_typed"]
