"""Dates and times."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.formats import from_joda, from_mysql
from local_aws.services.athena.trino.function import Function
from local_aws.services.athena.trino.types import UNKNOWN
from local_aws.services.athena.trino.writer import Writer, builder, constant, quoted_text

# Parts of a date: function name and EXTRACT field -> DuckDB.
PARTS = {
    "year": "year({0})",
    "quarter": "quarter({0})",
    "month": "month({0})",
    "week": "week({0})",
    "week_of_year": "week({0})",
    "day": "day({0})",
    "day_of_month": "day({0})",
    "day_of_week": "isodow({0})",
    "dow": "isodow({0})",
    "day_of_year": "dayofyear({0})",
    "doy": "dayofyear({0})",
    "year_of_week": "isoyear({0})",
    "yow": "isoyear({0})",
    "hour": "hour({0})",
    "minute": "minute({0})",
    "second": "second({0})",
    "millisecond": "(millisecond({0}) % 1000)",
}
# Units of date_add, date_diff and date_trunc, and what makes an interval of n of them.
UNITS = {
    "millisecond": "to_milliseconds({0})",
    "second": "to_seconds({0})",
    "minute": "to_minutes({0})",
    "hour": "to_hours({0})",
    "day": "to_days(CAST({0} AS INTEGER))",
    "week": "to_weeks(CAST({0} AS INTEGER))",
    "month": "to_months(CAST({0} AS INTEGER))",
    "quarter": "to_months(CAST(3 * {0} AS INTEGER))",
    "year": "to_years(CAST({0} AS INTEGER))",
}

# Functions that read the clock on the wall: there `x AT TIME ZONE z` may stand for local time.
_WALL_CLOCK = frozenset({"date", "date_format", "format_datetime", *PARTS})

FUNCTIONS: dict[str, Function] = {
    "now": Function("current_timestamp", 0, 0),
    "current_timestamp": Function("current_timestamp", 0, 1),  # with a precision, which is 3 anyway
    "current_timezone": Function("'UTC'", 0, 0),
    "localtimestamp": Function("localtimestamp", 0, 1),
    "date": Function("trino_date({0})", 1, 1),
    "to_unixtime": Function("epoch({0})", 1, 1, times=(0,)),
    "to_milliseconds": Function("CAST(epoch({0}) * 1000 AS BIGINT)", 1, 1),
    "last_day_of_month": Function("last_day({0})", 1, 1, times=(0,)),
    "from_iso8601_date": Function("python_from_iso8601_date({0})", 1, 1, strings=(0,)),
    "to_iso8601": Function("trino_iso8601({0})", 1, 1, times=(0,)),
    "human_readable_seconds": Function("python_human_readable_seconds({0})", 1, 1, numbers=(0,)),
    "parse_duration": Function("to_milliseconds(python_parse_duration({0}))", 1, 1, strings=(0,)),
}  # fmt: skip


def is_wall_clock(node: exp.Expr) -> bool:
    """Whether only the clock on the wall is read of this timestamp in a zone, not the zone itself."""
    parent = node.parent
    while isinstance(parent, exp.Paren) or (
        isinstance(parent, exp.Anonymous) and parent.name.lower() in ("date_trunc", "date_add")
    ):
        parent = parent.parent
    return (
        (isinstance(parent, exp.Cast) and parent.args["to"].is_type("date", "timestamp"))
        or isinstance(parent, exp.Extract)
        or (isinstance(parent, exp.Anonymous) and parent.name.lower() in _WALL_CLOCK)
    )


def local_time(writer: Writer, node: exp.Expr, value: exp.Expr, zone: exp.Expr) -> str:
    """The clock on the wall of a zone; DuckDB's timestamps keep no zone, so it must not be seen later."""
    if not is_wall_clock(node):
        raise not_supported("a timestamp in a time zone outside date functions and casts")
    inner, place_ = writer.sql(value), writer.sql(zone)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, f"CAST({inner} AS TIMESTAMP)")
    if types[0].name == "TIMESTAMP WITH TIME ZONE":
        return f"timezone({place_}, {inner})"
    return f"timezone({place_}, timezone('UTC', CAST({inner} AS TIMESTAMP)))"


@builder("from_unixtime", typed=True)
def _from_unixtime(writer: Writer, node: exp.Anonymous, _: str) -> str:
    seconds, *zone = writer.arguments(node, 1, 2)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "to_timestamp(0)")
    writer.need_family(node, types, (0,), "number")
    if not zone:
        return f"to_timestamp({seconds})"
    if not is_wall_clock(node):
        raise not_supported("from_unixtime with a time zone outside date functions and casts")
    return f"timezone({zone[0]}, to_timestamp({seconds}))"


@builder("with_timezone")
def _with_timezone(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, zone = writer.arguments(node, 2, 2)
    if is_wall_clock(node):
        return f"CAST({value} AS TIMESTAMP)"
    if zone.upper() != "'UTC'":
        raise not_supported("with_timezone outside date functions and casts")
    return f"timezone('UTC', CAST({value} AS TIMESTAMP))"


# Of an interval, the part that is left after the larger ones: INTERVAL '27' HOUR has 1 day and 3 hours.
_INTERVAL_PARTS = {
    "day": "CAST(trunc(epoch({0}) / 86400) AS BIGINT)",
    "hour": "CAST(trunc(epoch({0}) / 3600) % 24 AS BIGINT)",
    "minute": "CAST(trunc(epoch({0}) / 60) % 60 AS BIGINT)",
    "second": "CAST(trunc(epoch({0})) % 60 AS BIGINT)",
    "millisecond": "CAST(round(epoch({0}) * 1000) % 1000 AS BIGINT)",
}


@builder(*PARTS, typed=True)
def _part(writer: Writer, node: exp.Anonymous, _: str) -> str:
    (value,) = writer.arguments(node, 1, 1)
    name = node.name.lower()
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(0 AS BIGINT)")
    if types[0].name == "INTERVAL" and name in _INTERVAL_PARTS:
        return _INTERVAL_PARTS[name].format(value)
    writer.need_family(node, types, (0,), "time")
    return PARTS[name].format(value)


@builder("at_timezone", typed=True)
def _at_timezone(writer: Writer, node: exp.Anonymous, _: str) -> str:
    writer.arguments(node, 2, 2)
    return local_time(writer, node, node.expressions[0], node.expressions[1])


def _unit(writer: Writer, node: exp.Anonymous) -> str:
    unit = constant(writer, node.expressions[0], "a unit").lower()
    if unit not in UNITS:
        raise QueryFailed(
            f"INVALID_FUNCTION_ARGUMENT: {place(node, writer.text)}: '{unit}' is not a valid unit"
        )
    return unit


@builder("date_trunc")
def _date_trunc(writer: Writer, node: exp.Anonymous, _: str) -> str:
    _, value = writer.arguments(node, 2, 2)
    return f"trino_date_trunc('{_unit(writer, node)}', {value})"


@builder("date_add")
def _date_add(writer: Writer, node: exp.Anonymous, _: str) -> str:
    _, count, value = writer.arguments(node, 3, 3)
    return f"trino_plus({value}, {UNITS[_unit(writer, node)].format(f'({count})')})"


@builder("date_diff", typed=True)
def _date_diff(writer: Writer, node: exp.Anonymous, _: str) -> str:
    _, start, end = writer.arguments(node, 3, 3)
    plain = f"date_sub('{_unit(writer, node)}', {start}, {end})"
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(0 AS BIGINT)")
    for kind in types[1:]:
        if kind.family != "time" and kind.name not in UNKNOWN:
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(node, writer.text)}: Unexpected parameters "
                f"({', '.join(each.trino() for each in types)}) for function date_diff"
            )
    return plain


@builder("date_format")
def _date_format(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _ = writer.arguments(node, 2, 2)
    pattern = from_mysql(constant(writer, node.expressions[1], "a date pattern"))
    return f"strftime({value}, {quoted_text(pattern)})"


@builder("date_parse")
def _date_parse(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _ = writer.arguments(node, 2, 2)
    pattern = from_mysql(constant(writer, node.expressions[1], "a date pattern"))
    return f"strptime({value}, {quoted_text(pattern)})"


@builder("format_datetime")
def _format_datetime(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _ = writer.arguments(node, 2, 2)
    pattern = from_joda(constant(writer, node.expressions[1], "a date pattern"))
    return f"strftime({value}, {quoted_text(pattern)})"


@builder("parse_datetime")
def _parse_datetime(writer: Writer, node: exp.Anonymous, _: str) -> str:
    value, _ = writer.arguments(node, 2, 2)
    pattern = from_joda(constant(writer, node.expressions[1], "a date pattern"))
    return f"timezone('UTC', strptime({value}, {quoted_text(pattern)}))"


@builder("from_iso8601_timestamp", typed=True)
def _from_iso8601_timestamp(writer: Writer, node: exp.Anonymous, _: str) -> str:
    (value,) = writer.arguments(node, 1, 1)
    types = writer.types_of(node)
    if types is None:
        return writer.marked(node, "CAST(NULL AS TIMESTAMPTZ)")
    writer.need_family(node, types, (0,), "varchar")
    return f"CAST({value} AS TIMESTAMPTZ)"
