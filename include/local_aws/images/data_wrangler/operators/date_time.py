"""Featurize date and time: year, month, … of a moment as columns of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from local_aws.images.data_wrangler.parameters import Column, Flag, OneOf, Text
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.values import (
    DATE,
    DATETIME,
    LONG,
    STRING,
    Table,
    cast,
    column,
    kind_of,
    new,
    with_column,
)

# What can be taken from a moment, in AWS's order -> pandas' name, and what its first value is there.
PARTS = {
    "year": ("year", 0),
    "month": ("month", 1),
    "day": ("day", 1),
    "hour": ("hour", 0),
    "minute": ("minute", 0),
    "second": ("second", 0),
    "week_of_year": ("week", 1),
    "day_of_year": ("dayofyear", 1),
    "quarter": ("quarter", 1),
}


@operation(
    "sagemaker.spark.featurize_date_time_0.1",
    choice("Extract columns", "extract_columns_parameters"),
    check=lambda values: (
        None
        if any(values[part] for part in PARTS)
        else f"nothing is extracted; allowed: one or more of {', '.join(PARTS)} as true"
    ),
    input_column=Column(),
    output_column=Column(default=None),
    output_mode=OneOf("Ordinal"),
    output_format=OneOf("Columns"),
    infer_datetime_format=Flag(default=False),
    date_time_format=Text(default=None),
    use_one_indexing=Flag(default=False),
    year=Flag(default=False),
    month=Flag(default=False),
    day=Flag(default=False),
    hour=Flag(default=False),
    minute=Flag(default=False),
    second=Flag(default=False),
    week_of_year=Flag(default=False),
    day_of_year=Flag(default=False),
    quarter=Flag(default=False),
)
def extract_columns(
    table: Table,
    *,
    input_column: str,
    output_column: str | None,
    output_mode: str,
    output_format: str,
    infer_datetime_format: bool,
    date_time_format: str | None,
    use_one_indexing: bool,
    year: bool,
    month: bool,
    day: bool,
    hour: bool,
    minute: bool,
    second: bool,
    week_of_year: bool,
    day_of_year: bool,
    quarter: bool,
) -> Table:
    """Parts of a date or time as integers; month, day, week and quarter count from 0 unless told otherwise.

    AWS's mode Cyclic and its format Vector are refused.
    """
    wanted = {
        "year": year, "month": month, "day": day, "hour": hour, "minute": minute, "second": second,
        "week_of_year": week_of_year, "day_of_year": day_of_year, "quarter": quarter,
    }  # fmt: skip
    moments = _moments(table, input_column, date_time_format)
    for part in (part for part, asked in wanted.items() if asked):
        name, first = PARTS[part]
        fields: Any = moments.dt.isocalendar() if name == "week" else moments.dt
        values = getattr(fields, name).astype("float64") - (0 if use_one_indexing else first)
        values = values.where(moments.notna(), np.nan)
        table = with_column(
            table, f"{output_column or input_column}_{part}", new(values.astype("Int64"), LONG)
        )
    return table


def _moments(table: Table, name: str, python_format: str | None) -> Any:
    series = column(table, name)
    kind = kind_of(series)
    if kind == STRING and python_format:
        import pandas as pd

        return pd.to_datetime(series.astype(object), format=python_format, errors="coerce")
    if kind in (STRING, DATE, DATETIME):
        return cast(series, DATETIME)
    raise CannotDo(f"column {name!r} is {kind}; allowed: string, date or datetime, so cast it first")
