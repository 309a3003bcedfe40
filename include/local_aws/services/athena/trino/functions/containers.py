"""Arrays, maps and rows."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    "array_distinct": Function("trino_array_distinct({0})", 1, 1),
    "array_max": Function("trino_array_max({0})", 1, 1),
    "array_min": Function("trino_array_min({0})", 1, 1),
    "array_sort": Function("list_sort({0}, 'ASC', 'NULLS LAST')", 1, 1),
    "array_join": Function("array_to_string({0}, {1})", 2, 2),
    "array_position": Function("coalesce(list_position({0}, {1}), 0)", 2, 2),
    "array_remove": Function("list_filter({0}, lambda x: x <> {1})", 2, 2),
    "contains": Function("trino_contains({0}, {1})", 2, 2),
    "filter": Function("list_filter({0}, {1})", 2, 2),
    "transform": Function("list_transform({0}, {1})", 2, 2),
    "any_match": Function("coalesce(list_bool_or(list_transform({0}, {1})), false)", 2, 2),
    "all_match": Function("coalesce(list_bool_and(list_transform({0}, {1})), true)", 2, 2),
    "none_match": Function("NOT coalesce(list_bool_or(list_transform({0}, {1})), false)", 2, 2),
    "flatten": Function("flatten({0})", 1, 1),
    "slice": Function("trino_slice({0}, {1}, {2})", 3, 3),
    "repeat": Function("list_transform(range({1}), lambda i: {0})", 2, 2),
    "map": Function("map({*})", 0, 2),
    "map_keys": Function("map_keys({0})", 1, 1),
    "map_values": Function("map_values({0})", 1, 1),
    "map_entries": Function("map_entries({0})", 1, 1),
    "map_from_entries": Function("map_from_entries({0})", 1, 1),
    "map_concat": Function("map_concat({*})", 2),
    "row": Function("row({*})", 1),
}  # fmt: skip


@builder("reverse", typed=True)
def _reverse(writer: Writer, node: exp.Anonymous, _: str) -> str:
    (argument,) = writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, argument)
    return f"list_reverse({argument})" if types[0].name == "LIST" else f"reverse({argument})"


@builder("cardinality", typed=True)
def _cardinality(writer: Writer, node: exp.Anonymous, _: str) -> str:
    (argument,) = writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(0 AS BIGINT)")
    if types[0].name == "MAP":
        return f"CAST(cardinality({argument}) AS BIGINT)"
    return f"len({argument})"


@builder("element_at", typed=True)
def _element_at(writer: Writer, node: exp.Anonymous, _: str) -> str:
    container, index = writer.arguments(node, 2, 2)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, f"{container}[{index}]")
    if types[0].name == "MAP":
        return f"{container}[{index}]"
    return f"trino_array_element({container}, {index})"


@builder("sequence")
def _sequence(writer: Writer, node: exp.Anonymous, _: str) -> str:
    arguments = writer.arguments(node, 2, 3)
    if any(isinstance(part, exp.Literal) and part.is_number for part in node.expressions[:2]):
        return f"generate_series({', '.join(arguments)})"
    if len(arguments) == 2:
        return f"generate_series({', '.join(arguments)})"
    first, last, step = arguments
    is_date = all(
        (isinstance(part, exp.Cast) and part.args["to"].is_type("date"))
        or isinstance(part, exp.CurrentDate)
        or (isinstance(part, exp.Anonymous) and part.name.lower() == "date")
        for part in node.expressions[:2]
    )
    if is_date and isinstance(node.expressions[2], exp.Interval):
        return f"list_transform(generate_series({first}, {last}, {step}), lambda d: CAST(d AS DATE))"
    return f"generate_series({first}, {last}, {step})"


@builder("reduce")
def _reduce(writer: Writer, node: exp.Anonymous, _: str) -> str:
    if len(node.expressions) != 4 or not isinstance(node.expressions[3], exp.Lambda):
        raise not_supported("reduce without an output function")
    array, start, step, output = node.expressions
    name = writer.sql(output.expressions[0])
    reduced = f"list_reduce({writer.sql(array)}, {writer.sql(step)}, {writer.sql(start)})"
    if writer.sql(output.this) == name:
        return reduced
    return f"list_transform([{reduced}], {writer.sql(output)})[1]"
