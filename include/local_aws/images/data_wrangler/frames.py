"""Tables as the user's pandas code sees them, which is as Spark's toPandas() makes them."""

from __future__ import annotations

import datetime
import decimal
from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.data_wrangler.problems import CannotDo
from local_aws.images.data_wrangler.values import (
    BOOL,
    DATE,
    DATETIME,
    FLOAT,
    LONG,
    STRING,
    Table,
    Vector,
    kind_of,
    new,
)


def to_user(table: Table) -> pd.DataFrame:
    """A copy in numpy's types: texts are objects, a missing integer makes its column float."""
    made = {}
    for name in table.columns:
        series, kind = table[name], kind_of(table[name])
        if kind == LONG:
            made[name] = series.astype("float64" if series.isna().any() else "int64")
        elif kind == BOOL:
            made[name] = (
                series.astype(object).where(series.notna(), None)
                if series.isna().any()
                else (series.astype(bool))
            )
        elif kind == DATETIME:
            made[name] = series.astype("datetime64[ns]")
        elif kind in (STRING, DATE):
            made[name] = series.astype(object).where(series.notna(), None)
        else:
            made[name] = series.copy()
    return pd.DataFrame(made, index=pd.RangeIndex(len(table)))


def from_user(given: Any) -> Table:
    """What the user's code has left. Raises CannotDo for anything but a table with texts for names."""
    if not isinstance(given, pd.DataFrame):
        raise CannotDo(f"the code left a {type(given).__name__} in df; allowed: a pandas DataFrame")
    names = [str(name) for name in given.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise CannotDo(f"the code left two columns {twice!r}; allowed: each name once")
    columns = {
        name: _column(given.iloc[:, place].reset_index(drop=True), name) for place, name in enumerate(names)
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(len(given)), copy=False)


def _column(series: pd.Series[Any], name: str) -> pd.Series[Any]:
    dtype = series.dtype
    if len(series) and series.isna().all():
        return new([""] * len(series), STRING)  # AWS: Spark has no type for a column of nothing
    if pd.api.types.is_bool_dtype(dtype):
        return new(series.astype("boolean"), BOOL)
    if pd.api.types.is_integer_dtype(dtype):
        return new(series.astype("Int64"), LONG)
    if pd.api.types.is_float_dtype(dtype):
        return new(series.to_numpy("float64", na_value=np.nan), FLOAT)
    if pd.api.types.is_datetime64_any_dtype(dtype):
        plain = series.dt.tz_convert("UTC").dt.tz_localize(None) if series.dt.tz is not None else series
        return new(plain.astype("datetime64[us]"), DATETIME)
    if isinstance(dtype, pd.CategoricalDtype):
        return _column(series.astype(dtype.categories.dtype), name)
    if isinstance(dtype, pd.StringDtype):
        return new(series, STRING)
    if pd.api.types.is_object_dtype(dtype):
        return _objects(series)
    raise CannotDo(f"the code left column {name!r} with type {dtype}, which Spark has not")


def _objects(series: pd.Series[Any]) -> pd.Series[Any]:
    """A column of Python objects: one type of them, or texts."""
    known = series.dropna()
    types = {type(value) for value in known}
    if types and types <= {str}:
        return new(series.where(series.notna(), None), STRING)
    if types and types <= {bool, np.bool_}:
        return new(pd.array(series.where(series.notna(), None), dtype="boolean"), BOOL)
    if types and types <= {int, np.int64, np.int32}:
        return new(pd.array(series.where(series.notna(), None), dtype="Int64"), LONG)
    if types and types <= {int, float, np.float64, np.float32, decimal.Decimal}:
        return new(pd.to_numeric(series).astype("float64"), FLOAT)
    if types <= {datetime.date} and types:
        return new(series.where(series.notna(), None), DATE)
    if types and types <= {datetime.datetime, pd.Timestamp}:
        return _column(pd.to_datetime(series), str(series.name))
    if types in ({Vector}, {list}):
        return series.where(series.notna(), None)
    return new([None if value is None or value is pd.NA else str(value) for value in series], STRING)
