"""What DuckDB would take and Trino refuses, and only binding tells: new names used too early, mixed sets."""

from __future__ import annotations

import duckdb
from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.library import provide
from local_aws.services.athena.trino.translator import Translator
from local_aws.services.athena.trino.types import UNKNOWN, DuckType, from_result


def refuse_aliases(tree: exp.Expr, sql: str, connection: duckdb.DuckDBPyConnection, shape: str) -> None:
    """Fail where WHERE, GROUP BY, HAVING or another column uses a column's new name: DuckDB allows it."""
    for select in tree.find_all(exp.Select):
        aliases = {part.alias.lower() for part in select.expressions if isinstance(part, exp.Alias)}
        clauses = [*select.expressions, *(select.args.get(name) for name in ("where", "group", "having"))]
        suspects = {
            column.name.lower(): column
            for clause in clauses
            if clause is not None
            for column in clause.find_all(exp.Column)
            if column.name.lower() in aliases
            and not column.table
            and column.find_ancestor(exp.Query) is select
            and column.find_ancestor(exp.Lambda) is None
        }
        if not suspects or _is_correlated(select):
            continue
        for column in suspects.values():
            text = Translator(sql, {}, frozenset(), shape).generate(_only(select, column), copy=False)
            provide(connection, text)
            try:
                connection.execute(f"EXPLAIN {text}")
            except duckdb.BinderException as problem:
                if f'column "{column.name.lower()}"' in str(problem).lower():
                    raise QueryFailed(
                        f"COLUMN_NOT_FOUND: {place(column, sql)}: Column '{column.name.lower()}' cannot be "
                        "resolved or requester is not authorized to access requested resources"
                    ) from None


def _is_correlated(query: exp.Query) -> bool:
    """Whether names may come from an outer query: it stands in an expression, not in FROM or WITH."""
    outer = query.parent
    while isinstance(outer, exp.Subquery | exp.SetOperation | exp.CTE | exp.With | exp.From | exp.Query):
        outer = outer.parent
    return outer is not None


def _only(select: exp.Select, column: exp.Column) -> exp.Query:
    """One column of what a query reads, without its conditions."""
    only = exp.Select(
        expressions=[column.copy()],
        **{
            name: _copied(part)
            for name, part in select.args.items()
            if name in ("from_", "joins", "laterals")
        },
    )
    return _below_with(only, select)


def _below_with(query: exp.Query, place_of: exp.Expr) -> exp.Query:
    """A query below all WITH clauses that are seen at a place of the tree; its own are among them."""
    ctes: list[exp.Expr] = []
    outer: exp.Expr | None = place_of
    while outer is not None:
        if isinstance(outer, exp.Query) and (clause := outer.args.get("with_")):
            ctes = [*clause.expressions, *ctes]
        if isinstance(outer.parent, exp.With):
            ctes = [*outer.parent.expressions[: outer.parent.expressions.index(outer)], *ctes]
        outer = outer.parent
    if ctes:
        unique = {cte.alias.lower(): cte for cte in ctes}
        query.set("with_", exp.With(expressions=[cte.copy() for cte in unique.values()], recursive=True))
    return query


def refuse_mixed_sets(
    tree: exp.Expr,
    sql: str,
    connection: duckdb.DuckDBPyConnection,
    known: dict[int, list[DuckType]],
    shape: str,
) -> None:
    """Fail where UNION, EXCEPT or INTERSECT puts types together of which DuckDB would make text."""
    for node in tree.find_all(exp.SetOperation):
        recursive = node.find_ancestor(exp.With)
        if _is_correlated(node) or (recursive is not None and recursive.args.get("recursive")):
            continue
        sides = []
        for side in (node.this, node.expression):
            query = side.this if isinstance(side, exp.Subquery) else side
            if isinstance(query, exp.Select):
                text = Translator(sql, known, frozenset(), shape).generate(
                    _below_with(query.copy(), side), copy=False
                )
                provide(connection, text)
                description = connection.execute(f"({text}) LIMIT 0").description or []
                sides.append([from_result(column[1]) for column in description])
        if len(sides) < 2:
            continue  # of a longer chain: its inner operations are looked at by themselves
        for position, (left, right) in enumerate(zip(*sides, strict=False), start=1):
            if left.family != right.family and not {left.name, right.name} & UNKNOWN:
                raise QueryFailed(
                    f"TYPE_MISMATCH: {place(node.expression, sql)}: column {position} in {node.key.upper()} "
                    f"query has incompatible types: {left.trino()}, {right.trino()}"
                )


def _copied(part: object) -> object:
    if isinstance(part, list):
        return [_copied(each) for each in part]
    return part.copy() if isinstance(part, exp.Expr) else part
