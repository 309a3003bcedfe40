"""Which rows a facet or a label value selects. How a column is read is Clarify's way, with its corners.

Several values, text, and whole numbers of which fewer than 5 % are distinct are categories to match; other
numbers have a threshold, and only values above it belong. A row without a value (null, NaN) belongs to the
others; infinities are numbers like any other.

smclarify, which compares each value of a column without chosen values with all others, does so for "no value"
too, and finds no row for it. Here such a column has a group for each value that there is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from jobs.bias.config import Facet
from jobs.bias.reading import ConfigError
from jobs.processing.job import say

DISTINCT_SHARE_OF_NUMBERS = 0.05  # whole numbers with a smaller share of distinct values are categories
AND = " & "  # between the columns, and between the values, of facets that are crossed


@dataclass(frozen=True)
class Groups:
    """The groups that a facet makes of the rows."""

    column: str
    texts: tuple[
        str, ...
    ]  # of each group, as analysis.json writes it: "female", "car,home" or "(60.0, 84.0]"
    codes: npt.NDArray[np.integer]  # the group that a row is in, -1: in none

    @property
    def first(self) -> npt.NDArray[np.bool_]:
        """The rows of the first group; most facets have no other."""
        return np.asarray(self.codes == 0)


@dataclass(frozen=True)
class Group:
    """The rows that some values of a column, or a threshold on it, select."""

    rows: npt.NDArray[np.bool_]
    text: str


def groups(column: pd.Series, facet: Facet, key: str) -> Groups:
    """The facet's group; or, where no value is given for a categorical column, one group a value."""
    name = str(column.name)
    if facet.values or is_continuous(column, facet.values):
        group = select(column, facet.values, key)
        return Groups(name, (group.text,), group.rows.astype(np.int8) - np.int8(1))
    codes, values = pd.factorize(column, use_na_sentinel=True)
    if not len(values):
        say(f"{name}: no row has a value")
    else:
        say(f"{name}: {len(values)} values, each compared with all others")
    return Groups(name, tuple(map(str, values)), codes)


def crossed(parts: Sequence[Groups]) -> Groups:
    """The one group of rows that are in the first group of every part."""
    rows = np.logical_and.reduce([part.first for part in parts])
    name, text = (AND.join(words) for words in zip(*((p.column, p.texts[0]) for p in parts), strict=True))
    say(f"{name}: {int(rows.sum())} of {len(rows)} rows have {text}")
    return Groups(name, (text,), rows.astype(np.int8) - np.int8(1))


def select(column: pd.Series, values: Sequence[Any], key: str, continuous: bool | None = None) -> Group:
    """Which rows the values, or the one threshold, select. Raises ConfigError for a wrong threshold.

    :param continuous: whether the column holds quantities; None: as its values look
    """
    if not (is_continuous(column, values) if continuous is None else continuous):
        rows = _equal(column, values)
        text = ",".join(map(str, values))
        say(f"{column.name}: {int(rows.sum())} of {len(rows)} rows have {' or '.join(map(str, values))}")
    else:
        if not values:
            raise ConfigError(f"{key} is missing: {column.name} holds numbers, so it needs a threshold")
        threshold = _threshold(values[0], column, key)
        numbers = pd.to_numeric(column)
        rows = (numbers > threshold).to_numpy(dtype=bool, na_value=False)
        text = _intervals(threshold, numbers.max())
        say(f"{column.name}: {int(rows.sum())} of {len(rows)} rows lie above {threshold}")
    if absent := int(column.isna().sum()):
        say(f"{column.name}: {absent} rows have no value; they count among the others")
    return Group(rows, text)


def is_continuous(column: pd.Series, values: Sequence[Any]) -> bool:
    """Whether Clarify takes the column's values for quantities, not for categories."""
    if len(values) > 1 or column.dtype.name in ("category", "bool", "boolean"):
        return False
    if pd.api.types.is_float_dtype(column):
        return True
    present = column.dropna()
    distinct = present.nunique() / len(present) if len(present) else 0.0
    if distinct < DISTINCT_SHARE_OF_NUMBERS:
        return False
    if pd.api.types.is_integer_dtype(column):
        return True
    # Text counts as numbers only if all of it is whole numbers.
    return len(present) == len(column) and whole_numbers(present)


def whole_numbers(texts: pd.Series) -> bool:
    """Whether every text reads as a whole number."""
    return bool(texts.astype(str).str.fullmatch(r"\s*[+-]?\d+\s*").all())


def _equal(column: pd.Series, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    """Rows with one of the values; "1" finds 1 and 1 finds "1", if nothing is found as written."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = _equal(column.cat.categories.to_series(), values)
        places = column.cat.codes.to_numpy()  # -1, no value, is the last place
        return np.asarray(np.append(found, False)[places])
    rows = _among(column, values)
    if rows.any():
        return rows
    if pd.api.types.is_bool_dtype(column):
        words = {"true": True, "false": False}
        converted: list[Any] = [words.get(str(value).lower(), value) for value in values]
    elif pd.api.types.is_numeric_dtype(column):
        converted = [number for value in values if (number := _number(value)) is not None]
    else:
        return _among(column.astype(str), [str(value) for value in values])
    return _among(column, converted)


def _among(column: pd.Series, values: Sequence[Any]) -> npt.NDArray[np.bool_]:
    if not pd.api.types.is_numeric_dtype(column):
        return np.asarray(column.isin(list(values)), dtype=bool)
    rows = np.zeros(len(column), dtype=bool)
    for value in values:  # a comparison a value is faster than a set of them
        if isinstance(value, bool | int | float):
            rows |= (column == value).to_numpy(dtype=bool, na_value=False)
    return rows


def _threshold(value: Any, column: pd.Series, key: str) -> float:
    number = _number(value)
    if number is None or math.isnan(number):
        raise ConfigError(f"{key} is {value!r}; expected a number, because {column.name} holds numbers")
    return number


def _number(value: Any) -> int | float | None:
    if isinstance(value, int | float):
        return value
    try:
        return float(value)
    except ValueError:
        return None


def _intervals(threshold: float, largest: Any) -> str:
    """The selected range as Clarify writes it: above the threshold, up to the largest value and with it."""
    if pd.isna(largest) or threshold == largest:
        return ""
    return ",".join(map(str, pd.IntervalIndex.from_breaks(sorted((threshold, largest)))))
