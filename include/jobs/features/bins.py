"""The edges of bins, learned from training rows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from jobs.features.columns import FeatureError, Types, numbers
from jobs.features.plan import BinsPlan
from jobs.features.sources import Bins


def fit(plan: BinsPlan, train: pd.DataFrame, types: Types) -> Bins:
    """The intervals that the plan asks for. Raises FeatureError where the values do not make any.

    By quantile, equal edges become one: there are fewer intervals then than were asked for.
    """
    if plan.edges is not None:
        return Bins(plan.column, plan.edges)
    values = numbers(train, plan.column, types)
    present = values[~np.isnan(values)]
    if not len(present):
        raise FeatureError(f"{plan.column}: every training row lacks a value; there is nothing to bin")
    count = int(plan.count or 0)
    shares = np.linspace(0, 1, count + 1)[1:-1]
    low, high = present.min(), present.max()
    edges = np.quantile(present, shares) if plan.by == "quantile" else low + shares * (high - low)
    inner = sorted({float(edge) for edge in edges if low < edge <= high})
    if not inner:
        raise FeatureError(f"{plan.column}: {count} bins of values that are all {low:g}; there is no edge")
    return Bins(plan.column, tuple(inner))
