# ruff: noqa: S608 - SQL is what this module makes; names are quoted and texts are literals
"""From Trino's tree to DuckDB's text.

Some of Trino's operators mean different things for different types: 7 / 2 is 3, 7.0 / 2 is 3.5, '7' / 2 is
an error. Such nodes are numbered ("marks"), and DuckDB itself is asked for their operands' types: the query
is bound, never run, with each mark wrapped so that the bound plan names its types:

    a / b   ──>   struct_extract({'m1_0': a, 'm1_1': b, 'v': a / b}, 'v')

Marks are resolved from the inside out, because the type of an outer operator follows from the inner one's
right rendering. The drawback: one bind per level of nesting, a few milliseconds each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, combinations
from typing import Any

import duckdb
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, UnsupportedError

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.formats import from_joda, from_mysql
from local_aws.services.athena.trino.functions import (
    FUNCTIONS,
    NOT_EMULATED,
    PARTS,
    UNITS,
    WALL_CLOCK,
    Function,
)
from local_aws.services.athena.trino.types import (
    FLOATS,
    INTEGERS,
    TEXT,
    UNKNOWN,
    DuckType,
    from_plan,
)

_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.NullSafeEQ, exp.NullSafeNEQ)
_MARKED = (
    exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Cast, exp.TryCast, exp.DPipe, exp.In, exp.Between,
    exp.Bracket, exp.AtTimeZone, exp.Case, exp.If, *_COMPARISONS,
)  # fmt: skip
# Calls whose translation depends on the types of their first argument(s).
_MARKED_CALLS = frozenset(
    {"sum", "avg", "round", "cardinality", "element_at", "concat", "typeof", "at_timezone", "date_diff"}
    | {"from_iso8601_timestamp", "truncate", "ceil", "ceiling", "floor", "sign", "reverse"}
    | {"coalesce", "greatest", "least", "nullif"}
)


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
    marks = _number(tree)
    try:
        return _resolved(tree, sql, connection, marks, real=real, shape=shape)
    except UnsupportedError as problem:
        raise not_supported(f"a construct of this query: {problem}") from None


def _resolved(
    tree: exp.Expr,
    sql: str,
    connection: duckdb.DuckDBPyConnection,
    marks: dict[int, list[exp.Expr]],
    *,
    real: str,
    shape: str,
) -> str:
    _tell_maps(tree, sql, connection, shape)
    known: dict[int, list[DuckType]] = {}
    while len(known) < len(marks):
        wave = _ready(marks, known)
        translator = Translator(sql, known, wave, shape)
        try:
            known.update(_bind(connection, translator.generate(tree, copy=False), wave, marks))
        except duckdb.Error:
            # 'a' + 1 does not bind, but its operands do, and their types say what is wrong with it.
            translator.blind = True
            known.update(_bind(connection, translator.generate(tree, copy=False), wave, marks))
    return str(Translator(sql, known, frozenset(), real).generate(tree, copy=False))


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
        and not _is_map(unnest.expressions[0])
    ]
    for operands in _subsets(unclear):
        for operand in unclear:
            operand.meta["map"] = any(operand is chosen for chosen in operands)
        text = Translator(sql, {}, frozenset(), shape).generate(tree, copy=False)
        try:
            connection.execute(f"EXPLAIN {text}")
        except duckdb.BinderException as problem:
            if "MAP(" in str(problem) or "map_keys" in str(problem):
                continue
        return


def _subsets(operands: list[exp.Expr]) -> Iterator[tuple[exp.Expr, ...]]:
    return chain.from_iterable(combinations(operands, size) for size in range(len(operands) + 1))


def _number(tree: exp.Expr) -> dict[int, list[exp.Expr]]:
    """Number the nodes to mark; equal ones of one SELECT share a number, so that GROUP BY still matches."""
    numbers: dict[tuple[int, str], int] = {}
    marks: dict[int, list[exp.Expr]] = {}
    for node in tree.walk():
        if not _is_marked(node):
            continue
        scope = node.find_ancestor(exp.Query)
        key = (id(scope), node.sql(dialect="trino"))
        number = numbers.setdefault(key, len(numbers))
        node.meta["mark"] = number
        marks.setdefault(number, []).append(node)
    return marks


def _is_marked(node: exp.Expr) -> bool:
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
        function = FUNCTIONS.get(name)
        return name in _MARKED_CALLS or bool(function and function.strings)
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case):
        return False  # a WHEN of a CASE
    # A typed literal (DATE '2024-01-01') is a cast whose types are plain.
    if isinstance(node, exp.Cast) and isinstance(node.this, exp.Literal):
        return node.this.is_string is False
    return isinstance(node, _MARKED)


def _ready(marks: dict[int, list[exp.Expr]], known: dict[int, list[DuckType]]) -> frozenset[int]:
    """The marks whose operands, and the relations those come from, are all resolved."""
    open_marks = {number for number in marks if number not in known}
    unresolved = {id(node) for number in open_marks for node in marks[number]}

    def is_open(part: exp.Expr, *, but: exp.Expr | None = None) -> bool:
        return any(id(node) in unresolved and node is not but for node in part.walk())

    ready = frozenset(
        number
        for number in open_marks
        if not is_open(marks[number][0], but=marks[number][0])
        and not any(is_open(source) for source in _sources(marks[number][0]))
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


def _bind(
    connection: duckdb.DuckDBPyConnection,
    text: str,
    wave: frozenset[int],
    marks: dict[int, list[exp.Expr]],
) -> dict[int, list[DuckType]]:
    found = connection.execute("SELECT json_serialize_plan(?, optimize := false)", [text]).fetchone()
    # DuckDB writes infinities and NaN in its own words, which are no JSON.
    plan = (
        json.loads(re.sub(r":-?(?:nan|inf)\b", ":null", found[0], flags=re.I)) if found else {"error": True}
    )
    if plan.get("error"):
        # json_serialize_plan words errors differently; binding the text plainly gives the usual message.
        connection.execute(f"EXPLAIN {text}")
        raise not_supported(f"a construct of this query: {plan.get('error_message', 'it cannot be bound')}")
    told: dict[int, dict[int, DuckType]] = {}
    for field in _fields(plan):
        if matched := re.fullmatch(r"m(\d+)_(\d+)", field["first"]):
            told.setdefault(int(matched[1]), {})[int(matched[2])] = from_plan(field["second"])
    answer = {number: [types[place_] for place_ in sorted(types)] for number, types in told.items()}
    for number in wave - answer.keys():
        # An operand that DuckDB dropped from the plan, e.g. below EXISTS: its type does not matter there.
        operands = _operands(marks[number][0])
        answer[number] = [DuckType("UNKNOWN")] * len(operands)
    return answer


def _fields(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "child_types" in part:
            yield from (field for field in part["child_types"] if isinstance(field, dict))
        for inner in part.values():
            yield from _fields(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _fields(inner)


def _operands(node: exp.Expr) -> list[exp.Expr]:
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
    return [node.this, node.expression]


class Translator(DuckDB.Generator):  # type: ignore[misc, valid-type]
    """Writes DuckDB's text. Nodes without a method here mean the same in both."""

    def __init__(self, sql: str, known: dict[int, list[DuckType]], wave: frozenset[int], schema: str) -> None:
        super().__init__(
            dialect=DuckDB(), comments=False, identify=True, unsupported_level=ErrorLevel.IMMEDIATE
        )
        self.text = sql
        self.known = known
        self.wave = wave
        self.schema = schema
        self.blind = False  # marks have no value, only types
        self.trying = 0  # inside TRY(…) a guard answers NULL: DuckDB's TRY takes no error()

    # Marks

    def _types(self, node: exp.Expr) -> list[DuckType] | None:
        return self.known.get(node.meta.get("mark", -1))

    def _marked(self, node: exp.Expr, default: str) -> str:
        """``default``, wrapped so that binding tells the operands' types if it is this mark's turn."""
        number = node.meta.get("mark")
        if number not in self.wave:
            return default
        fields = [f"'m{number}_{place_}': {self.sql(part)}" for place_, part in enumerate(_operands(node))]
        value = "NULL" if self.blind else default
        return f"struct_extract({{{', '.join(fields)}, 'v': {value}}}, 'v')"

    def _marked_argument(self, node: exp.Anonymous) -> str:
        """The one argument of an aggregate, wrapped inside it: outside, its columns are grouped away."""
        argument = node.expressions[0] if node.expressions else exp.Null()
        if isinstance(argument, exp.Distinct):
            return f"DISTINCT {self._marked(node, self.sql(argument.expressions[0]))}"
        return self._marked(node, self.sql(argument))

    def _fail(self, message: str) -> str:
        """A value that fails the query, with a message made by a DuckDB expression."""
        return "NULL" if self.trying else f"error({message})"

    def _mismatch(self, node: exp.Expr, operator: str, left: DuckType, right: DuckType) -> QueryFailed:
        return QueryFailed(
            f"TYPE_MISMATCH: {place(node, self.text)}: Cannot apply operator: "
            f"{left.trino()} {operator} {right.trino()}"
        )

    # Names

    def table_sql(self, expression: exp.Table, sep: str = " AS ") -> str:
        """A relation of ours, or the name of a WITH query."""
        relation = expression.meta.get("relation")
        if relation is None:
            return str(super().table_sql(expression, sep=sep))
        alias = self.sql(expression, "alias") or self.sql(exp.to_identifier(expression.name))
        sample = self.sql(expression, "sample")
        return f'{self.schema}."{relation}" AS {alias}{sample}'

    def column_parts(self, expression: exp.Column) -> str:
        """Catalog and database are dropped: every relation stands under its table's name."""
        qualifier = expression.args.get("table")
        database = expression.args.get("db")
        name = str(self.sql(expression, "this"))
        if qualifier is None:
            return name
        if database is not None and not expression.meta.get("qualified"):
            return f"{self.sql(database)}.{self.sql(qualifier)}.{name}"
        return f"{self.sql(qualifier)}.{name}"

    # Operators

    def div_sql(self, expression: exp.Div) -> str:
        """Integers divide to integers, decimals to decimals, everything else to doubles."""
        left, right = self.sql(expression, "this"), self.sql(expression, "expression")
        types = self._types(expression)
        if types is None:
            return self._marked(expression, f"({left} / {right})")
        dividend, divisor = types
        if dividend.name in UNKNOWN or divisor.name in UNKNOWN:
            return f"({left} / {right})"
        if not (dividend.number and divisor.number):
            if dividend.name == "INTERVAL" and divisor.number:
                return f"({left} / {right})"
            raise self._mismatch(expression, "/", dividend, divisor)
        if dividend.name in INTEGERS and divisor.name in INTEGERS:
            return f"({left} // {right})"
        if "DECIMAL" not in (dividend.name, divisor.name) or {dividend.name, divisor.name} & FLOATS:
            return f"(CAST({left} AS DOUBLE) / CAST({right} AS DOUBLE))"
        return _decimal_division(left, right, dividend, divisor)

    def mod_sql(self, expression: exp.Mod) -> str:
        """The remainder, with the dividend's sign in both languages."""
        return self._number_operator(expression, "%")

    def mul_sql(self, expression: exp.Mul) -> str:
        """Multiplication of numbers or of an interval."""
        return self._number_operator(expression, "*")

    def add_sql(self, expression: exp.Add) -> str:
        """Numbers, or a date and an interval: then the result stays a date."""
        return self._number_operator(expression, "+")

    def sub_sql(self, expression: exp.Sub) -> str:
        """Numbers, a date and an interval, or two dates, which give an interval."""
        return self._number_operator(expression, "-")

    def _number_operator(self, expression: exp.Binary, operator: str) -> str:
        left, right = self.sql(expression, "this"), self.sql(expression, "expression")
        plain = f"({left} {operator} {right})"
        types = self._types(expression)
        if types is None:
            return self._marked(expression, plain)
        first, second = types
        families = {first.family, second.family}
        if first.name in UNKNOWN or second.name in UNKNOWN or families == {"number"}:
            return plain
        if operator == "*" and families == {"number", "INTERVAL"}:
            return plain
        if operator in "+-":
            if families == {"INTERVAL"}:
                return plain
            if first.family == "time" and second.name == "INTERVAL":
                return f"trino_plus({left}, {right})" if operator == "+" else f"trino_plus({left}, -{right})"
            if operator == "+" and first.name == "INTERVAL" and second.family == "time":
                return f"trino_plus({right}, {left})"
            if operator == "-" and families == {"time"}:
                return f"(CAST({left} AS TIMESTAMP) - CAST({right} AS TIMESTAMP))"
        raise self._mismatch(expression, operator, first, second)

    def binary(self, expression: exp.Binary, op: str) -> str:
        """Comparisons fail between families of types, where DuckDB would cast one side."""
        if not isinstance(expression, _COMPARISONS):
            return str(super().binary(expression, op))
        plain = f"({self.sql(expression, 'this')} {op} {self.sql(expression, 'expression')})"
        types = self._types(expression)
        if types is None:
            return self._marked(expression, "CAST(NULL AS BOOLEAN)")
        self._comparable(expression, op, types)
        return plain

    def _comparable(self, expression: exp.Expr, operator: str, types: Sequence[DuckType]) -> None:
        first = types[0]
        for other in types[1:]:
            if other.family != first.family and not {first.name, other.name} & UNKNOWN:
                raise self._mismatch(expression, operator, first, other)

    def in_sql(self, expression: exp.In) -> str:
        """Membership: all members of the value's family."""
        plain = str(super().in_sql(expression))
        types = self._types(expression)
        if types is None:
            return self._marked(expression, "CAST(NULL AS BOOLEAN)")
        self._comparable(expression, "=", types)
        return plain

    def between_sql(self, expression: exp.Between) -> str:
        """A range: both ends of the value's family."""
        plain = (
            f"({self.sql(expression, 'this')} BETWEEN {self.sql(expression, 'low')}"
            f" AND {self.sql(expression, 'high')})"
        )
        types = self._types(expression)
        if types is None:
            return self._marked(expression, "CAST(NULL AS BOOLEAN)")
        self._comparable(expression, "BETWEEN", types)
        return plain

    def case_sql(self, expression: exp.Case) -> str:
        """CASE: all results of one family; DuckDB would cast them to text."""
        plain = str(super().case_sql(expression))
        types = self._types(expression)
        if types is None:
            return self._marked(expression, plain)
        self._alike(expression, "CASE", types)
        return plain

    def if_sql(self, expression: exp.If) -> str:
        """IF(condition, a, b)."""
        parts = [self.sql(expression, name) for name in ("this", "true", "false")]
        plain = f"(CASE WHEN {parts[0]} THEN {parts[1]}{f' ELSE {parts[2]}' if parts[2] else ''} END)"
        types = self._types(expression)
        if types is None:
            return self._marked(expression, plain)
        self._alike(expression, "IF", types)
        return plain

    def _alike(self, expression: exp.Expr, word: str, types: Sequence[DuckType]) -> None:
        known = [kind for kind in types if kind.name not in UNKNOWN]
        for other in known[1:]:
            if other.family != known[0].family:
                raise QueryFailed(
                    f"TYPE_MISMATCH: {place(expression, self.text)}: All {word} results must be the same "
                    f"type or coercible to a common type. Cannot find common type between "
                    f"{known[0].trino()} and {other.trino()}"
                )

    def dpipe_sql(self, expression: exp.DPipe) -> str:
        """Concatenation of text or of arrays; numbers are not cast."""
        plain = f"({self.sql(expression, 'this')} || {self.sql(expression, 'expression')})"
        types = self._types(expression)
        if types is None:
            return self._marked(expression, plain)
        self._concatenable(expression, types)
        return plain

    def _concatenable(self, expression: exp.Expr, types: Sequence[DuckType]) -> None:
        for kind in types:
            if kind.family not in ("varchar", "LIST", "BLOB") and kind.name not in UNKNOWN:
                raise QueryFailed(
                    f"TYPE_MISMATCH: {place(expression, self.text)}: Unexpected parameters "
                    f"({', '.join(each.trino() for each in types)}) for function concat"
                )

    def bracket_sql(self, expression: exp.Bracket) -> str:
        """An element that is not there is an error, not NULL."""
        inner, index = self.sql(expression, "this"), self.sql(expression.expressions[0])
        types = self._types(expression)
        if types is None:
            return self._marked(expression, f"{inner}[{index}]")
        if types[0].name == "LIST":
            message = (
                f"'INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: '"
                f" || {index} || ' > ' || len({inner})"
            )
            low = "'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1'"
            return (
                f"(CASE WHEN {index} < 1 THEN {self._fail(low)} WHEN {index} > len({inner})"
                f" THEN {self._fail(message)} ELSE {inner}[{index}] END)"
            )
        if types[0].name == "MAP":
            message = f"'INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST({index} AS VARCHAR)"
            return (
                f"(CASE WHEN NOT map_contains({inner}, {index}) THEN {self._fail(message)}"
                f" ELSE {inner}[{index}] END)"
            )
        if types[0].name == "STRUCT":
            return f"{inner}[{index}]"
        raise self._mismatch(expression, "[]", types[0], types[1])

    def cast_sql(self, expression: exp.Cast, *_: str | None) -> str:
        """CAST with Trino's rules for what text is a number and how numbers look as text."""
        return self._cast(expression, trying=False)

    def trycast_sql(self, expression: exp.TryCast) -> str:
        """TRY_CAST: what cannot be cast is NULL."""
        return self._cast(expression, trying=True)

    def _cast(self, expression: exp.Cast, *, trying: bool) -> str:
        target = _cast_type(expression.args["to"])
        word = "TRY_CAST" if trying else "CAST"
        value = self.sql(expression, "this")
        if "mark" not in expression.meta:  # a literal of text
            if not isinstance(expression.this, exp.Literal) or _is_good_literal(expression):
                return f"{word}({value} AS {target})"
            types: list[DuckType] | None = [DuckType("VARCHAR")]
        else:
            types = self._types(expression)
        if types is None:
            return self._marked(expression, f"{word}({value} AS {target})")
        return self._cast_of(value, types[0], target, expression.args["to"], trying=trying)

    def _cast_of(self, value: str, source: DuckType, target: str, to: exp.DataType, *, trying: bool) -> str:
        word = "TRY_CAST" if trying else "CAST"
        if target == "VARCHAR":
            text = _as_text(value, source)
            length = to.expressions[0].name if to.expressions else ""
            return f"left({text}, {length})" if length else text
        if target == "JSON":
            return value if source.name == "JSON" else f"CAST(to_json({value}) AS JSON)"
        if source.name in FLOATS and target in INTEGERS:
            return f"{word}(round({value}) AS {target})"
        if source.name in TEXT:
            return self._cast_text(value, target, trying=trying)
        return f"{word}({value} AS {target})"

    def _cast_text(self, value: str, target: str, *, trying: bool) -> str:
        if target == "BLOB":
            return f"encode({value})"
        tests = {"BOOLEAN": "boolean", "DATE": "date", "TIMESTAMP": "timestamp"}
        if target in INTEGERS:
            test = "trino_integer_text"
        elif target in FLOATS or target.startswith("DECIMAL"):
            test = "trino_number_text"
        elif target in tests:
            test = f"trino_{tests[target]}_text"
        else:
            return f"{'TRY_CAST' if trying else 'CAST'}({value} AS {target})"
        fails = f"'INVALID_CAST_ARGUMENT: Cannot cast ''' || {value} || ''' to {target}'"
        word = "TRY_CAST" if trying else "CAST"
        return (
            f"(CASE WHEN {value} IS NULL THEN NULL WHEN {test}({value}) THEN {word}({value} AS {target})"
            f" ELSE {'NULL' if trying else self._fail(fails)} END)"
        )

    def extract_sql(self, expression: exp.Extract) -> str:
        """EXTRACT(field FROM x): the same table as the functions of those names."""
        field = expression.name.lower()
        if field not in PARTS:
            raise not_supported(f"EXTRACT({field.upper()} FROM …)")
        return PARTS[field].format(self.sql(expression, "expression"))

    def attimezone_sql(self, expression: exp.AtTimeZone) -> str:
        """Local time of a zone: only where the zone itself is not seen afterwards."""
        return self._at_time_zone(expression, expression.this, expression.args["zone"])

    def _at_time_zone(self, node: exp.Expr, value: exp.Expr, zone: exp.Expr) -> str:
        parent = node.parent
        while isinstance(parent, exp.Paren):
            parent = parent.parent
        seen = (
            (isinstance(parent, exp.Cast) and parent.args["to"].is_type("date", "timestamp"))
            or isinstance(parent, exp.Extract)
            or (isinstance(parent, exp.Anonymous) and parent.name.lower() in WALL_CLOCK)
        )
        if not seen:
            raise not_supported("a timestamp in a time zone outside date functions and casts")
        inner, place_ = self.sql(value), self.sql(zone)
        types = self._types(node)
        if types is None:
            return self._marked(node, f"CAST({inner} AS TIMESTAMP)")
        if types[0].name == "TIMESTAMP WITH TIME ZONE":
            return f"timezone({place_}, {inner})"
        return f"timezone({place_}, timezone('UTC', CAST({inner} AS TIMESTAMP)))"

    def interval_sql(self, expression: exp.Interval) -> str:
        """INTERVAL '3' DAY; those with two units are not emulated."""
        unit = expression.args.get("unit")
        if unit is None or isinstance(unit, exp.IntervalSpan):
            raise not_supported("intervals of several units")
        name = unit.name.lower().removesuffix("s")
        if name not in UNITS:
            raise not_supported(f"INTERVAL … {unit.name}")
        user = expression.parent
        while isinstance(user, exp.Paren | exp.Neg | exp.Mul):
            user = user.parent
        if name in ("month", "quarter", "year") and not isinstance(user, exp.Add | exp.Sub | exp.Anonymous):
            raise not_supported("intervals of months as values of their own")
        return UNITS[name].format(f"CAST({self.sql(expression, 'this')} AS BIGINT)")

    def hexstring_sql(self, expression: exp.HexString, *_: str | None) -> str:
        """X'6869'."""
        return f"unhex('{expression.this}')"

    def strposition_sql(self, expression: exp.StrPosition) -> str:
        """POSITION(a IN b)."""
        return f"strpos({self.sql(expression, 'this')}, {self.sql(expression, 'substr')})"

    def substring_sql(self, expression: exp.Substring) -> str:
        """SUBSTRING(x FROM a FOR b)."""
        parts = [expression.this, expression.args.get("start"), expression.args.get("length")]
        return f"trino_substr({', '.join(self.sql(part) for part in parts if part is not None)})"

    def trim_sql(self, expression: exp.Trim) -> str:
        """TRIM([BOTH | LEADING | TRAILING] [x FROM] y): x is a set of characters in both languages."""
        name = {"LEADING": "ltrim", "TRAILING": "rtrim"}.get(expression.args.get("position") or "", "trim")
        characters = expression.args.get("expression")
        if characters is None:
            return f"trino_{name}({self.sql(expression, 'this')})"
        return f"{name}({self.sql(expression, 'this')}, {self.sql(characters)})"

    def groupconcat_sql(self, expression: exp.GroupConcat) -> str:
        """LISTAGG(x, s) WITHIN GROUP (ORDER BY y)."""
        return self._group_concat(expression, "")

    def _group_concat(self, expression: exp.GroupConcat, suffix: str) -> str:
        inner, order = expression.this, ""
        if isinstance(inner, exp.Order):
            order, inner = self.sql(exp.Order(expressions=inner.expressions)), inner.this
        separator = self.sql(expression, "separator") or "''"
        return f"string_agg({self.sql(inner)}, {separator}{order}){suffix}"

    def unnest_sql(self, expression: exp.Unnest) -> str:
        """UNNEST(a, b) [WITH ORDINALITY] AS t(x, y, n); maps give two columns, arrays of rows one a field."""
        alias = expression.args.get("alias")
        columns = list(alias.columns) if alias else []
        offset = expression.args.get("offset")
        inner = [self.sql(part) for part in expression.expressions]
        names = [self.sql(column) for column in columns]
        if isinstance(offset, exp.Expr):
            names.append(self.sql(offset))
        head = f" AS {self.sql(alias, 'this')}" if alias and alias.this else " AS _unnest"
        tail = f"({', '.join(names)})" if names else ""
        ordinal = ", generate_subscripts({0}, 1)" if offset else ""
        if len(columns) > len(inner) and len(inner) == 1:
            if _is_map(expression.expressions[0]):
                keys = f"map_keys({inner[0]})"
                selected = f"unnest({keys}), unnest(map_values({inner[0]})){ordinal.format(keys)}"
                return f"LATERAL (SELECT {selected}){head}{tail}"
            numbered = ", e.n" if offset else ""
            return (
                f"LATERAL (SELECT unnest(e.row){numbered} FROM (SELECT unnest({inner[0]}) AS row"
                f"{ordinal.format(inner[0])}{' AS n' if offset else ''}) AS e){head}{tail}"
            )
        longest = inner[0] if len(inner) == 1 else f"range(greatest({', '.join(f'len({x})' for x in inner)}))"
        selected = ", ".join(f"unnest({part})" for part in inner)
        return f"LATERAL (SELECT {selected}{ordinal.format(longest)}){head}{tail}"

    # Functions

    def anonymous_sql(self, expression: exp.Anonymous) -> str:
        """A call: by the builder of its name, or by the table's template."""
        return self._call(expression, "")

    def filter_sql(self, expression: exp.Filter) -> str:
        """AGGREGATE(…) FILTER (WHERE …): in a template of several aggregates it belongs to each."""
        condition = self.sql(expression, "expression").strip()
        return self._aggregate(expression.this, f" FILTER ({condition})")

    def window_sql(self, expression: exp.Window) -> str:
        """AGGREGATE(…) OVER (…), as for FILTER."""
        inner, suffix = expression.this, ""
        if isinstance(inner, exp.Identifier):  # the definition of a named window
            return str(super().window_sql(expression))
        if isinstance(inner, exp.Filter):
            suffix = f" FILTER ({self.sql(inner, 'expression').strip()})"
            inner = inner.this
        return self._aggregate(inner, suffix + self._over(expression))

    def _over(self, expression: exp.Window) -> str:
        this = expression.this
        placeholder = exp.Var(this="F")
        expression.args["this"] = placeholder
        try:
            written = str(super().window_sql(expression))
        finally:
            expression.args["this"] = this
        return written.removeprefix("F")

    def _aggregate(self, inner: exp.Expr, suffix: str) -> str:
        if isinstance(inner, exp.IgnoreNulls | exp.RespectNulls):
            word = " IGNORE NULLS" if isinstance(inner, exp.IgnoreNulls) else ""
            call = inner.this
            if not isinstance(call, exp.Anonymous) or call.name.lower() not in _TAKES_NULLS:
                raise not_supported("IGNORE NULLS here")
            arguments = ", ".join(self.sql(part) for part in call.expressions)
            return f"{call.name.lower()}({arguments}{word}){suffix}"
        if isinstance(inner, exp.GroupConcat):
            return self._group_concat(inner, suffix)
        if isinstance(inner, exp.Anonymous):
            return self._call(inner, suffix)
        raise not_supported(f"FILTER or OVER behind {inner.sql(dialect='trino')}")

    def _call(self, node: exp.Anonymous, suffix: str) -> str:
        name = node.name.lower()
        builder = BUILDERS.get(name)
        if builder is not None:
            return builder(self, node, suffix)
        function = FUNCTIONS.get(name)
        if function is None:
            if name in NOT_EMULATED:
                raise not_supported(f"{place(node, self.text)}: the function '{name}'")
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Function '{name}' not registered"
            )
        if suffix and not function.aggregate:
            raise QueryFailed(
                f"FUNCTION_NOT_AGGREGATE: {place(node, self.text)}: Filter or window is only valid for "
                f"aggregation functions, not '{name}'"
            )
        written = self._template(node, function, suffix)
        if not function.strings:
            return written
        types = self._types(node)
        if types is None:
            return self._marked(node, written)
        self._texts(node, types, function.strings)
        return written

    def _texts(self, node: exp.Anonymous, types: Sequence[DuckType], wanted: Sequence[int]) -> None:
        for number in wanted:
            if (
                number < len(types)
                and types[number].family != "varchar"
                and types[number].name not in UNKNOWN
            ):
                raise QueryFailed(
                    f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected parameters "
                    f"({', '.join(each.trino() for each in types)}) for function {node.name.lower()}"
                )

    def _template(self, node: exp.Anonymous, function: Function, suffix: str) -> str:
        arguments = self._arguments(node, function.least, function.most)
        or_null = " OR ".join(f"{argument} IS NULL" for argument in arguments)
        written = function.template.replace("{*}", "\0").replace("{or_null}", "\1").replace("@", "\2")
        for number, argument in enumerate(arguments):
            written = written.replace(f"{{{number}}}", argument)
        # Replaced last: arguments may hold any text.
        return written.replace("\0", ", ".join(arguments)).replace("\1", or_null).replace("\2", suffix)

    def _arguments(self, node: exp.Anonymous, least: int, most: int | None) -> list[str]:
        count = len(node.expressions)
        if count < least or (most is not None and count > most):
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected number of parameters ({count}) "
                f"for function {node.name.lower()}"
            )
        return [self.sql(argument).strip() for argument in node.expressions]


Builder = Callable[[Translator, exp.Anonymous, str], str]
BUILDERS: dict[str, Builder] = {}
_TAKES_NULLS = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})

# What was replaced above must not be taken from DuckDB's table of transforms.
Translator.TRANSFORMS = {
    kind: transform
    for kind, transform in DuckDB.Generator.TRANSFORMS.items()
    if f"{kind.key}_sql" not in vars(Translator)
}


def _builder(*names: str) -> Callable[[Builder], Builder]:
    def register(build: Builder) -> Builder:
        for name in names:
            BUILDERS[name] = build
        return build

    return register


@_builder("sum")
def _sum(self: Translator, node: exp.Anonymous, suffix: str) -> str:
    (argument,) = self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return f"sum({self._marked_argument(node)}){suffix}"
    if not types[0].number and types[0].name not in UNKNOWN | {"INTERVAL"}:
        raise _no_such_aggregate(self, node, types)
    if types[0].name == "FLOAT":
        return f"CAST(sum({argument}){suffix} AS FLOAT)"
    if types[0].name in INTEGERS:
        return f"CAST(sum({argument}){suffix} AS BIGINT)"
    return f"sum({argument}){suffix}"


@_builder("avg")
def _avg(self: Translator, node: exp.Anonymous, suffix: str) -> str:
    (argument,) = self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return f"avg({self._marked_argument(node)}){suffix}"
    if not types[0].number and types[0].name not in UNKNOWN | {"INTERVAL"}:
        raise _no_such_aggregate(self, node, types)
    if types[0].name == "DECIMAL":
        # sum / count in exact arithmetic; DuckDB's own avg goes through double.
        scale = types[0].scale
        total, count = f"sum({argument}){suffix}", f"nullif(count({argument}){suffix}, 0)"
        exact = _decimal_division(total, count, DuckType("DECIMAL", 38, scale), DuckType("BIGINT"))
        return f"CAST({exact} AS DECIMAL({types[0].width}, {scale}))"
    if types[0].name == "FLOAT":
        return f"CAST(avg({argument}){suffix} AS FLOAT)"
    return f"avg({argument}){suffix}"


def _no_such_aggregate(self: Translator, node: exp.Anonymous, types: Sequence[DuckType]) -> QueryFailed:
    return QueryFailed(
        f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected parameters ({types[0].trino()}) "
        f"for function {node.name.lower()}"
    )


@_builder("round", "truncate")
def _round(self: Translator, node: exp.Anonymous, _: str) -> str:
    arguments = self._arguments(node, 1, 2)
    name = "round" if node.name.lower() == "round" else "trunc"
    plain = f"{name}({', '.join(arguments)})"
    types = self._types(node)
    if types is None:
        return self._marked(node, plain)
    if types[0].name in INTEGERS and len(arguments) == 1:
        return arguments[0]
    if types[0].name == "DECIMAL":
        width, scale = types[0].width, types[0].scale
        if len(arguments) == 1:
            return f"CAST({plain} AS DECIMAL({min(38, width - scale + 1)}, 0))"
        return f"CAST({plain} AS DECIMAL({min(38, width + 1)}, {scale}))"
    return plain


@_builder("ceil", "ceiling", "floor", "sign")
def _whole(self: Translator, node: exp.Anonymous, _: str) -> str:
    (argument,) = self._arguments(node, 1, 1)
    name = "ceil" if node.name.lower().startswith("ceil") else node.name.lower()
    types = self._types(node)
    if types is None:
        return self._marked(node, f"{name}({argument})")
    if types[0].name in INTEGERS:
        return f"CAST({name}({argument}) AS {types[0].name})" if name == "sign" else argument
    if name == "sign":
        return f"CAST(sign({argument}) AS {'DOUBLE' if types[0].name in FLOATS else 'DECIMAL(1, 0)'})"
    return f"{name}({argument})"


@_builder("concat")
def _concat(self: Translator, node: exp.Anonymous, _: str) -> str:
    arguments = self._arguments(node, 2, None)
    plain = f"({' || '.join(arguments)})"
    types = self._types(node)
    if types is None:
        return self._marked(node, plain)
    self._concatenable(node, types)
    return plain


@_builder("coalesce", "nullif", "greatest", "least")
def _one_of(self: Translator, node: exp.Anonymous, _: str) -> str:
    name = node.name.lower()
    written = self._template(node, FUNCTIONS[name], "")
    types = self._types(node)
    if types is None:
        return self._marked(node, written)
    self._alike(node, name.upper(), types)
    return written


@_builder("reverse")
def _reverse(self: Translator, node: exp.Anonymous, _: str) -> str:
    (argument,) = self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return self._marked(node, argument)
    return f"list_reverse({argument})" if types[0].name == "LIST" else f"reverse({argument})"


@_builder("cardinality")
def _cardinality(self: Translator, node: exp.Anonymous, _: str) -> str:
    (argument,) = self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return self._marked(node, "CAST(0 AS BIGINT)")
    if types[0].name == "MAP":
        return f"CAST(cardinality({argument}) AS BIGINT)"
    return f"len({argument})"


@_builder("element_at")
def _element_at(self: Translator, node: exp.Anonymous, _: str) -> str:
    container, index = self._arguments(node, 2, 2)
    types = self._types(node)
    if types is None:
        return self._marked(node, f"{container}[{index}]")
    if types[0].name == "MAP":
        return f"{container}[{index}]"
    return f"trino_array_element({container}, {index})"


@_builder("typeof")
def _typeof(self: Translator, node: exp.Anonymous, _: str) -> str:
    self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return self._marked(node, "''")
    return f"'{types[0].trino()}'"


@_builder("at_timezone")
def _at_timezone(self: Translator, node: exp.Anonymous, _: str) -> str:
    self._arguments(node, 2, 2)
    return self._at_time_zone(node, node.expressions[0], node.expressions[1])


def _constant(self: Translator, node: exp.Expr, what: str) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise not_supported(f"{place(node, self.text)}: {what} that is not a constant")
    return str(node.this)


def _unit(self: Translator, node: exp.Anonymous) -> str:
    unit = _constant(self, node.expressions[0], "a unit").lower()
    if unit not in UNITS:
        raise QueryFailed(
            f"INVALID_FUNCTION_ARGUMENT: {place(node, self.text)}: '{unit}' is not a valid unit"
        )
    return unit


@_builder("date_trunc")
def _date_trunc(self: Translator, node: exp.Anonymous, _: str) -> str:
    _, value = self._arguments(node, 2, 2)
    return f"trino_date_trunc('{_unit(self, node)}', {value})"


@_builder("date_add")
def _date_add(self: Translator, node: exp.Anonymous, _: str) -> str:
    _, count, value = self._arguments(node, 3, 3)
    return f"trino_plus({value}, {UNITS[_unit(self, node)].format(f'({count})')})"


@_builder("date_diff")
def _date_diff(self: Translator, node: exp.Anonymous, _: str) -> str:
    _, start, end = self._arguments(node, 3, 3)
    plain = f"date_sub('{_unit(self, node)}', {start}, {end})"
    types = self._types(node)
    if types is None:
        return self._marked(node, "CAST(0 AS BIGINT)")
    for kind in types[1:]:
        if kind.family != "time" and kind.name not in UNKNOWN:
            raise QueryFailed(
                f"FUNCTION_NOT_FOUND: {place(node, self.text)}: Unexpected parameters "
                f"({', '.join(each.trino() for each in types)}) for function date_diff"
            )
    return plain


@_builder("date_format")
def _date_format(self: Translator, node: exp.Anonymous, _: str) -> str:
    value, _ = self._arguments(node, 2, 2)
    pattern = from_mysql(_constant(self, node.expressions[1], "a date pattern"))
    return f"strftime({value}, {_text(pattern)})"


@_builder("date_parse")
def _date_parse(self: Translator, node: exp.Anonymous, _: str) -> str:
    value, _ = self._arguments(node, 2, 2)
    pattern = from_mysql(_constant(self, node.expressions[1], "a date pattern"))
    return f"strptime({value}, {_text(pattern)})"


@_builder("format_datetime")
def _format_datetime(self: Translator, node: exp.Anonymous, _: str) -> str:
    value, _ = self._arguments(node, 2, 2)
    pattern = from_joda(_constant(self, node.expressions[1], "a date pattern"))
    return f"strftime({value}, {_text(pattern)})"


@_builder("parse_datetime")
def _parse_datetime(self: Translator, node: exp.Anonymous, _: str) -> str:
    value, _ = self._arguments(node, 2, 2)
    pattern = from_joda(_constant(self, node.expressions[1], "a date pattern"))
    return f"timezone('UTC', strptime({value}, {_text(pattern)}))"


@_builder("from_iso8601_timestamp")
def _from_iso8601_timestamp(self: Translator, node: exp.Anonymous, _: str) -> str:
    (value,) = self._arguments(node, 1, 1)
    types = self._types(node)
    if types is None:
        return self._marked(node, "CAST(NULL AS TIMESTAMPTZ)")
    self._texts(node, types, (0,))
    return f"CAST({value} AS TIMESTAMPTZ)"


@_builder("json_extract_scalar", "json_extract")
def _json_extract(self: Translator, node: exp.Anonymous, _: str) -> str:
    value, _ = self._arguments(node, 2, 2)
    path = _constant(self, node.expressions[1], "a JSON path")
    if not path.startswith("$") or "*" in path or ".." in path or "?" in path:
        raise not_supported(f"the JSON path '{path}'")
    # DuckDB writes a quoted key ."key", Trino ["key"].
    path = re.sub(r"""\[(?:"([^"]*)"|'([^']*)')\]""", lambda found: f'."{found[1] or found[2]}"', path)
    return f"trino_{node.name.lower()}({value}, {_text(path)})"


@_builder("sequence")
def _sequence(self: Translator, node: exp.Anonymous, _: str) -> str:
    arguments = self._arguments(node, 2, 3)
    if any(isinstance(part, exp.Literal) and part.is_number for part in node.expressions[:2]):
        return f"generate_series({', '.join(arguments)})"
    if len(arguments) == 2:
        return f"generate_series({', '.join(arguments)})"
    first, last, step = arguments
    is_date = all(
        (isinstance(part, exp.Cast) and part.args["to"].is_type("date"))
        or isinstance(part, exp.CurrentDate)
        or (isinstance(part, exp.Anonymous) and part.name.lower() == "date")
        for part in node.expressions[:2]
    )
    if is_date and isinstance(node.expressions[2], exp.Interval):
        return f"list_transform(generate_series({first}, {last}, {step}), lambda d: CAST(d AS DATE))"
    return f"generate_series({first}, {last}, {step})"


@_builder("reduce")
def _reduce(self: Translator, node: exp.Anonymous, _: str) -> str:
    if len(node.expressions) != 4 or not isinstance(node.expressions[3], exp.Lambda):
        raise not_supported("reduce without an output function")
    array, start, step, output = node.expressions
    name = self.sql(output.expressions[0])
    reduced = f"list_reduce({self.sql(array)}, {self.sql(step)}, {self.sql(start)})"
    if self.sql(output.this) == name:
        return reduced
    return f"list_transform([{reduced}], {self.sql(output)})[1]"


@_builder("random", "rand")
def _random(self: Translator, node: exp.Anonymous, _: str) -> str:
    arguments = self._arguments(node, 0, 2)
    if not arguments:
        return "random()"
    low, high = arguments if len(arguments) == 2 else ("0", arguments[0])
    return f"({low} + CAST(floor(random() * ({high} - {low})) AS BIGINT))"


@_builder("try")
def _try(self: Translator, node: exp.Anonymous, _: str) -> str:
    self.trying += 1
    try:
        (value,) = self._arguments(node, 1, 1)
    finally:
        self.trying -= 1
    return f"TRY({value})"


@_builder("format")
def _format(self: Translator, node: exp.Anonymous, _: str) -> str:
    arguments = self._arguments(node, 2, None)
    pattern = _constant(self, node.expressions[0], "a format")
    if not re.fullmatch(r"(?:[^%]|%%|%s|%0?\d*d|%\.\d+f)*", pattern):
        raise not_supported(f"the format '{pattern}'")
    return f"printf({', '.join(arguments)})"


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _is_map(node: exp.Expr) -> bool:
    """Whether the operand of UNNEST is a map: as the catalog says, or as it is written."""
    if node.meta.get("map"):
        return True
    if isinstance(node, exp.Cast):
        return bool(node.args["to"].is_type("map"))
    maps = {"map", "map_agg", "histogram", "map_from_entries", "map_concat"}
    return isinstance(node, exp.Anonymous) and node.name.lower() in maps


_LITERALS = {
    "date": re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}\s*"),
    "timestamp": re.compile(r"\s*\d{4}-\d{1,2}-\d{1,2}( \d{1,2}:\d{1,2}(:\d{1,2}(\.\d+)?)?)?\s*"),
    "timestamptz": re.compile(r".*", re.DOTALL),
}


def _is_good_literal(expression: exp.Cast) -> bool:
    """Whether a text is certainly a date or time: then no check is needed when the query runs."""
    target = expression.args["to"]
    return any(
        target.is_type(name) and pattern.fullmatch(expression.this.name)
        for name, pattern in _LITERALS.items()
    )


def _cast_type(to: exp.DataType) -> str:
    """DuckDB's name of a cast's target. Raises QueryFailed for types that are not emulated."""
    simple = {
        exp.DType.TEXT: "VARCHAR",
        exp.DType.VARCHAR: "VARCHAR",
        exp.DType.FLOAT: "FLOAT",
        exp.DType.INT: "INTEGER",
        exp.DType.TIMESTAMP: "TIMESTAMP",
        exp.DType.TIMESTAMPTZ: "TIMESTAMP WITH TIME ZONE",
        exp.DType.VARBINARY: "BLOB",
        exp.DType.JSON: "JSON",
        exp.DType.BIGINT: "BIGINT",
        exp.DType.SMALLINT: "SMALLINT",
        exp.DType.TINYINT: "TINYINT",
        exp.DType.DOUBLE: "DOUBLE",
        exp.DType.BOOLEAN: "BOOLEAN",
        exp.DType.DATE: "DATE",
    }
    kind = to.this
    if kind in simple:
        return simple[kind]
    if kind == exp.DType.DECIMAL:
        sizes = [part.name for part in to.expressions] + ["0"]
        return f"DECIMAL({sizes[0]}, {sizes[1]})" if to.expressions else "DECIMAL(38, 0)"
    if kind == exp.DType.ARRAY and to.expressions:
        return f"{_cast_type(to.expressions[0])}[]"
    if kind == exp.DType.MAP and len(to.expressions) == 2:
        return f"MAP({_cast_type(to.expressions[0])}, {_cast_type(to.expressions[1])})"
    if kind == exp.DType.STRUCT and all(isinstance(field, exp.ColumnDef) for field in to.expressions):
        fields = [f'"{field.name}" {_cast_type(field.args["kind"])}' for field in to.expressions]
        return f"STRUCT({', '.join(fields)})"
    raise not_supported(f"casts to {to.sql(dialect='trino')}")


def _as_text(value: str, source: DuckType) -> str:
    if source.name in FLOATS:
        return f"trino_double_text({value})"
    if source.name == "TIMESTAMP":
        return f"trino_timestamp_string({value})"
    if source.name == "TIMESTAMP WITH TIME ZONE":
        return f"trino_timestamptz_string({value})"
    if source.name == "JSON":
        return f"({value} ->> '$')"
    if source.name == "BLOB":
        return f"decode({value})"
    if source.name in ("LIST", "MAP", "STRUCT"):
        raise QueryFailed(f"TYPE_MISMATCH: line 1:1: Cannot cast {source.trino()} to varchar")
    return f"CAST({value} AS VARCHAR)"


def _decimal_division(left: str, right: str, dividend: DuckType, divisor: DuckType) -> str:
    """decimal(p1,s1) / decimal(p2,s2) -> decimal(…, max(s1, s2)), rounded half away from zero, exactly."""
    scale = max(dividend.scale, divisor.scale)
    width = min(38, dividend.digits + divisor.scale + max(0, divisor.scale - dividend.scale))
    up = 10 ** (scale + divisor.scale)
    upper = f"CAST(CAST({left} AS DECIMAL(38, {dividend.scale})) * {up} AS HUGEINT)"
    lower = f"CAST(CAST({right} AS DECIMAL(38, {divisor.scale})) * {10**divisor.scale} AS HUGEINT)"
    quotient = f"trino_divide_half_up({upper}, {lower})"
    if not scale:
        return f"CAST({quotient} AS DECIMAL({width}, 0))"
    return (
        f"CAST(CAST({quotient} AS DECIMAL(38, 0)) * CAST(1e-{scale} AS DECIMAL({scale + 1}, {scale}))"
        f" AS DECIMAL({width}, {scale}))"
    )
