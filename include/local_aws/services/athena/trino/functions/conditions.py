"""Conditions, and what a value is."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.trino.function import Function, same
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    **same("coalesce", arguments=(1, None)),
    **same("nullif", arguments=(2, 2)),
    "greatest": Function("CASE WHEN {or_null} THEN NULL ELSE greatest({*}) END", 1),
    "least": Function("CASE WHEN {or_null} THEN NULL ELSE least({*}) END", 1),
}  # fmt: skip


@builder("coalesce", "nullif", "greatest", "least", typed=True)
def _one_of(writer: Writer, node: exp.Anonymous, _: str) -> str:
    name = node.name.lower()
    written = writer.filled(node, FUNCTIONS[name], "")
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, written)
    writer.need_alike(node, name.upper(), types)
    return written


@builder("typeof", typed=True)
def _typeof(writer: Writer, node: exp.Anonymous, _: str) -> str:
    writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "''")
    argument = node.expressions[0]
    if isinstance(argument, exp.Literal) and argument.is_string:
        return f"'varchar({len(argument.this)})'"
    return f"'{types[0].trino()}'"


@builder("try")
def _try(writer: Writer, node: exp.Anonymous, _: str) -> str:
    writer.trying += 1
    try:
        (value,) = writer.arguments(node, 1, 1)
    finally:
        writer.trying -= 1
    return f"TRY({value})"
