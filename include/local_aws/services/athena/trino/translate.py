"""From Trino's tree to DuckDB's text.

Some of Trino's operators mean different things for different types: 7 / 2 is 3, 7.0 / 2 is 3.5, '7' / 2 is
an error. Such nodes are numbered ("marks"), and DuckDB itself is asked for their operands' types: the query
is bound, never run, with each mark wrapped so that the bound plan names its types:

    a / b   ──>   struct_extract({'m1_0': a, 'm1_1': b, 'v': a / b}, 'v')

Marks are resolved from the inside out, because the type of an outer operator follows from the inner one's
right rendering. The drawback: one bind per level of nesting, a few milliseconds each; WITH queries are
therefore looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, combinations

import duckdb
from sqlglot import exp
from sqlglot.errors import UnsupportedError

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.functions import is_typed
from local_aws.services.athena.trino.library import provide
from local_aws.services.athena.trino.marks import bind, number, ready
from local_aws.services.athena.trino.refusals import refuse_aliases, refuse_mixed_sets
from local_aws.services.athena.trino.tables import is_map
from local_aws.services.athena.trino.translator import Translator
from local_aws.services.athena.trino.types import DuckType
from local_aws.services.athena.trino.with_queries import WithQueries


def duckdb_sql(
    tree: exp.Expr, sql: str, connection: duckdb.DuckDBPyConnection, *, real: str, shape: str
) -> str:
    """The DuckDB text of a Trino query.

    Args:
        tree: its tree; tables of the catalog carry ``meta["relation"]``. Marks are written into ``meta``.
        sql: the user's text, for places in messages.
        connection: holds the macros, and a table of each relation's columns in the schema ``shape``.
        real: schema of the relations that hold the data.
        shape: schema of empty tables with the same columns; binding them reads no file.

    Raises QueryFailed.
    """
    _put_joined_columns_first(tree)
    refuse_aliases(tree, sql, connection, shape)
    translation = _Translation(tree, sql, connection, number(tree, is_typed), shape)
    try:
        return translation.resolved(real)
    except UnsupportedError as problem:
        raise not_supported(f"a construct of this query: {problem}") from None


@dataclass
class _Translation:
    tree: exp.Expr
    sql: str
    connection: duckdb.DuckDBPyConnection
    marks: dict[int, list[exp.Expr]]
    shape: str
    known: dict[int, list[DuckType]] = field(default_factory=dict)  # of the marks' operands

    def resolved(self, real: str) -> str:
        """The text with every mark resolved, over the relations that hold the data."""
        _tell_maps(self.tree, self.sql, self.connection, self.shape)
        queries = WithQueries(self.tree, self.connection, self.shape)
        for cte in queries:
            self._learn(cte.this)
            if not queries.stand_for(cte, self._text(cte.this, self.shape)):
                break
        with queries.left_out():
            self._learn(self.tree)
        queries.forget()
        refuse_mixed_sets(self.tree, self.sql, self.connection, self.known, self.shape)
        return self._text(self.tree, real)

    def _learn(self, part: exp.Expr) -> None:
        """Bind a part of the tree until the operands of all its marks are known."""
        inside = {id(node) for node in part.walk()}
        marks = {number: nodes for number, nodes in self.marks.items() if id(nodes[0]) in inside}
        while marks.keys() - self.known.keys():
            wave = ready(marks, self.known)
            translator = Translator(self.sql, self.known, wave, self.shape)
            text = translator.generate(part, copy=False)
            provide(self.connection, text)
            try:
                self.known.update(bind(self.connection, text, wave, marks))
            except duckdb.Error:
                # 'a' + 1 does not bind, but its operands do, and their types say what is wrong with it.
                translator.blind = True
                blind = translator.generate(part, copy=False)
                self.known.update(bind(self.connection, blind, wave, marks))

    def _text(self, part: exp.Expr, schema: str) -> str:
        text = str(Translator(self.sql, self.known, frozenset(), schema).generate(part, copy=False))
        provide(self.connection, text)
        return text


def _put_joined_columns_first(tree: exp.Expr) -> None:
    """SELECT * of a join USING (k) begins with k in Trino; in DuckDB k stays at its place."""
    for select in tree.find_all(exp.Select):
        joins = select.args.get("joins") or []
        names = [column.name for join in reversed(joins) for column in join.args.get("using") or []]
        if not names:
            continue
        for star in [part for part in select.expressions if isinstance(part, exp.Star)]:
            if star.args.get("except_"):
                continue
            first = list(dict.fromkeys(names))
            rest = exp.Star(except_=[exp.to_identifier(name) for name in first])
            place_ = select.expressions.index(star)
            columns = [exp.column(name) for name in first]
            select.set(
                "expressions",
                [*select.expressions[:place_], *columns, rest, *select.expressions[place_ + 1 :]],
            )


def _tell_maps(tree: exp.Expr, sql: str, connection: duckdb.DuckDBPyConnection, shape: str) -> None:
    """Find out which UNNEST of one value into several columns takes a map: binding fails on those."""
    unclear = [
        unnest.expressions[0]
        for unnest in tree.find_all(exp.Unnest)
        if len(unnest.expressions) == 1
        and (alias := unnest.args.get("alias"))
        and len(alias.columns) > 1
        and not is_map(unnest.expressions[0])
    ]
    if not unclear:
        return
    for operands in _subsets(unclear):
        for operand in unclear:
            operand.meta["map"] = any(operand is chosen for chosen in operands)
        text = Translator(sql, {}, frozenset(), shape).generate(tree, copy=False)
        provide(connection, text)
        try:
            connection.execute(f"EXPLAIN {text}")
        except duckdb.BinderException as problem:
            if "MAP(" in str(problem) or "map_keys" in str(problem):
                continue
        return


def _subsets(operands: list[exp.Expr]) -> Iterator[tuple[exp.Expr, ...]]:
    return chain.from_iterable(combinations(operands, size) for size in range(len(operands) + 1))
