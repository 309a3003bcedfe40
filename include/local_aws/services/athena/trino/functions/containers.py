"""Arrays, maps and rows."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.casts import text_of
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.types import INTEGERS, UNKNOWN
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    "array_distinct": Function("trino_array_distinct({0})", 1, 1),
    "array_except": Function("trino_array_except({0}, {1})", 2, 2),
    "array_histogram": Function("trino_array_histogram({0})", 1, 1),
    "array_intersect": Function("trino_array_intersect({0}, {1})", 2, 2),
    "array_max": Function("trino_array_max({0})", 1, 1),
    "array_min": Function("trino_array_min({0})", 1, 1),
    "array_position": Function("coalesce(list_position({0}, {1}), 0)", 2, 2),
    "array_remove": Function("list_filter({0}, lambda x__: coalesce(x__ <> {1}, true))", 2, 2),
    "array_union": Function("trino_array_distinct(list_concat({0}, {1}))", 2, 2),
    "arrays_overlap": Function("trino_arrays_overlap({0}, {1})", 2, 2),
    "contains": Function("trino_contains({0}, {1})", 2, 2),
    "contains_sequence": Function("trino_contains_sequence({0}, {1})", 2, 2),
    "filter": Function("list_filter({0}, {1})", 2, 2),
    "transform": Function("list_transform({0}, {1})", 2, 2),
    "any_match": Function("trino_any(list_transform({0}, {1}))", 2, 2),
    "all_match": Function("trino_all(list_transform({0}, {1}))", 2, 2),
    "none_match": Function("(NOT trino_any(list_transform({0}, {1})))", 2, 2),
    "flatten": Function("flatten({0})", 1, 1),
    "ngrams": Function("trino_ngrams({0}, {1})", 2, 2),
    "shuffle": Function(
        "list_transform(list_sort(list_transform({0}, lambda x__: row(random(), x__))), lambda r__: r__[2])",
        1, 1,
    ),
    "slice": Function("trino_slice({0}, {1}, {2})", 3, 3),
    "trim_array": Function("trino_trim_array({0}, {1})", 2, 2),
    "repeat": Function("list_transform(range({1}), lambda i__: {0})", 2, 2),
    "zip": Function("list_zip({*})", 2, 5),
    "map": Function("map({*})", 0, 2),
    "map_keys": Function("map_keys({0})", 1, 1),
    "map_values": Function("map_values({0})", 1, 1),
    "map_entries": Function("list_transform(map_entries({0}), lambda e__: row(e__.key, e__.value))", 1, 1),
    "map_from_entries": Function("trino_map({0})", 1, 1),
    "multimap_from_entries": Function("trino_multimap({0})", 1, 1),
    "map_concat": Function("map_concat({*})", 2),
    "row": Function("row({*})", 1),
}  # fmt: skip


@builder("array_sort")
def _array_sort(writer: Writer, node: exp.Anonymous, _: str) -> str:
    array = writer.arguments(node, 1, 2)[0]
    if len(node.expressions) == 1:
        return f"list_sort({array}, 'ASC', 'NULLS LAST')"
    # DuckDB sorts by no comparator, so each element's place is counted: how many stand before it.
    one, other = writer.fresh(), writer.fresh()
    compared = writer.applied(node.expressions[1], f"{array}[{other}]", f"{array}[{one}]")
    before = (
        f"len(list_filter(range(1, len({array}) + 1), lambda {other}: {compared} < 0"
        f" OR ({compared} = 0 AND {other} < {one})))"
    )
    ranked = f"list_transform(range(1, len({array}) + 1), lambda {one}: row({before}, {one}))"
    return f"list_transform(list_sort({ranked}), lambda r__: {array}[r__[2]])"


@builder("array_join", typed=True)
def _array_join(writer: Writer, node: exp.Anonymous, _: str) -> str:
    array, *rest = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "''")
    if types[0].name == "LIST":
        written = text_of("x__", types[0].children[0])
        if len(rest) == 2:
            written = f"coalesce({written}, {rest[1]})"
        array = f"list_transform({array}, lambda x__: {written})"
    elif types[0].name not in UNKNOWN:
        raise writer.no_such_function(node, types)
    return f"array_to_string({array}, {rest[0]})"


@builder("zip_with")
def _zip_with(writer: Writer, node: exp.Anonymous, _: str) -> str:
    left, right, _unused = writer.arguments(node, 3, 3)
    place_ = writer.fresh()
    applied = writer.applied(node.expressions[2], f"{left}[{place_}]", f"{right}[{place_}]")
    longest = f"CASE WHEN len({left}) > len({right}) THEN len({left}) ELSE len({right}) END"
    merged = f"list_transform(range(1, ({longest}) + 1), lambda {place_}: {applied})"
    return f"CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {merged} END"


@builder("map_filter")
def _map_filter(writer: Writer, node: exp.Anonymous, _: str) -> str:
    map_, _unused = writer.arguments(node, 2, 2)
    entry = writer.fresh()
    kept = writer.applied(node.expressions[1], f"{entry}.key", f"{entry}.value")
    return f"{writer.map_of}(list_filter(map_entries({map_}), lambda {entry}: {kept}))"


@builder("transform_values", "transform_keys")
def _transform_map(writer: Writer, node: exp.Anonymous, _: str) -> str:
    map_, _unused = writer.arguments(node, 2, 2)
    entry = writer.fresh()
    made = writer.applied(node.expressions[1], f"{entry}.key", f"{entry}.value")
    pair = f"{made}, {entry}.value" if node.name.lower() == "transform_keys" else f"{entry}.key, {made}"
    return f"{writer.map_of}(list_transform(map_entries({map_}), lambda {entry}: row({pair})))"


@builder("map_zip_with")
def _map_zip_with(writer: Writer, node: exp.Anonymous, _: str) -> str:
    left, right, _unused = writer.arguments(node, 3, 3)
    key = writer.fresh()
    made = writer.applied(node.expressions[2], key, f"{left}[{key}]", f"{right}[{key}]")
    keys = f"trino_array_distinct(list_concat(map_keys({left}), map_keys({right})))"
    merged = f"{writer.map_of}(list_transform({keys}, lambda {key}: row({key}, {made})))"
    return f"CASE WHEN {left} IS NOT NULL AND {right} IS NOT NULL THEN {merged} END"


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


@builder("sequence", typed=True)
def _sequence(writer: Writer, node: exp.Anonymous, _: str) -> str:
    first, last, *step = writer.arguments(node, 2, 3)
    types = writer.types_of(node)
    if types is None:
        # What it makes of these types is not known yet; of the first argument it is in any case.
        return writer.marked(node, f"[{first}]")
    if all(kind.name in INTEGERS or kind.name in UNKNOWN for kind in types):
        by = step[0] if step else f"CASE WHEN {first} <= {last} THEN 1 ELSE -1 END"
        return f"trino_sequence({first}, {last}, {by})"
    if any(kind.family != "time" for kind in types[:2]) or (step and types[2].name != "INTERVAL"):
        raise writer.no_such_function(node, types)
    if not step:
        step = [f"CASE WHEN {first} <= {last} THEN to_days(1) ELSE to_days(-1) END"]
    elif (unit := _unit_of(node.expressions[2])) is None:
        raise not_supported(f"{place(node, writer.text)}: sequence with a step that is not a literal")
    elif unit in ("month", "quarter", "year"):
        months = f"(12 * date_part('year', {step[0]}) + date_part('month', {step[0]}))"
        return f"trino_sequence_months({first}, {last}, {months})"
    made = f"generate_series(CAST({first} AS TIMESTAMP), CAST({last} AS TIMESTAMP), {step[0]})"
    return (
        made
        if types[0].name == "TIMESTAMP"
        else f"list_transform({made}, lambda t__: CAST(t__ AS {types[0].name}))"
    )


def _unit_of(step: exp.Expr) -> str | None:
    while isinstance(step, exp.Neg | exp.Paren):
        step = step.this
    if isinstance(step, exp.Interval) and isinstance(step.args.get("unit"), exp.Var):
        return str(step.args["unit"].name).lower().removesuffix("s")
    return None


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
