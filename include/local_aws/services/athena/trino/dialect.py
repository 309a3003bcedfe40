"""Reading Trino SQL: every function call stays a call by the name that the user wrote."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError

from local_aws.services.athena.failure import QueryFailed

# Calls that have a syntax of their own; all others are looked up in our table of functions.
_WITH_SYNTAX = ("CAST", "TRY_CAST", "EXTRACT", "POSITION", "SUBSTRING", "TRIM", "LISTAGG")


class AthenaSql(Trino):
    """Trino, without sqlglot's opinions of what functions mean and with indexes left as written."""

    INDEX_OFFSET = 0

    class Parser(Trino.Parser):  # type: ignore[misc, valid-type]
        """No function is known."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
            name: Trino.Parser.FUNCTION_PARSERS[name] for name in _WITH_SYNTAX
        }


def parse_query(sql: str) -> exp.Query:
    """The tree of one SELECT, VALUES or WITH statement. Raises QueryFailed as Trino words it."""
    tree = parse_statement(sql)
    if isinstance(tree, exp.Values):
        tree = _select_of(tree)
    if not isinstance(tree, exp.Query):
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting a query")
    for select in tree.find_all(exp.Select):
        if not select.expressions:
            raise QueryFailed(f"SYNTAX_ERROR: {place(select, sql)}: SELECT without a list of columns")
    return tree


def _select_of(values: exp.Values) -> exp.Select:
    """VALUES alone is a query, whose columns are _col0, _col1, …"""
    first = values.expressions[0]
    width = len(first.expressions) if isinstance(first, exp.Tuple) else 1
    names = [exp.to_identifier(f"_col{number}") for number in range(width)]
    values.set("alias", exp.TableAlias(this=exp.to_identifier("_values"), columns=names))
    return exp.select("*").from_(values)


def parse_statement(sql: str) -> exp.Expr:
    """The tree of one statement. Raises QueryFailed as Trino words it."""
    try:
        trees = [tree for tree in sqlglot.parse(sql, dialect=AthenaSql) if tree is not None]
    except ParseError as problem:
        raise QueryFailed(_syntax_error(problem)) from None
    except SqlglotError as problem:
        raise QueryFailed(f"SYNTAX_ERROR: line 1:1: {problem}") from None
    if len(trees) != 1:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: Only one sql statement is allowed.")
    return trees[0]


def _syntax_error(problem: ParseError) -> str:
    if not problem.errors:
        return f"SYNTAX_ERROR: {problem}"
    first = problem.errors[0]
    line, column = first.get("line") or 1, first.get("col") or 1
    found = first.get("highlight") or "<EOF>"
    column = max(1, column - len(found) + 1)
    return f"SYNTAX_ERROR: line {line}:{column}: mismatched input '{found}': {first['description']}"


def place(node: exp.Expr, sql: str) -> str:
    """``"line 1:8"``, where a name stands in the user's text; the start when it is not known."""
    for part in node.walk():
        start = part.meta.get("start") if part._meta else None
        if start is not None and start < len(sql):
            before = sql[:start]
            return f"line {before.count(chr(10)) + 1}:{start - before.rfind(chr(10))}"
    return "line 1:1"
