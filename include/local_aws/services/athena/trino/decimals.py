"""Exact arithmetic of decimals, which DuckDB does in doubles."""

from __future__ import annotations

from local_aws.services.athena.trino.types import DuckType


def decimal_division(left: str, right: str, dividend: DuckType, divisor: DuckType) -> str:
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
