"""Partial dependence: the mean output as one feature changes and all others stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs.explain.trees import Numbers

Predict = Callable[[pd.DataFrame], Numbers]  # rows -> rows x outputs


def partial_dependence(
    predict: Predict, rows: pd.DataFrame, feature: str, grid_resolution: int, labels: Sequence[str]
) -> dict[str, Any]:
    """One entry of `explanations.pdp` in Clarify's analysis.json.

    A column of numbers is cut into buckets of one width between its ends, and its values are their centres;
    any other column has each of its values. What is absent has no place in it.

    :param grid_resolution: how many buckets
    :param labels: what the outputs are called
    """
    column = rows[feature].dropna()
    entry: dict[str, Any] = {"feature_name": feature}
    if column.empty:
        return {**entry, "error": "the feature has no value in any row"}
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        numbers = column.to_numpy(dtype=np.float64)
        counts, edges = np.histogram(numbers, bins=grid_resolution)
        kind, values = "numerical", ((edges[:-1] + edges[1:]) / 2).tolist()
        if numbers.min() == numbers.max():  # one bucket without a width
            counts, values = np.array([len(numbers)]), [float(numbers[0])]
    else:
        found = column.value_counts(sort=False).sort_index()
        found = found[found > 0]
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


def _with(rows: pd.DataFrame, feature: str, value: Any) -> pd.DataFrame:
    return rows.assign(**{feature: value})


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    return value.item() if isinstance(value, np.generic) else value if isinstance(value, int) else str(value)
