"""Aggregates and windows."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.trino.decimals import decimal_division
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.function import Function, aggregates
from local_aws.services.athena.trino.types import INTEGERS, UNKNOWN, DuckType
from local_aws.services.athena.trino.writer import Writer, builder

FUNCTIONS: dict[str, Function] = {
    **aggregates("min", "max", arguments=(1, 2)),
    **aggregates("array_agg", "bool_and", "bool_or", "any_value", arguments=(1, 1)),
    **aggregates("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", arguments=(1, 1)),
    **aggregates(
        "corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", "regr_count", "regr_r2",
        "regr_avgx", "regr_avgy", "regr_sxx", "regr_sxy", "regr_syy",
        arguments=(2, 2),
    ),
    **aggregates("kurtosis", "histogram", arguments=(1, 1)),
    "count": Function("count({*})@", 0, 1, aggregate=True),
    "every": Function("bool_and({0})@", 1, 1, aggregate=True),
    "arbitrary": Function("any_value({0})@", 1, 1, aggregate=True),
    "count_if": Function("count(CASE WHEN {0} THEN 1 END)@", 1, 1, aggregate=True),
    "geometric_mean": Function("geomean({0})@", 1, 1, aggregate=True),
    "bitwise_and_agg": Function("bit_and({0})@", 1, 1, aggregate=True),
    "bitwise_or_agg": Function("bit_or({0})@", 1, 1, aggregate=True),
    "bitwise_xor_agg": Function("bit_xor({0})@", 1, 1, aggregate=True),
    # The mean of two independent sketches: the standard error of one is 3 %, of two 2.2 %; Trino says 2.3 %.
    "approx_distinct": Function(
        "((approx_count_distinct({0})@ + approx_count_distinct(trino_other_hash({0}))@ + 1) // 2)",
        1, 2, aggregate=True,
    ),
    "approx_most_frequent": Function(
        "trino_map(list_transform(list_sort(list_transform(map_entries(histogram({1})@),"
        " lambda e__: row(-CAST(e__.value AS BIGINT), e__.key)))[1:{0}],"
        " lambda r__: row(r__[2], CAST(-r__[1] AS BIGINT))))",
        3, 3, aggregate=True,
    ),
    # Trino's skewness is the population's, DuckDB's is corrected for a sample.
    "skewness": Function(
        "CASE WHEN count({0})@ = 2 THEN 0e0 ELSE"
        " skewness({0})@ * (count({0})@ - 2) / sqrt(count({0})@ * (count({0})@ - 1.0)) END",
        1, 1, aggregate=True,
    ),
    "map_agg": Function("trino_map_of_first(list(row({0}, {1}))@)", 2, 2, aggregate=True),
    "map_union": Function(
        "trino_map_of_first(flatten(list_transform(list({0})@, lambda m__: list_transform(map_entries(m__),"
        " lambda e__: row(e__.key, e__.value)))))",
        1, 1, aggregate=True,
    ),
    "multimap_agg": Function("trino_multimap(list(row({0}, {1}))@)", 2, 2, aggregate=True),
    "grouping": Function("grouping({*})", 1),
    # Windows
    **aggregates("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", arguments=(0, 0)),
    **aggregates("ntile", "first_value", "last_value", arguments=(1, 1)),
    **aggregates("lag", "lead", arguments=(1, 3)),
    **aggregates("nth_value", arguments=(2, 2)),
}  # fmt: skip


@builder("sum", typed=True)
def _sum(writer: Writer, node: exp.Anonymous, suffix: str) -> str:
    (argument,) = writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return f"sum({writer.marked_argument(node)}){suffix}"
    if not types[0].number and types[0].name not in UNKNOWN | {"INTERVAL"}:
        raise _no_such_aggregate(writer, node, types)
    if types[0].name == "FLOAT":
        return f"CAST(sum({argument}){suffix} AS FLOAT)"
    if types[0].name in INTEGERS:
        return f"CAST(sum({argument}){suffix} AS BIGINT)"
    return f"sum({argument}){suffix}"


@builder("avg", typed=True)
def _avg(writer: Writer, node: exp.Anonymous, suffix: str) -> str:
    (argument,) = writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return f"avg({writer.marked_argument(node)}){suffix}"
    if not types[0].number and types[0].name not in UNKNOWN | {"INTERVAL"}:
        raise _no_such_aggregate(writer, node, types)
    if types[0].name == "DECIMAL":
        # sum / count in exact arithmetic; DuckDB's own avg goes through double.
        scale = types[0].scale
        total, count = f"sum({argument}){suffix}", f"nullif(count({argument}){suffix}, 0)"
        exact = decimal_division(total, count, DuckType("DECIMAL", 38, scale), DuckType("BIGINT"))
        return f"CAST({exact} AS DECIMAL({types[0].width}, {scale}))"
    if types[0].name == "FLOAT":
        return f"CAST(avg({argument}){suffix} AS FLOAT)"
    return f"avg({argument}){suffix}"


def _no_such_aggregate(writer: Writer, node: exp.Anonymous, types: Sequence[DuckType]) -> QueryFailed:
    return QueryFailed(
        f"FUNCTION_NOT_FOUND: {place(node, writer.text)}: Unexpected parameters ({types[0].trino()}) "
        f"for function {node.name.lower()}"
    )


@builder("max_by", "min_by")
def _by(writer: Writer, node: exp.Anonymous, suffix: str) -> str:
    value, key, *count = writer.arguments(node, 2, 3)
    name = "arg_max" if node.name.lower() == "max_by" else "arg_min"
    if not count:
        return f"{name}_null({value}, {key}){suffix}"
    # In a row, because DuckDB would pass over a value that is NULL.
    return f"list_transform({name}(row({value}), {key}, {count[0]}){suffix}, lambda r__: r__[1])"


@builder("approx_percentile")
def _approx_percentile(writer: Writer, node: exp.Anonymous, suffix: str) -> str:
    value, *weight, share = writer.arguments(node, 2, 3)
    if not weight:
        return f"quantile_disc({value}, {share}){suffix}"
    several = isinstance(node.expressions[2], exp.Array)
    known = "lambda r__: r__[1] IS NOT NULL AND r__[2] IS NOT NULL"
    rows = f"list_filter(list(row({value}, {weight[0]})){suffix}, {known})"
    columns = [f"list_transform({rows}, lambda r__: CAST(r__[{number}] AS DOUBLE))" for number in (1, 2)]
    shares = share if several else f"[{share}]"
    places = f"python_weighted_places({columns[0]}, {columns[1]}, CAST({shares} AS DOUBLE[]))"
    found = f"list_transform({places}, lambda p__: {rows}[p__][1])"
    answer = found if several else f"{found}[1]"
    return f"CASE WHEN len({rows}) > 0 THEN {answer} END"


@builder("reduce_agg")
def _reduce_agg(writer: Writer, node: exp.Anonymous, suffix: str) -> str:
    value, start, *_unused = writer.arguments(node, 4, 4)
    if not isinstance(node.expressions[2], exp.Lambda):
        raise writer.no_such_function(node, [])
    values = f"list_filter(list({value}){suffix}, lambda x__: x__ IS NOT NULL)"
    return f"list_reduce({values}, {writer.sql(node.expressions[2])}, {start})"
