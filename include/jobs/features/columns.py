"""A raw column as numbers, texts or times: the same values whether they come from Parquet, JSON or CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

NUMERIC_TYPES = ("integer", "number", "boolean")
TEXT_TYPES = ("string", *NUMERIC_TYPES)
TIME_TYPES = ("timestamp", "date")
TRUTHS = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}  # how CSV spells them

Types = Mapping[str, str]  # of the input columns by name, as in the workflow file
Vector = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Matrix = npt.NDArray[np.float32]  # what the model sees: rows x columns


class FeatureError(ValueError):
    """The data does not fit the features asked for; the message names the column."""


@dataclass(frozen=True)
class Coded:
    """A column of texts: each distinct text once, and for each row its place there; -1 where it is absent."""

    codes: Codes
    values: list[str]

    def map(self, function: Callable[[str], float], absent: float = np.nan) -> Vector:
        """A number for each row, computed once for each distinct text."""
        table = np.array([*(function(value) for value in self.values), absent], dtype=np.float64)
        return table[self.codes]

    def filled(self, text: str) -> Coded:
        """The column with a text in the place of absent ones."""
        if not (self.codes < 0).any():
            return self
        values = self.values if text in self.values else [*self.values, text]
        return Coded(np.where(self.codes < 0, values.index(text), self.codes), values)

    def among(self, wanted: Sequence[str]) -> Codes:
        """For each row the place of its text in ``wanted``; -1 where it is not there."""
        places = {value: place for place, value in enumerate(wanted)}
        return np.array([*(places.get(value, -1) for value in self.values), -1], dtype=np.intp)[self.codes]


def numbers(rows: pd.DataFrame, name: str, types: Types) -> Vector:
    """The column as float64, NaN where a value is absent. Raises FeatureError for text or infinity."""
    _require(rows, name, types, NUMERIC_TYPES, "numeric")
    values = rows[name]
    if types[name] == "boolean" and values.dtype == object:
        values = values.map(
            lambda value: TRUTHS.get(value.lower(), value) if isinstance(value, str) else value
        )
    try:
        made = pd.to_numeric(values).to_numpy(dtype=np.float64, na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise FeatureError(f"{name}: expected numbers; {error}") from error
    if np.isinf(made).any():
        raise FeatureError(f"{name}: expected finite numbers, found infinity")
    return np.ascontiguousarray(made)


def texts(rows: pd.DataFrame, name: str, types: Types) -> Coded:
    """The column as texts, one spelling a value."""
    _require(rows, name, types, TEXT_TYPES, "categorical")
    codes, distinct = pd.factorize(rows[name])
    spelled = [_text(value, types[name], name) for value in distinct]
    values = list(dict.fromkeys(spelled))  # 1 and 1.0 are one integer
    if len(values) < len(spelled):
        codes = np.array([*(values.index(text) for text in spelled), -1], dtype=np.intp)[codes]
    return Coded(np.asarray(codes, dtype=np.intp), values)


def moments(rows: pd.DataFrame, name: str, types: Types) -> pd.Series:
    """The column as datetime64 without a time zone, NaT where a value is absent.

    Raises FeatureError for what is not an ISO 8601 date or time.
    """
    _require(rows, name, types, TIME_TYPES, "time")
    values = rows[name]
    try:
        # With utc, what has a zone is told in UTC, and what has none is taken to be.
        made = pd.to_datetime(values, format="ISO8601", utc=True)
    except (ValueError, TypeError, OverflowError) as error:
        raise FeatureError(f"{name}: expected ISO 8601 dates or times; {error}") from error
    return made.dt.tz_localize(None)


def _truth(value: Any) -> Any:
    return TRUTHS.get(value.lower(), value) if isinstance(value, str) else value


def _text(value: Any, kind: str, name: str) -> str:
    """One spelling a value: pandas turns a column of whole numbers into floats as soon as one is absent."""
    try:
        if kind == "boolean":
            truth = TRUTHS[value.lower()] if isinstance(value, str) else value
            return "true" if truth else "false"
        if kind == "integer":
            return str(int(value))
        if kind == "number":
            return repr(float(value))
    except (ValueError, KeyError, OverflowError) as error:
        raise FeatureError(f"{name}: {value!r} is no {kind}") from error
    return str(value)


def _require(rows: pd.DataFrame, name: str, types: Types, allowed: Sequence[str], use: str) -> None:
    if name not in types:
        raise FeatureError(f"{name}: no such column; the workflow has {', '.join(types)}")
    if types[name] not in allowed:
        raise FeatureError(f"{name}: a {use} feature is {' or '.join(allowed)}, not {types[name]}")
    if name not in rows.columns:
        raise FeatureError(f"{name}: missing from the rows; they have {', '.join(map(str, rows.columns))}")
