"""Dates and times that have a syntax of their own: EXTRACT, AT TIME ZONE, INTERVAL."""

from __future__ import annotations

from sqlglot import exp

from local_aws.services.athena.failure import not_supported
from local_aws.services.athena.trino.functions.times import PARTS, UNITS, local_time
from local_aws.services.athena.trino.writer import Writer


class Times(Writer):
    """Dates and times that have a syntax of their own."""

    def extract_sql(self, expression: exp.Extract) -> str:
        """EXTRACT(field FROM x): the same table as the functions of those names."""
        field = expression.name.lower()
        if field not in PARTS:
            raise not_supported(f"EXTRACT({field.upper()} FROM …)")
        return PARTS[field].format(self.sql(expression, "expression"))

    def attimezone_sql(self, expression: exp.AtTimeZone) -> str:
        """Local time of a zone: only where the zone itself is not seen afterwards."""
        return local_time(self, expression, expression.this, expression.args["zone"])

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
