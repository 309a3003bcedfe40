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
    if "ivision by zero" in message:
        return QueryFailed("DIVISION_BY_ZERO: / by zero", error_type=1006)
    if "More than one row returned by a subquery" in message:
        return QueryFailed("SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows")
    if isinstance(problem, duckdb.OutOfRangeException) or "out of range" in message.lower():
        return QueryFailed(f"NUMERIC_VALUE_OUT_OF_RANGE: {message}")
    if isinstance(problem, duckdb.ConversionException):
        return QueryFailed(f"INVALID_CAST_ARGUMENT: {message}")
    if found := re.search(r'Could not parse string "(.*)" according to format specifier "(.*)"', message):
        return QueryFailed(f'INVALID_FUNCTION_ARGUMENT: Invalid format: "{found[1]}" is malformed')
    if "not utf-8 encoded" in message:
        return QueryFailed(
            "HIVE_CURSOR_ERROR: A file of the table is not UTF-8 text: " + message.split("\n")[0]
        )
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
