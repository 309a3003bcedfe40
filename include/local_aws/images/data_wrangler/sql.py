"""Spark SQL on a locked DuckDB: expressions for formulas, and SELECT statements from the one table `df`.

The text is parsed as Spark's by sqlglot. Only what is listed here is let through, because only that was
compared with Spark: an unknown function is refused before anything runs, with its name. What passes is
written anew as DuckDB's SQL; the database sees the columns it needs and has no way to files, network,
extensions or settings.

Spark's ways that are kept: a division is never of integers, and by 0 it has no value; a cast cuts fractions
off and has no value where it fails; names of columns have no case.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import duckdb
import pyarrow as pa
import sqlglot
from sqlglot import exp

from local_aws.images.data_wrangler.problems import CannotDo, listed
from local_aws.images.data_wrangler.values import (
    BOOL,
    LONG,
    NUMERIC,
    STRING,
    Table,
    arrow,
    from_arrow,
    kind_of,
    table_from_arrow,
)

MEMORY = "2GiB"
THREADS = 2
TABLE = "df"

_PLAIN = (
    exp.Column, exp.Identifier, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.DataType, exp.Neg, exp.Add,
    exp.Sub, exp.Mul, exp.Div, exp.IntDiv, exp.Mod, exp.EQ, exp.NEQ, exp.NullSafeEQ, exp.GT, exp.GTE, exp.LT,
    exp.LTE, exp.And, exp.Or, exp.Not, exp.Is, exp.In, exp.Between, exp.Like, exp.RegexpLike, exp.Case,
    exp.If, exp.Coalesce, exp.Nullif, exp.Cast, exp.TryCast, exp.DPipe, exp.Var,
)  # fmt: skip
_FUNCTIONS = (
    exp.Abs, exp.Ceil, exp.Floor, exp.Round, exp.Sqrt, exp.Cbrt, exp.Exp, exp.Ln, exp.Log, exp.Pow, exp.Sign,
    exp.Greatest, exp.Least, exp.IsNan, exp.Concat, exp.Upper, exp.Lower, exp.Trim, exp.Length,
    exp.Substring, exp.Left, exp.Right, exp.Replace, exp.RegexpReplace, exp.StrPosition, exp.Pad, exp.Year,
    exp.Month, exp.Day, exp.Quarter, exp.DayOfYear, exp.Hour, exp.Minute, exp.Second, exp.DateDiff,
    exp.TsOrDsToDate,
)  # fmt: skip
_OF_QUERIES = (
    exp.Select, exp.From, exp.Table, exp.TableAlias, exp.Alias, exp.Star, exp.Where, exp.Group, exp.Having,
    exp.Order, exp.Ordered, exp.Limit, exp.Distinct, exp.Subquery, exp.With, exp.CTE, exp.Count, exp.Sum,
    exp.Avg, exp.Min, exp.Max, exp.Stddev, exp.StddevSamp, exp.Variance, exp.Window, exp.RowNumber, exp.Rank,
    exp.DenseRank,
)  # fmt: skip
# Functions that sqlglot knows by no class of its own: Spark's name -> DuckDB's expression.
_BY_NAME = {
    "isnull": "({0} IS NULL)",
    "isnotnull": "({0} IS NOT NULL)",
}
_WHOLE = {
    exp.DataType.Type.INT,
    exp.DataType.Type.BIGINT,
    exp.DataType.Type.SMALLINT,
    exp.DataType.Type.TINYINT,
}


def formula_problem(text: str) -> str | None:
    """What is wrong with a formula."""
    try:
        _formula(text)
    except CannotDo as error:
        return f"formula: {error}"
    return None


def query_problem(text: str) -> str | None:
    """What is wrong with a SELECT statement."""
    try:
        _query(text)
    except CannotDo as error:
        return f"code: {error}"
    return None


def formula(table: Table, text: str) -> Any:
    """A column, computed from others. Raises CannotDo."""
    tree = _resolved(_formula(text), table)
    used = sorted({column.name for column in tree.find_all(exp.Column)})
    select = f"SELECT {_written(tree)} AS made FROM {TABLE}"  # noqa: S608 - written anew from the tree
    made = _run(select, table, used).column("made")
    return _widened(from_arrow(made, "the formula"), made.type)


def query(table: Table, text: str) -> Table:
    """The rows of a SELECT statement. Raises CannotDo."""
    tree = _query(text)
    for cast in list(tree.find_all(exp.Cast, exp.TryCast)):
        _cut_fractions(cast, None)
    named = {column: column for column in table.columns}
    return table_from_arrow(_run(_written(tree), table, named))


# --- reading ----------------------------------------------------------------------------------------


def _parsed(text: str) -> Any:
    try:
        trees = [tree for tree in sqlglot.parse(text, read="spark") if tree is not None]
    except sqlglot.errors.SqlglotError as error:
        first = str(error).splitlines()[0]
        raise CannotDo(f"{text!r} is not Spark SQL: {first}") from error
    except RecursionError as error:
        raise CannotDo("the expression is nested too deeply") from error
    if len(trees) != 1:
        raise CannotDo(f"found {len(trees)} statements; allowed: one")
    return trees[0]


def _formula(text: str) -> Any:
    tree = _parsed(text)
    _let_through(tree, (*_PLAIN, *_FUNCTIONS), "in a formula")
    for column in tree.find_all(exp.Column):
        if column.table:
            raise CannotDo(
                f"found {column.sql('spark')}; allowed: a column's name, in backticks if it has dots"
            )
    return tree


def _query(text: str) -> Any:
    tree = _parsed(text)
    if not isinstance(tree, exp.Select):
        raise CannotDo(f"found {tree.key.upper()}; allowed: a SELECT statement")
    _let_through(tree, (*_PLAIN, *_FUNCTIONS, *_OF_QUERIES), "in SQL code")
    known = {TABLE, *(cte.alias.lower() for cte in tree.find_all(exp.CTE))}
    for named in tree.find_all(exp.Table):
        if named.db or named.name.lower() not in known:
            raise CannotDo(f"found the table {named.sql('spark')}; allowed: {TABLE}")
    return tree


def _let_through(tree: exp.Expression, allowed: tuple[type, ...], where: str) -> None:
    for node in tree.walk():
        if isinstance(node, allowed):
            continue
        if isinstance(node, exp.Anonymous):
            if node.name.lower() not in _BY_NAME:
                raise CannotDo(f"the function {node.name} is not known to the local stand-in {where}")
            wanted = _BY_NAME[node.name.lower()].count("{")
            if len(node.expressions) != wanted:
                raise CannotDo(f"the function {node.name} takes {wanted} arguments")
        elif isinstance(node, exp.Func):
            raise CannotDo(f"the function {node.sql_name()} is not allowed {where}")
        else:
            raise CannotDo(f"{node.sql('spark')[:60]!r} ({node.key.upper()}) is not allowed {where}")


def _resolved(tree: exp.Expression, table: Table) -> exp.Expression:
    """The expression with each column called as the table calls it, and casts as Spark does them."""
    names = {name.lower(): name for name in table.columns}
    for column in list(tree.find_all(exp.Column)):
        name = column.name if column.name in table.columns else names.get(column.name.lower())
        if name is None:
            raise CannotDo(
                f"there is no column {column.name!r}; there are {listed(table.columns, column.name)}"
            )
        column.this.replace(exp.to_identifier(name, quoted=True))
    holder = exp.Paren(this=tree.copy())
    for cast in list(holder.find_all(exp.Cast, exp.TryCast)):
        _cut_fractions(cast, table)
    inner: exp.Expression = holder.this
    return inner


def _cut_fractions(cast: exp.Expression, table: Table | None) -> None:
    """Spark cuts off what DuckDB rounds when a number becomes an integer."""
    if cast.args["to"].this not in _WHOLE:
        return
    operand = cast.this
    if table is not None and isinstance(operand, exp.Column) and kind_of(table[operand.name]) in (LONG, BOOL):
        return
    cut = exp.Anonymous(
        this="TRUNC", expressions=[exp.TryCast(this=operand.copy(), to=exp.DataType.build("double"))]
    )
    operand.replace(cut)


def _written(tree: exp.Expression) -> str:
    tree = tree.copy()
    holder = exp.Paren(this=tree)
    for call in list(holder.find_all(exp.Anonymous)):
        template = _BY_NAME.get(call.name.lower())
        if template is not None:
            arguments = [argument.sql("duckdb") for argument in call.expressions]
            call.replace(sqlglot.parse_one(template.format(*arguments), read="duckdb"))
    return str(holder.this.sql("duckdb"))


# --- running ----------------------------------------------------------------------------------------


def _run(statement: str, table: Table, names: Iterable[str]) -> pa.Table:
    """The result of a statement on the columns it needs; at least the number of rows is known to it."""
    given = {name: arrow(table[name]) for name in names}
    if not given:
        given = {"": pa.nulls(len(table), pa.int8())}
    with duckdb.connect(
        ":memory:",
        config={"memory_limit": MEMORY, "threads": THREADS, "autoinstall_known_extensions": False},
    ) as database:
        database.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false;")
        database.execute("SET python_enable_replacements = false;")
        database.register(TABLE, pa.table(given))
        database.execute("SET enable_external_access = false; SET lock_configuration = true;")
        try:
            result: pa.Table = database.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            first = str(error).splitlines()[0]
            raise CannotDo(f"the SQL failed: {first}") from error
    return result


def _widened(series: Any, kind_type: Any) -> Any:
    """DuckDB's small integers and decimals are long and float already; a constant NULL is a text."""
    if pa.types.is_null(kind_type):
        return series
    if kind_of(series) not in (*NUMERIC, STRING, BOOL, "date", "datetime"):
        raise CannotDo(
            f"the formula gives {kind_type}; allowed: a number, a text, a truth value, a date or time"
        )
    return series
