"""GetPartitions' Expression: a condition on partition keys, evaluated in Python.

    year >= '2024' AND (region IN ('eu', 'us') OR NOT day BETWEEN 1 AND 7)

Values are compared as their key's type: numbers as numbers, text and dates as text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlglot
from sqlglot import exp

from local_aws.services.catalog.types import parse_type
from local_aws.state.records import Body

# Hive's name for a NULL partition value.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
_NUMBERS = {"tinyint", "smallint", "int", "bigint", "float", "double", "decimal"}


class BadFilter(ValueError):
    """The expression is not one that GetPartitions understands."""


Values = Mapping[str, Any]
Condition = Callable[[Values], bool]


def condition(expression: str, keys: Sequence[Body]) -> Condition:
    """A function from a partition's typed values to whether it fits. Raises BadFilter."""
    try:
        tree = sqlglot.parse_one(expression, read="hive")
    except sqlglot.errors.SqlglotError as problem:
        raise BadFilter(f"Unsupported expression '{expression}': {problem}") from None
    types = {key["Name"]: key.get("Type") or "string" for key in keys}
    return _condition(tree, types)


def typed_values(keys: Sequence[Body], values: Sequence[str]) -> dict[str, Any]:
    """A partition's values by key name, each as its key's type."""
    return {
        key["Name"]: _typed(value, key.get("Type") or "string")
        for key, value in zip(keys, values, strict=True)
    }


_COMPARISONS: dict[type[exp.Expr], Callable[[Any, Any], bool]] = {
    exp.EQ: lambda left, right: left == right,
    exp.NEQ: lambda left, right: left != right,
    exp.GT: lambda left, right: left > right,
    exp.GTE: lambda left, right: left >= right,
    exp.LT: lambda left, right: left < right,
    exp.LTE: lambda left, right: left <= right,
}


def _condition(tree: exp.Expr, types: Mapping[str, str]) -> Condition:
    if isinstance(tree, exp.Paren):
        return _condition(tree.this, types)
    if isinstance(tree, exp.Not):
        inner = _condition(tree.this, types)
        return lambda values: not inner(values)
    if isinstance(tree, exp.And | exp.Or):
        left, right = _condition(tree.left, types), _condition(tree.right, types)
        if isinstance(tree, exp.And):
            return lambda values: left(values) and right(values)
        return lambda values: left(values) or right(values)
    if type(tree) in _COMPARISONS:
        return _comparison(tree, types)
    if isinstance(tree, exp.In) and not tree.args.get("query"):
        name, kind = _column(tree.this, types)
        members = [_constant(member, kind) for member in tree.expressions]
        return lambda values: values[name] in members
    if isinstance(tree, exp.Between):
        name, kind = _column(tree.this, types)
        low, high = _constant(tree.args["low"], kind), _constant(tree.args["high"], kind)
        return lambda values: values[name] is not None and low <= values[name] <= high
    if isinstance(tree, exp.Like):
        name, kind = _column(tree.this, types)
        pattern = re.compile(_like(str(_constant(tree.expression, "string"))), re.DOTALL)
        return lambda values: values[name] is not None and bool(pattern.fullmatch(str(values[name])))
    if isinstance(tree, exp.Is) and isinstance(tree.expression, exp.Null):
        name, _ = _column(tree.this, types)
        return lambda values: values[name] is None
    raise BadFilter(f"Unsupported expression '{tree.sql()}'")


def _comparison(tree: exp.Expr, types: Mapping[str, str]) -> Condition:
    compare = _COMPARISONS[type(tree)]
    if isinstance(tree.this, exp.Column):
        name, kind = _column(tree.this, types)
        right = _constant(tree.expression, kind)
        return lambda values: values[name] is not None and compare(values[name], right)
    name, kind = _column(tree.expression, types)
    left = _constant(tree.this, kind)
    return lambda values: values[name] is not None and compare(left, values[name])


def _column(tree: exp.Expr, types: Mapping[str, str]) -> tuple[str, str]:
    name = tree.name.lower() if isinstance(tree, exp.Column) else ""
    if name not in types:
        raise BadFilter(f"'{tree.sql()}' is not a partition key; the keys are {', '.join(types) or 'none'}")
    return name, types[name]


def _constant(tree: exp.Expr, kind: str) -> Any:
    if isinstance(tree, exp.Cast | exp.DateStrToDate | exp.TsOrDsToDate | exp.Date):
        return _constant(tree.this, kind)
    if isinstance(tree, exp.Neg) and isinstance(tree.this, exp.Literal):
        return _typed(f"-{tree.this.name}", kind)
    if not isinstance(tree, exp.Literal):
        raise BadFilter(f"'{tree.sql()}' is not a constant")
    return _typed(tree.name, kind)


def _typed(text: str, kind: str) -> Any:
    if text == NULL_PARTITION:
        return None
    if parse_type(kind).name not in _NUMBERS:
        return text
    try:
        return Decimal(text)
    except InvalidOperation:
        raise BadFilter(f"'{text}' is not a number, but the partition key is a {kind}") from None


def _like(pattern: str) -> str:
    return "".join({"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern)
