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
        "corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", arguments=(2, 2)
    ),
    **aggregates("kurtosis", "histogram", arguments=(1, 1)),
    "count": Function("count({*})@", 0, 1, aggregate=True),
    "every": Function("bool_and({0})@", 1, 1, aggregate=True),
    "arbitrary": Function("any_value({0})@", 1, 1, aggregate=True),
    "count_if": Function("count(CASE WHEN {0} THEN 1 END)@", 1, 1, aggregate=True),
    "geometric_mean": Function("geomean({0})@", 1, 1, aggregate=True),
    "max_by": Function("arg_max_null({0}, {1})@", 2, 2, aggregate=True),
    "min_by": Function("arg_min_null({0}, {1})@", 2, 2, aggregate=True),
    "bitwise_and_agg": Function("bit_and({0})@", 1, 1, aggregate=True),
    "bitwise_or_agg": Function("bit_or({0})@", 1, 1, aggregate=True),
    # Exact, which lies within the error that Trino promises.
    "approx_distinct": Function("count(DISTINCT {0})@", 1, 2, aggregate=True),
    "approx_percentile": Function("quantile_disc({0}, {1})@", 2, 2, aggregate=True),
    # Trino's skewness is the population's, DuckDB's is corrected for a sample.
    "skewness": Function(
        "(skewness({0})@ * (count({0})@ - 2) / sqrt(count({0})@ * (count({0})@ - 1.0)))",
        1, 1, aggregate=True,
    ),
    "map_agg": Function(
        "map_from_entries(list(row({0}, {1}))@)", 2, 2, aggregate=True
    ),
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
