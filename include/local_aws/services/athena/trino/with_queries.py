# ruff: noqa: S608 - SQL is what this module makes; names are quoted
"""WITH queries one by one: one whose types are known is stood for by an empty table of its columns.

The translator binds a query once for each level of nesting, and a WITH query once more for each that builds
on it. With a stand-in, only the part is bound that is looked at:

    WITH a AS (…), b AS (SELECT … FROM a) SELECT … FROM b
         └ shape."with_0"          └ shape."with_1"     └ three small queries instead of one large
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import takewhile

import duckdb
from sqlglot import exp

from local_aws.services.catalog.types import quoted


class WithQueries:
    """The WITH queries at the root of a tree; none where they are recursive."""

    def __init__(self, tree: exp.Expr, connection: duckdb.DuckDBPyConnection, shape: str) -> None:
        self._tree, self._connection, self._shape = tree, connection, shape
        clause = tree.args.get("with_")
        self._clause = clause if clause is not None and not clause.args.get("recursive") else None
        self._references: list[exp.Table] = []
        self._stands = 0

    def __iter__(self) -> Iterator[exp.CTE]:
        yield from list(self._clause.expressions) if self._clause is not None else []

    def stand_for(self, cte: exp.CTE, text: str) -> bool:
        """Make the table that stands for a WITH query of this DuckDB text; False where none can.

        None can have a column without a type (that of NULL) or two of one name.
        """
        name = f"with_{self._stands}"
        named = ", ".join(quoted(column.name) for column in cte.args["alias"].columns)
        alias = f'"stands"({named})' if named else '"stands"'
        try:
            columns = self._connection.execute(f"SELECT * FROM ({text}) LIMIT 0").description or []
            plain = [column[0].lower() for column in columns]
            if len(set(plain)) < len(plain) or any("NULL" in str(column[1]) for column in columns):
                return False
            self._connection.execute(
                f'CREATE OR REPLACE TABLE {self._shape}."{name}" AS '
                f"SELECT * FROM ({text}) AS {alias} WITH NO DATA"
            )
        except duckdb.Error:
            return False  # the whole query is bound instead, and says what is wrong
        for node in self._tree.find_all(exp.Table):
            if node.meta.get("relation") is None and self._refers(node, cte):
                node.meta["relation"] = name
                self._references.append(node)
        self._stands += 1
        return True

    @contextmanager
    def left_out(self) -> Iterator[None]:
        """Leave the WITH clause out of the tree for a while, if all of its queries have a stand-in."""
        if self._clause is None or self._stands < len(self._clause.expressions):
            yield
            return
        self._tree.set("with_", None)
        try:
            yield
        finally:
            self._tree.set("with_", self._clause)

    def forget(self) -> None:
        """Let names be names again."""
        for node in self._references:
            del node.meta["relation"]
        self._references.clear()

    def _refers(self, node: exp.Table, cte: exp.CTE) -> bool:
        """Whether a name means this WITH query, and not one of a WITH clause further inside."""
        name = node.name.lower()
        if node.db or name != cte.alias.lower():
            return False
        inner: exp.Expr = node
        outer = node.parent
        while outer is not None and outer is not self._tree and outer is not self._clause:
            seen: list[exp.Expr] = []
            if isinstance(outer, exp.With):  # a query sees those before it
                seen = _before(outer, inner)
            elif (clause := outer.args.get("with_")) is not None and clause is not inner:
                seen = clause.expressions
            if any(each.alias.lower() == name for each in seen):
                return False
            inner, outer = outer, outer.parent
        if outer is None or outer is self._tree:
            return True
        return any(each is cte for each in _before(outer, inner))


def _before(clause: exp.Expr, inner: exp.Expr) -> list[exp.Expr]:
    return list(takewhile(lambda each: each is not inner, clause.expressions))
