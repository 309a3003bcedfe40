"""The `features` part of a workflow as its jobs get it: shorthand written out, defaults filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from jobs.features.encoders import Training
from jobs.features.plan import plan
from jobs.features.transformer import FeatureTransformer, Learned

SPLIT = {"train": 0.7, "validation": 0.15, "test": 0.15, "seed": "v1", "time": None}
ALERTS = {
    "missing_share": 0.2,
    "dominant_share": 0.98,
    "categories": 100,
    "skewness": 3.0,
    "outlier_share": 0.05,
    "correlation": 0.9,
    "leakage_auc": 0.95,
    "near_duplicate_share": 0.01,
    "minority_share": 0.1,
    "drift_psi": 0.2,
}
PROFILE = {"bins": 20, "alerts": ALERTS}
# Of the sample workflow's columns, every way there is.
EVERY_WAY: dict[str, Any] = {
    "numeric": [
        {"column": "age", "scale": "robust"},
        {"column": "income", "scale": "log", "indicator": True},
        {"column": "loan_amount", "outliers": {"by": "iqr", "factor": 1.5, "then": "clip"}},
        {"column": "existing_debt", "scale": "quantile"},
        {"column": "late_payments", "scale": "min_max", "fill": 0.0},
        {"column": "credit_history_years", "outliers": {"by": "z_score", "factor": 2.0, "then": "impute"}},
    ],
    "categorical": [
        {"column": "region", "rare_share": 0.1},
        {"column": "employment", "encode": "target"},
        {"column": "purpose", "encode": "hash", "buckets": 4},
        {"column": "term_months", "encode": "ordinal", "order": ["12", "24", "36", "48", "60"]},
    ],
    "interactions": [
        ["income", "loan_amount"],
        {"ratio": ["loan_amount", "income"], "scale": "log"},
        {"cross": ["region", "purpose"], "encode": "target"},
    ],
    "dates": [{"column": "applied_at", "parts": ["hour", "weekend"], "cyclic": True, "scale": "none"}],
    "texts": [{"column": "purpose", "measures": ["characters"]}],
    "bins": [{"column": "age", "edges": [25.0, 40.0, 60.0]}, {"column": "income", "count": 4}],
    "select": {"minimum_variance": 0.0, "maximum_correlation": 0.999},
}


def declared(**parts: Any) -> dict[str, Any]:
    """Features as the workflow file would declare them, e.g. ``declared(numeric=["age"])``."""
    features: dict[str, Any] = {
        "split": SPLIT,
        "impute": {"numeric": "median", "categorical": "constant"},
        "outliers": None,
        "scale": "standard",
        "encode": "one_hot",
        "unseen": "ignore",
        "rare_share": 0.0,
        "encoders": {"smoothing": 10.0, "folds": 5, "buckets": 32},
        "numeric": [],
        "categorical": [],
        "interactions": [],
        "dates": [],
        "texts": [],
        "bins": [],
        **parts,
        "select": {
            "minimum_variance": None,
            "maximum_correlation": None,
            "top": None,
            "keep": [],
            **parts.get("select", {}),
        },
    }
    for kind in ("numeric", "categorical"):
        features[kind] = [{"column": item} if isinstance(item, str) else item for item in features[kind]]
    for kind, by_default in (("dates", {"cyclic": False}), ("bins", {"by": "quantile"})):
        features[kind] = [{**by_default, **item} for item in features[kind]]
    features["interactions"] = [
        {"product": item} if isinstance(item, list) else item for item in features["interactions"]
    ]
    return features


def fit(
    train: pd.DataFrame,
    features: dict[str, Any],
    types: dict[str, str],
    positives: Sequence[bool] | None = None,
    keys: Sequence[str] | None = None,
) -> Learned:
    """Fit a transformer on rows; where no labels are given, every second row is positive."""
    rows = len(train)
    training = Training(
        positives=np.array([place % 2 == 0 for place in range(rows)] if positives is None else positives),
        weights=np.ones(rows),
        keys=[str(place) for place in range(rows)] if keys is None else keys,
    )
    return FeatureTransformer.fit(train, plan(features), types, training)
