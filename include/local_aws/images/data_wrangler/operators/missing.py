"""Handle missing: impute, fill, add an indicator, drop.

Missing is what has no value, NaN, and a text of nothing but spaces.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.data_wrangler.parameters import (
    Anything,
    Column,
    Columns,
    EachColumn,
    OneOf,
    Record,
    Scalar,
)
from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.registry import choice, operation
from local_aws.images.data_wrangler.trained import spark_model
from local_aws.images.data_wrangler.values import (
    BOOL,
    LONG,
    NUMERIC,
    STRING,
    Table,
    cast,
    column,
    kind_of,
    missing,
    new,
    numbers,
    rows,
    with_column,
)

OPERATOR = "sagemaker.spark.handle_missing_0.1"
IMPUTE = choice("Impute", "impute_parameters")


def _filled(series: pd.Series[Any], value: Any) -> pd.Series[Any]:
    """The column with one value, a text or a number, in place of what is missing. Raises CannotDo."""
    kind = kind_of(series)
    if kind == BOOL:
        raise CannotDo("AWS does not fill a column of kind bool; cast it first")
    if kind == STRING:
        return series.mask(missing(series), str(value))
    one = cast(new([str(value)], STRING), kind)
    if one.isna().iloc[0]:
        raise CannotDo(f"{value!r} cannot stand in a column of kind {kind}")
    return series.mask(missing(series), one.iloc[0])


@operation(
    OPERATOR,
    IMPUTE,
    choice("Numeric", "numeric_parameters", key="column_type"),
    fits=("strategy",),
    input_column=EachColumn(),
    output_column=Column(default=None),
    strategy=OneOf("Mean", "Approximate Median"),
)
def impute_numeric(
    table: Table, trained: dict[str, Any], *, input_column: str, output_column: str | None, strategy: str
) -> tuple[Table, dict[str, Any]]:
    """Fill a numeric column with its mean or median; the median is a value that occurs.

    As in Spark, a column of integers keeps its kind, and the fraction of the mean is cut off.
    """
    series, values = column(table, input_column), numbers(table, input_column)
    value = trained.get("impute_value")
    if value is None and "imputer_model" in trained:
        value = spark_model(trained["imputer_model"])[0].get(input_column)
    if value is None:
        known = values.dropna().to_numpy()
        if not len(known):
            raise CannotDo(f"column {input_column!r} has no value at all: there is nothing to impute from")
        value = float(known.mean() if strategy == "Mean" else np.quantile(known, 0.5, method="inverted_cdf"))
    fill = int(value) if kind_of(series) == LONG else float(value)
    table = with_column(table, output_column or input_column, series.mask(missing(series), fill))
    return table, {"impute_value": float(value)}


@operation(
    OPERATOR,
    IMPUTE,
    choice("Categorical", "categorical_parameters", key="column_type"),
    fits=(),
    input_column=EachColumn(),
    output_column=Column(default=None),
)
def impute_categorical(
    table: Table, trained: dict[str, Any], *, input_column: str, output_column: str | None
) -> tuple[Table, dict[str, Any]]:
    """Fill a column with its most frequent value; of several the first in order."""
    series = column(table, input_column)
    value = trained.get("impute_value")
    if value is None:
        counts = series[~missing(series)].value_counts()
        if not len(counts):
            raise CannotDo(f"column {input_column!r} has no value at all: there is nothing to impute from")
        value = min(counts.index[counts == counts.max()])
        value = value if kind_of(series) in (*NUMERIC, STRING) else str(value)
        value = value.item() if isinstance(value, np.generic) else value
    return with_column(table, output_column or input_column, _filled(series, value)), {"impute_value": value}


@operation(
    OPERATOR,
    choice("Fill missing", "fill_missing_parameters"),
    input_column=EachColumn(),
    output_column=Column(default=None),
    fill_value=Scalar(),
)
def fill_missing(table: Table, *, input_column: str, output_column: str | None, fill_value: Any) -> Table:
    """Fill a column with a value."""
    return with_column(table, output_column or input_column, _filled(column(table, input_column), fill_value))


@operation(
    OPERATOR,
    choice("Add indicator for missing", "add_indicator_for_missing_parameters"),
    input_column=EachColumn(),
    output_column=Column(default=None),
)
def add_indicator_for_missing(table: Table, *, input_column: str, output_column: str | None) -> Table:
    """Add a column that is true where the value is missing."""
    absent = missing(column(table, input_column))
    return with_column(table, output_column or f"{input_column}_indicator", new(absent, BOOL))


@operation(
    OPERATOR,
    choice("Drop missing", "drop_missing_parameters"),
    dimension=OneOf("Drop Rows", default=None),
    drop_rows_parameters=Record(default=None, fields={"input_column": Columns(default=None)}),
    input_column=Columns(default=None),
    output_column=Anything(),
)
def drop_missing(
    table: Table,
    *,
    dimension: str | None,
    drop_rows_parameters: dict[str, Any] | None,
    input_column: tuple[str, ...] | None,
    output_column: Any,
) -> Table:
    """Drop the rows in which one of the columns, or of all columns, is missing.

    The columns are given at one of two places: flows of the first years have them in drop_rows_parameters.
    """
    if dimension is not None:
        input_column = (drop_rows_parameters or {}).get("input_column")
    names = input_column or tuple(table.columns)
    absent = [missing(column(table, name)).to_numpy() for name in names]
    keep = ~np.any(absent, axis=0) if absent else np.ones(len(table), dtype=bool)
    return rows(table, np.flatnonzero(keep))
