"""Partial dependence: the mean output as one feature changes and all others stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs.explain.trees import Numbers

MOST_VALUES = 100  # of a column that is no quantity

Predict = Callable[[pd.DataFrame], Numbers]  # rows -> rows x outputs


def partial_dependence(
    predict: Predict,
    rows: pd.DataFrame,
    feature: str,
    grid_resolution: int,
    labels: Sequence[str],
    *,
    tails: float = 0.0,
) -> dict[str, Any]:
    """One entry of `explanations.pdp` in Clarify's analysis.json.

    A column of numbers is cut into buckets of one width between its ends, and its values are their centres.
    Any other column has each of its values, and so have whole numbers that are no more than the buckets: they
    may be names of something. What is absent has no place in it; of very many values the most frequent do.

    :param grid_resolution: how many buckets
    :param labels: what the outputs are called
    :param tails: the share of rows at either end that buckets leave out, so that one outlier does not put all
        others into one bucket; Clarify leaves out none
    """
    column = rows[feature].dropna()
    entry: dict[str, Any] = {"feature_name": feature}
    if column.empty:
        return {**entry, "error": "the feature has no value in any row"}
    if _is_quantity(column, grid_resolution):
        numbers = column.to_numpy(dtype=np.float64)
        low, high = np.quantile(numbers, (tails, 1 - tails))
        counts, edges = np.histogram(numbers, bins=grid_resolution, range=(low, high))
        kind, values = "numerical", ((edges[:-1] + edges[1:]) / 2).tolist()
        if low == high:  # one bucket without a width
            counts, values = np.array([1]), [float(low)]
    else:
        found = column.value_counts().head(MOST_VALUES).sort_index()
        kind, counts, values = "categorical", found.to_numpy(), [_plain(value) for value in found.index]
    predictions = [predict(_with(rows, feature, value)).mean(axis=0) for value in values]
    return {
        **entry,
        "data_type": kind,
        "feature_values": values,
        "model_predictions": np.array(predictions).T.tolist(),
        "data_distribution": (counts / counts.sum()).tolist(),
        "label_headers": list(labels),
    }


def _is_quantity(column: pd.Series, grid_resolution: int) -> bool:
    if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return False
    distinct = column.unique()
    return len(distinct) > grid_resolution or bool((distinct % 1 != 0).any())


def _with(rows: pd.DataFrame, feature: str, value: Any) -> pd.DataFrame:
    return rows.assign(**{feature: value})


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, int | float) else str(value)
