"""Operators: arithmetic, comparisons, conditions, concatenation, subscripts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.decimals import decimal_division
from local_aws.services.athena.trino.marks import COMPARISONS
from local_aws.services.athena.trino.types import FLOATS, INTEGERS, UNKNOWN, DuckType
from local_aws.services.athena.trino.writer import Writer


class Operators(Writer):
    """Operators whose meaning follows from the types of both sides."""

    def div_sql(self, expression: exp.Div) -> str:
        """Integers divide to integers, decimals to decimals, everything else to doubles."""
        left, right = self.sql(expression, "this"), self.sql(expression, "expression")
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, f"({left} / {right})")
        dividend, divisor = types
        if dividend.name in UNKNOWN or divisor.name in UNKNOWN:
            return f"({left} / {right})"
        if not (dividend.number and divisor.number):
            if dividend.name == "INTERVAL" and divisor.number:
                return f"({left} / {right})"
            raise self.mismatch(expression, "/", dividend, divisor)
        if dividend.name in INTEGERS and divisor.name in INTEGERS:
            return f"({left} // {right})"
        names = {dividend.name, divisor.name}
        if "FLOAT" in names and "DOUBLE" not in names:
            return f"CAST(CAST({left} AS FLOAT) / CAST({right} AS FLOAT) AS FLOAT)"
        if names & FLOATS:
            return f"(CAST({left} AS DOUBLE) / CAST({right} AS DOUBLE))"
        return decimal_division(left, right, dividend, divisor)

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
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, plain)
        first, second = types
        families = {first.family, second.family}
        if first.name in UNKNOWN or second.name in UNKNOWN or families == {"number"}:
            return plain
        if operator == "*" and families == {"number", "INTERVAL"}:
            return plain
        if operator in "+-":
            if families == {"INTERVAL"}:
                if any(_is_months(part) for part in expression.find_all(exp.Interval)):
                    raise not_supported("arithmetic of intervals of months")
                return plain
            if first.family == "time" and second.name == "INTERVAL":
                return f"trino_plus({left}, {right})" if operator == "+" else f"trino_plus({left}, -{right})"
            if operator == "+" and first.name == "INTERVAL" and second.family == "time":
                return f"trino_plus({right}, {left})"
            if operator == "-" and families == {"time"}:
                return f"(CAST({left} AS TIMESTAMP) - CAST({right} AS TIMESTAMP))"
        raise self.mismatch(expression, operator, first, second)

    def binary(self, expression: exp.Binary, op: str) -> str:
        """Comparisons fail between families of types, where DuckDB would cast one side."""
        if not isinstance(expression, COMPARISONS):
            return str(super().binary(expression, op))
        plain = f"({self.sql(expression, 'this')} {op} {self.sql(expression, 'expression')})"
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, "CAST(NULL AS BOOLEAN)")
        self.need_comparable(expression, op, types)
        return plain

    def in_sql(self, expression: exp.In) -> str:
        """Membership: all members of the value's family."""
        plain = str(super().in_sql(expression))
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, "CAST(NULL AS BOOLEAN)")
        self.need_comparable(expression, "=", types)
        return plain

    def between_sql(self, expression: exp.Between) -> str:
        """A range: both ends of the value's family."""
        plain = (
            f"({self.sql(expression, 'this')} BETWEEN {self.sql(expression, 'low')}"
            f" AND {self.sql(expression, 'high')})"
        )
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, "CAST(NULL AS BOOLEAN)")
        self.need_comparable(expression, "BETWEEN", types)
        return plain

    def case_sql(self, expression: exp.Case) -> str:
        """CASE: all results of one family; DuckDB would cast them to text."""
        plain = str(super().case_sql(expression))
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, plain)
        self.need_alike(expression, "CASE", types)
        return plain

    def if_sql(self, expression: exp.If) -> str:
        """IF(condition, a, b)."""
        parts = [self.sql(expression, name) for name in ("this", "true", "false")]
        plain = f"(CASE WHEN {parts[0]} THEN {parts[1]}{f' ELSE {parts[2]}' if parts[2] else ''} END)"
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, plain)
        self.need_alike(expression, "IF", types)
        return plain

    def dpipe_sql(self, expression: exp.DPipe) -> str:
        """Concatenation of text or of arrays; numbers are not cast."""
        parts = [self.sql(expression, "this"), self.sql(expression, "expression")]
        types = self.types_of(expression)
        if types is None:
            # What it makes is of the type of its text or array, whichever side that is.
            return self.marked(expression, f"({parts[0]} || {parts[1]})")
        return concatenated(self, expression, parts, types)

    def bracket_sql(self, expression: exp.Bracket) -> str:
        """An element that is not there is an error, not NULL."""
        inner, index = self.sql(expression, "this"), self.sql(expression.expressions[0])
        types = self.types_of(expression)
        if types is None:
            return self.marked(expression, f"{inner}[{index}]")
        if types[0].name == "LIST":
            message = (
                f"'INVALID_FUNCTION_ARGUMENT: Array subscript must be less than or equal to array length: '"
                f" || {index} || ' > ' || len({inner})"
            )
            low = "'INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1'"
            return (
                f"(CASE WHEN {index} < 1 THEN {self.failing(low)} WHEN {index} > len({inner})"
                f" THEN {self.failing(message)} ELSE {inner}[{index}] END)"
            )
        if types[0].name == "MAP":
            message = f"'INVALID_FUNCTION_ARGUMENT: Key not present in map: ' || CAST({index} AS VARCHAR)"
            return (
                f"(CASE WHEN NOT map_contains({inner}, {index}) THEN {self.failing(message)}"
                f" ELSE {inner}[{index}] END)"
            )
        if types[0].name == "STRUCT":
            return f"{inner}[{index}]"
        raise self.mismatch(expression, "[]", types[0], types[1])


def concatenated(writer: Writer, node: exp.Expr, parts: Sequence[str], types: Sequence[DuckType]) -> str:
    """Text behind text, arrays behind arrays, or an element at either end of an array. Raises QueryFailed."""
    if any(kind.name == "LIST" for kind in types):
        lists = [
            part if kind.name == "LIST" or kind.name in UNKNOWN else f"[{part}]"
            for part, kind in zip(parts, types, strict=True)
        ]
        if len(types) > 2 and lists != list(parts):
            raise writer.not_concatenable(node, types)
        return f"({' || '.join(lists)})"
    writer.need_text(node, types)
    return f"({' || '.join(parts)})"


def _is_months(interval: exp.Interval) -> bool:
    unit = interval.args.get("unit")
    return isinstance(unit, exp.Var) and unit.name.lower().removesuffix("s") in ("month", "quarter", "year")
