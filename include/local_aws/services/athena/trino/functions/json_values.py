"""JSON."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.writer import Writer, builder, constant, quoted_text

FUNCTIONS: dict[str, Function] = {
    "is_json_scalar": Function("trino_is_json_scalar({0})", 1, 1),
    "json_array_get": Function("trino_json_array_get({0}, {1})", 2, 2),
    "json_array_length": Function("trino_json_array_length({0})", 1, 1),
    "json_format": Function("CAST({0} AS VARCHAR)", 1, 1),
    "json_parse": Function("CAST(python_json_parse({0}) AS JSON)", 1, 1, strings=(0,)),
}  # fmt: skip


# One step of a path: an index, .key, ["key"], ['key'] or [key].
_STEP = re.compile(
    r"""\[(\d+)\] | \.([^.\[\]"*?]+) | \["([^"]*)"\] | \['([^']*)'\] | \[([^\]"'*?]+)\]""", re.VERBOSE
)


@builder("json_extract_scalar", "json_extract", "json_size")
def _at_path(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _unused = writer.arguments(node, 2, 2)
    path = constant(writer, node.expressions[1], "a JSON path")
    return f"trino_{node.name.lower()}({value}, {quoted_text(duckdb_path(path))})"


def duckdb_path(path: str) -> str:
    """A path with every key in quotes: ``$.a[0]["b c"][d]`` -> ``$."a"[0]."b c"."d"``. Raises QueryFailed."""
    if not re.fullmatch(rf"\$(?:{_STEP.pattern})*", path, re.VERBOSE):
        raise not_supported(f"the JSON path '{path}'")

    def step(found: re.Match[str]) -> str:
        index, *keys = found.groups()
        return f"[{index}]" if index else f'."{next(key for key in keys if key is not None)}"'

    return _STEP.sub(step, path)


@builder("json_array_contains", typed=True)
def _json_array_contains(writer: Writer, node: exp.Anonymous, _: str) -> str:
    array, value = writer.arguments(node, 2, 2)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "false")
    tests = {
        "number": f"json_type(e__) IN ('BIGINT', 'UBIGINT', 'DOUBLE') AND CAST(e__ AS DOUBLE) = {value}",
        "varchar": f"json_type(e__) = 'VARCHAR' AND (e__ ->> '$') = {value}",
        "BOOLEAN": f"json_type(e__) = 'BOOLEAN' AND CAST(e__ AS BOOLEAN) = {value}",
    }
    if types[1].family not in tests:
        raise writer.no_such_function(node, types)
    items = f"TRY(CAST(CAST({array} AS VARCHAR) AS JSON[]))"
    return f"(len(list_filter({items}, lambda e__: {tests[types[1].family]})) > 0)"
