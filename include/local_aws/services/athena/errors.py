"""DuckDB's errors in Trino's words."""

from __future__ import annotations

import re

import duckdb
import sqlglot
from sqlglot import exp

from local_aws.services.athena.failure import SYSTEM, QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import AthenaSql, place

# Messages that our own macros and readers raise begin with Trino's code.
_CODED = re.compile(r"[A-Z]+(?:_[A-Z]+)+: .*", re.DOTALL)

# What DuckDB says -> what Trino says; a code alone is followed by DuckDB's message.
_REASONS = {
    "ivision by zero": "DIVISION_BY_ZERO: / by zero",
    "More than one row returned by a subquery": (
        "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows"
    ),
    "Map keys must be unique": "INVALID_FUNCTION_ARGUMENT: Duplicate map keys are not allowed",
    "Map keys can not be NULL": "INVALID_FUNCTION_ARGUMENT: map key cannot be null",
    "not utf-8 encoded": "HIVE_CURSOR_ERROR",
}
_LIMITS = {
    "invalid perl operator": "this regular expression",
    "invalid escape sequence": "this regular expression",
}


def explained(problem: duckdb.Error, sql: str) -> QueryFailed:
    """The failure that Athena would report for an error of DuckDB's."""
    message = re.sub(r"^(?:[A-Z][A-Za-z]*(?: [A-Z][A-Za-z]*)* Error: )+", "", str(problem)).split("\n\nLINE")[
        0
    ]
    if coded := _CODED.search(message):
        return QueryFailed(coded[0].split("\n\n")[0].strip())
    if isinstance(problem, duckdb.BinderException | duckdb.CatalogException):
        return _unbound(message, sql)
    if isinstance(problem, duckdb.OutOfMemoryException):
        return QueryFailed(
            f"Query exhausted resources at this scale factor: {message}", category=SYSTEM, error_type=9
        )
    if found := re.search(r'Could not parse string "(.*)" according to format specifier "(.*)"', message):
        return QueryFailed(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{found[1]}" is malformed')
    for part, reason in _REASONS.items():
        if part in message:
            return QueryFailed(f"{reason}: {message}" if reason.isupper() else reason)
    for part, construct in _LIMITS.items():
        if part in message:
            return not_supported(f"{construct}: {message}")
    if re.search(r"/in/\d{6}", message) or isinstance(problem, duckdb.IOException):
        return QueryFailed(f"HIVE_CURSOR_ERROR: Failed to read a file of the table: {message}")
    if isinstance(problem, duckdb.OutOfRangeException) or "out of range" in message.lower():
        return QueryFailed(f"NUMERIC_VALUE_OUT_OF_RANGE: {message}")
    if isinstance(problem, duckdb.ConversionException):
        return QueryFailed(f"INVALID_CAST_ARGUMENT: {message}")
    if isinstance(problem, duckdb.ParserException | duckdb.NotImplementedException):
        return not_supported(f"a construct of this query: {message}")
    return QueryFailed(f"GENERIC_USER_ERROR: {message}")


def _unbound(message: str, sql: str) -> QueryFailed:
    if found := re.search(r'Referenced column "([^"]+)" (?:was )?not found', message):
        return QueryFailed(
            f"COLUMN_NOT_FOUND: {_place_of(found[1], sql)}: Column '{found[1].lower()}' cannot be resolved "
            "or requester is not authorized to access requested resources"
        )
    if found := re.search(r'[Tt]able "([^"]+)" does not have a column named "([^"]+)"', message):
        return QueryFailed(
            f"COLUMN_NOT_FOUND: {_place_of(found[2], sql)}: Column '{found[1]}.{found[2]}' cannot be resolved"
        )
    if found := re.search(r'Referenced table "([^"]+)" not found', message):
        return QueryFailed(
            f"COLUMN_NOT_FOUND: {_place_of(found[1], sql)}: Column '{found[1]}' cannot be resolved"
        )
    if found := re.search(r'Ambiguous reference to column name "([^"]+)"', message):
        return QueryFailed(f"AMBIGUOUS_NAME: {_place_of(found[1], sql)}: Column '{found[1]}' is ambiguous")
    if found := re.search(r'column "([^"]+)" must appear in the GROUP BY clause', message):
        return QueryFailed(
            f"EXPRESSION_NOT_AGGREGATE: {_place_of(found[1], sql)}: '{found[1]}' must be an aggregate "
            "expression or appear in GROUP BY clause"
        )
    if "UNNEST() can only be applied to lists" in message:
        return not_supported("UNNEST of a map beside others")
    if found := re.search(r"Macro trino_(\w+)\(\) does not support the supplied arguments", message):
        name = {"plus": "date_add", "iso8601": "to_iso8601"}.get(found[1], found[1])
        return QueryFailed(f"FUNCTION_NOT_FOUND: Unexpected parameters for function {name}")
    if "No function matches" in message or "Could not choose a best candidate" in message:
        return QueryFailed(f"FUNCTION_NOT_FOUND: {message.splitlines()[0]}")
    if "WHERE clause cannot contain aggregates" in message:
        return QueryFailed("EXPRESSION_NOT_SCALAR: WHERE clause cannot contain aggregations")
    return QueryFailed(f"SYNTAX_ERROR: {message.splitlines()[0]}")


def _place_of(name: str, sql: str) -> str:
    try:
        trees = sqlglot.parse(sql, dialect=AthenaSql)
    except sqlglot.errors.SqlglotError:
        return "line 1:1"
    for tree in trees:
        for node in tree.find_all(exp.Identifier) if tree else ():
            if node.name.lower() == name.lower():
                return place(node, sql)
    return "line 1:1"
