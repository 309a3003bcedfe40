"""Marks: the nodes of a tree whose meaning depends on their operands' types, and how those are found.

Nodes are numbered, DuckDB binds the query (it never runs it) with each mark wrapped, and the bound plan
names the types. Marks are resolved from the inside out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import duckdb
from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.types import DuckType, from_plan

COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_MARKED = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.TryCast, exp.DPipe, exp.In, exp.Between,
    exp.Bracket, exp.AtTimeZone, exp.Case, exp.If, *COMPARISONS,
)  # fmt: skip


def number(tree: exp.Expr, is_typed: Callable[[str], bool]) -> dict[int, list[exp.Expr]]:
    """Number the nodes to mark; equal ones of one SELECT share a number, so that GROUP BY still matches.

    ``is_typed`` tells of a function whether its translation depends on its arguments' types.
    """
    numbers: dict[tuple[int, str], int] = {}
    marks: dict[int, list[exp.Expr]] = {}
    for node in tree.walk():
        if not _is_marked(node, is_typed):
            continue
        scope = node.find_ancestor(exp.Query)
        key = (id(scope), node.sql(dialect="trino"))
        number = numbers.setdefault(key, len(numbers))
        node.meta["mark"] = number
        marks.setdefault(number, []).append(node)
    return marks


def _is_marked(node: exp.Expr, is_typed: Callable[[str], bool]) -> bool:
    if isinstance(node, exp.Anonymous):
        return is_typed(node.name.lower())
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return False  # a WHEN of a CASE
    # A typed literal (DATE '2024-01-01') is a cast whose types are plain.
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return node.this.is_string is False
    return isinstance(node, _MARKED)


def ready(marks: dict[int, list[exp.Expr]], known: dict[int, list[DuckType]]) -> frozenset[int]:
    """The marks whose operands, and the relations those come from, are all resolved."""
    open_marks = {number for number in marks if number not in known}
    # What holds an open mark, itself not counted: looked up instead of searched for, node by node.
    unresolved, holders = set(), set()
    for number in open_marks:
        for node in marks[number]:
            unresolved.add(id(node))
            outer = node.parent
            while outer is not None and id(outer) not in holders:
                holders.add(id(outer))
                outer = outer.parent

    ready = frozenset(
        number
        for number in open_marks
        if id(marks[number][0]) not in holders
        and not any(
            id(source) in holders or id(source) in unresolved for source in _sources(marks[number][0])
        )
    )
    if not ready:  # recursive queries refer to themselves; then the order does not matter
        return frozenset(open_marks)
    return ready


def _sources(node: exp.Expr) -> Iterator[exp.Expr]:
    """The subqueries that names in ``node`` may come from: FROM, JOIN and WITH of all enclosing queries."""
    inner, outer = node, node.parent
    while outer is not None:
        if isinstance(outer, exp.With):
            for cte in outer.expressions:
                if cte is inner:
                    break
                yield cte
        elif isinstance(outer, exp.Select):
            joined = [outer.args.get("from_"), *(join.this for join in outer.args.get("joins") or [])]
            yield from (part for part in joined if part is not None and not _within(node, part))
            clause = outer.args.get("with_")
            if clause is not None and clause is not inner:
                yield clause
        elif isinstance(outer, exp.SetOperation) and (clause := outer.args.get("with_")) not in (None, inner):
            yield clause
        inner, outer = outer, outer.parent


def _within(node: exp.Expr, part: exp.Expr) -> bool:
    ancestor: exp.Expr | None = node
    while ancestor is not None:
        if ancestor is part:
            return True
        ancestor = ancestor.parent
    return False


def bind(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    wave: frozenset[int],
    marks: dict[int, list[exp.Expr]],
) -> dict[int, list[DuckType]]:
    """The types of the operands of the marks in ``wave``. Raises QueryFailed and duckdb.Error."""
    found = connection.execute("SELECT json_serialize_plan(?, optimize := false)", [text]).fetchone()
    plan: str = found[0] if found else '{"error":true}'
    if plan.startswith('{"error":true'):
        # json_serialize_plan words errors differently; binding the text plainly gives the usual message.
        connection.execute(f"EXPLAIN {text}")
        message = json.loads(plan).get("error_message", "it cannot be bound")
        raise not_supported(f"a construct of this query: {message}")
    told: dict[int, dict[int, DuckType]] = {}
    decoder = json.JSONDecoder()
    # A plan is megabytes of which only these fields matter. In a text of the user's, quotes are escaped.
    for field in re.finditer(r'"first":"m(\d+)_(\d+)","second":', plan):
        types = told.setdefault(int(field[1]), {})
        if int(field[2]) not in types:
            types[int(field[2])] = from_plan(decoder.raw_decode(plan, field.end())[0])
    answer = {number: [types[place_] for place_ in sorted(types)] for number, types in told.items()}
    for number in wave - answer.keys():
        # An operand that DuckDB dropped from the plan, e.g. below EXISTS: its type does not matter there.
        answer[number] = [DuckType("UNKNOWN")] * len(operands(marks[number][0]))
    return answer


def operands(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a marked node whose types decide what it means."""
    if isinstance(node, exp.Anonymous):
        arguments = node.expressions
        if arguments and isinstance(arguments[0], exp.Distinct):
            arguments = arguments[0].expressions
        return [part for part in arguments if not isinstance(part, exp.Lambda)]
    if isinstance(node, exp.In):
        query = node.args.get("query")
        return [node.this, *node.expressions, *([query] if query is not None else [])]
    if isinstance(node, exp.Case):
        default = node.args.get("default")
        return [*(branch.args["true"] for branch in node.args["ifs"]), *([default] if default else [])]
    if isinstance(node, exp.If):
        return [part for part in (node.args.get("true"), node.args.get("false")) if part is not None]
    if isinstance(node, exp.Between):
        return [node.this, node.args["low"], node.args["high"]]
    if isinstance(node, exp.Cast | exp.AtTimeZone):
        return [node.this]
    if isinstance(node, exp.Bracket):
        return [node.this, *node.expressions]
    return [
        part.this if isinstance(part, exp.Any | exp.All) else part for part in (node.this, node.expression)
    ]
