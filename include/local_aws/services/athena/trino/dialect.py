"""Reading Trino SQL: every function call stays a call by the name that the user wrote."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import sqlglot
from sqlglot import Token, TokenType, exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError

from local_aws.services.athena.failure import QueryFailed, not_supported

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
        TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = {
            **Trino.Parser.TYPE_LITERAL_PARSERS,
            exp.DType.DECIMAL: lambda _, literal, __: _decimal_literal(literal),
        }


def _decimal_literal(literal: exp.Literal) -> exp.Cast:
    """DECIMAL '1.10' is a decimal(3,2), where CAST('1.10' AS decimal) is a decimal(38,0)."""
    digits = re.fullmatch(r"\s*[+-]?(\d*)(?:\.(\d*))?\s*", literal.name)
    if not digits or not (digits[1] or digits[2]):
        raise QueryFailed(f"INVALID_LITERAL: line 1:1: '{literal.name}' is not a valid decimal literal")
    whole, fraction = digits[1].lstrip("0"), digits[2] or ""
    return exp.cast(literal, f"decimal({max(1, len(whole) + len(fraction))}, {len(fraction)})")


def parse_query(sql: str) -> exp.Query:
    """The tree of one SELECT, VALUES or WITH statement. Raises QueryFailed as Trino words it."""
    tree = parse_statement(sql)
    if isinstance(tree, exp.Values):
        tree = _select_of(tree)
    if not isinstance(tree, exp.Query):
        raise QueryFailed("SYNTAX_ERROR: line 1:1: expecting a query")
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
        _refuse_foreign_syntax(sql)
        trees = [tree for tree in sqlglot.parse(sql, dialect=AthenaSql) if tree is not None]
    except ParseError as problem:
        raise QueryFailed(_syntax_error(problem)) from None
    except SqlglotError as problem:
        raise QueryFailed(f"SYNTAX_ERROR: line 1:1: {problem}") from None
    if len(trees) != 1:
        raise QueryFailed("SYNTAX_ERROR: line 1:1: Only one sql statement is allowed.")
    for limit in list(trees[0].find_all(exp.Limit)):
        if limit.expression.name.upper() == "ALL":
            limit.pop()
    _unfold_rows(trees[0])
    _put_quantifiers(trees[0])
    _check(trees[0], sql)
    return trees[0]


def _unfold_rows(tree: exp.Expr) -> None:
    """VALUES ROW(1, 'a') has two columns."""
    for values in tree.find_all(exp.Values):
        for row in values.expressions:
            only = row.expressions[0] if isinstance(row, exp.Tuple) and len(row.expressions) == 1 else None
            if isinstance(only, exp.Anonymous) and only.name.lower() == "row":
                row.set("expressions", only.expressions)


def _put_quantifiers(tree: exp.Expr) -> None:
    """= ANY (VALUES 1, 2), IN (VALUES 1, 2): sqlglot knows these of SELECTs only."""
    for member in tree.find_all(exp.In):
        query = member.args.get("query")
        inner = query.this if isinstance(query, exp.Subquery) else query
        if inner is None and len(member.expressions) == 1:
            inner = member.expressions[0]
        if isinstance(inner, exp.Values):
            member.set("expressions", None)
            member.set("query", exp.Subquery(this=_select_of(inner.copy())))
    for call in list(tree.find_all(exp.Anonymous, exp.Any)):
        if isinstance(call, exp.Any):
            inner = call.this.this if isinstance(call.this, exp.Subquery) else None
        else:
            inner = call.expressions[0] if len(call.expressions) == 1 else None
        if isinstance(inner, exp.Values) and call.name.lower() in ("all", "any", "some", ""):
            kind = exp.All if call.name.lower() == "all" else exp.Any
            call.replace(kind(this=exp.Subquery(this=_select_of(inner.copy()))))


# Behind one of these a [ is a subscript, else it begins an array as other engines write it.
_SUBSCRIPTED = frozenset(
    {TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.ARRAY}
)


def _refuse_foreign_syntax(sql: str) -> None:
    """Raise QueryFailed for what sqlglot and DuckDB would take, and Trino would not."""
    before: Token | None = None
    for token in AthenaSql().tokenize(sql):
        foreign = token.token_type in (TokenType.DCOLON, TokenType.L_BRACE) or (
            token.token_type is TokenType.L_BRACKET
            and (before is None or before.token_type not in _SUBSCRIPTED)
            and not (
                before is not None and before.text.isidentifier() and before.text.upper() not in _KEYWORDS
            )
        )
        if (name := token.text.lower()) in _OWN_SYNTAX:
            following = sql[token.end + 1 :].lstrip()
            if following.startswith("("):
                raise not_supported(f"line {token.line}:{token.col - len(name) + 1}: the function '{name}'")
        if (
            before is not None
            and before.token_type is TokenType.NUMBER
            and token.start == before.end + 1
            and token.text.startswith("_")
        ):
            raise not_supported(f"line {before.line}:{before.col}: numbers with underscores")
        if foreign or (before is None and token.token_type is TokenType.FROM):
            raise QueryFailed(
                f"SYNTAX_ERROR: line {token.line}:{token.col - len(token.text) + 1}: "
                f"mismatched input '{token.text}'"
            )
        before = token


# Functions whose arguments have a grammar of their own; said by name before the parser stumbles over it.
_OWN_SYNTAX = frozenset(
    {"json_array", "json_exists", "json_object", "json_query", "json_table", "json_value", "match_recognize"}
)
_KEYWORDS = frozenset(
    {"SELECT", "WHERE", "AND", "OR", "NOT", "IN", "BY", "ON", "THEN", "ELSE", "WHEN", "HAVING"}
)


# Syntax of other engines that sqlglot reads and DuckDB runs.
_FOREIGN = (exp.ILike, exp.SimilarTo, exp.JSONExtract, exp.Parameter, exp.Pivot, exp.Glob)
# What only Athena could know.
_UNKNOWN_HERE = (exp.CurrentUser, exp.CurrentRole, exp.CurrentCatalog, exp.CurrentTime)


def _is_foreign(node: exp.Expr) -> bool:
    if isinstance(node, exp.Distinct):
        return node.args.get("on") is not None
    if isinstance(node, exp.Join):
        return node.kind in ("SEMI", "ANTI") or bool(node.method and node.method != "NATURAL")
    if isinstance(node, exp.Limit):
        options = node.args.get("limit_options")
        if options is not None and options.args.get("percent"):
            return True
        return not isinstance(node.expression, exp.Literal | exp.Placeholder)
    return isinstance(node, exp.In) and not node.expressions and node.args.get("query") is None


def _not_boolean(node: exp.Expr) -> exp.Literal | None:
    """The number or text that stands where a condition belongs; DuckDB would cast it."""
    if not isinstance(node, exp.And | exp.Or | exp.Not | exp.Where | exp.Having | exp.If):
        return None
    if isinstance(node, exp.If) and isinstance(node.parent, exp.Case) and node.parent.this is not None:
        return None  # CASE x WHEN 1: a value, no condition
    parts = (node.this, node.args.get("expression"))
    return next((part for part in parts if isinstance(part, exp.Literal)), None)


def _check(tree: exp.Expr, sql: str) -> None:
    """Raise QueryFailed for what would be translated into something else."""
    for node in tree.walk():
        if isinstance(node, exp.Select) and not node.expressions:
            raise QueryFailed(f"SYNTAX_ERROR: {place(node, sql)}: SELECT without a list of columns")
        if isinstance(node, exp.Star) and (node.args.get("except_") or node.args.get("replace")):
            raise QueryFailed(f"SYNTAX_ERROR: {place(node, sql)}: mismatched input behind '*'")
        if isinstance(node, _FOREIGN) or _is_foreign(node):
            raise QueryFailed(
                f"SYNTAX_ERROR: {place(node, sql)}: mismatched input '{node.sql('trino')[:80]}'"
            )
        if (wrong := _not_boolean(node)) is not None:
            kind = "varchar" if wrong.is_string else "integer"
            raise QueryFailed(
                f"TYPE_MISMATCH: {place(node, sql)}: a condition must evaluate to a boolean: "
                f"actual type {kind}"
            )
        if isinstance(node, _UNKNOWN_HERE):
            raise not_supported(node.sql("trino"))
        if isinstance(node, exp.Group) and node.args.get("all") is not None:
            raise not_supported("GROUP BY ALL and GROUP BY DISTINCT")
        if isinstance(node, exp.LimitOptions) and node.args.get("with_ties"):
            raise not_supported("FETCH FIRST … WITH TIES")
        if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
            largest = 2**63 if isinstance(node.parent, exp.Neg) else 2**63 - 1
            if int(node.this) > largest:
                raise QueryFailed(f"SYNTAX_ERROR: {place(node, sql)}: Invalid numeric literal: {node.this}")


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
