"""Dates and times that have a syntax of their own: EXTRACT, AT TIME ZONE, INTERVAL."""

from __future__ import annotations

import re
from decimal import Decimal

from sqlglot import exp

from local_aws.services.athena.failure import QueryFailed, not_supported
from local_aws.services.athena.trino.dialect import place
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
        """INTERVAL '3' DAY, INTERVAL '1 2:03' DAY TO MINUTE."""
        unit = expression.args.get("unit")
        if unit is None:
            raise not_supported("intervals without a unit")
        if isinstance(unit, exp.IntervalSpan):
            return self._span(expression, unit)
        name = unit.name.lower().removesuffix("s")
        if name not in UNITS:
            raise not_supported(f"INTERVAL … {unit.name}")
        user = expression.parent
        while isinstance(user, exp.Paren | exp.Neg | exp.Mul):
            user = user.parent
        is_used = isinstance(user, exp.Add | exp.Sub | exp.Anonymous | exp.WindowSpec)
        if name in ("month", "quarter", "year") and not is_used:
            raise not_supported("intervals of months as values of their own")
        return UNITS[name].format(f"CAST({self.sql(expression, 'this')} AS BIGINT)")

    def _span(self, expression: exp.Interval, unit: exp.IntervalSpan) -> str:
        """Days, hours, minutes and seconds from the first unit to the second."""
        units = ["day", "hour", "minute", "second"]
        first, last = unit.name.lower(), unit.expression.name.lower()
        text = expression.this.name
        found = re.fullmatch(r"\s*(-?)(\d+)(?:[ :](\d+))?(?:[ :](\d+))?(?:[ :](\d+(?:\.\d+)?))?\s*", text)
        if first not in units or last not in units or not found:
            raise not_supported(f"INTERVAL '{text}' {first.upper()} TO {last.upper()}")
        parts = [part for part in found.groups()[1:] if part is not None]
        wanted = units[units.index(first) : units.index(last) + 1]
        if len(parts) != len(wanted):
            raise QueryFailed(
                f"INVALID_LITERAL: {place(expression, self.text)}: '{text}' is not a valid interval literal"
            )
        seconds = sum(
            Decimal(part) * {"day": 86400, "hour": 3600, "minute": 60, "second": 1}[name]
            for part, name in zip(parts, wanted, strict=True)
        )
        return f"to_milliseconds({found[1]}{int(seconds * 1000)})"
