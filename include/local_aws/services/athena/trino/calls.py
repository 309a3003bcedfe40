"""Calls of functions: plain, as aggregates and over windows, or in a syntax of their own."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
from local_aws.services.athena.trino.functions import FUNCTIONS, NOT_EMULATED
from local_aws.services.athena.trino.writer import BUILDERS, Writer

_TAKES_NULLS = frozenset({"lag", "lead", "first_value", "last_value", "nth_value"})


class Calls(Writer):
    """Every call by the builder of its name, or by the table's template."""

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
        written = self.filled(node, function, suffix)
        if not function.typed:
            return written
        types = self.types_of(node)
        if types is None:
            return self.marked(node, written)
        self.need_families(node, types, function)
        return written
