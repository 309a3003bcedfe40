"""JSON."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.writer import Writer, builder, constant, quoted_text

FUNCTIONS: dict[str, Function] = {
    "json_parse": Function("CAST({0} AS JSON)", 1, 1, strings=(0,)),
    "json_format": Function("CAST({0} AS VARCHAR)", 1, 1),
    "json_array_length": Function("CAST(json_array_length({0}) AS BIGINT)", 1, 1),
}  # fmt: skip


@builder("json_extract_scalar", "json_extract")
def _json_extract(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _ = writer.arguments(node, 2, 2)
    path = constant(writer, node.expressions[1], "a JSON path")
    if not path.startswith("$") or "*" in path or ".." in path or "?" in path:
        raise not_supported(f"the JSON path '{path}'")
    # DuckDB writes a quoted key ."key", Trino ["key"].
    path = re.sub(r"""\[(?:"([^"]*)"|'([^']*)')\]""", lambda found: f'."{found[1] or found[2]}"', path)
    return f"trino_{node.name.lower()}({value}, {quoted_text(path)})"
