"""Metrics by AWS's names, and how each is computed.

Classification metrics are computed from probabilities, one column a class in the order of the classes; the
positive class of a binary problem is the second one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from local_aws.images.autopilot.contract import BINARY, MINIMIZED, MULTICLASS, OBJECTIVES, REGRESSION

# Reported beside them; the API has a StandardMetricName for it and no MetricName.
FURTHER = {REGRESSION: (), BINARY: ("LogLoss",), MULTICLASS: ("LogLoss",)}

Array = np.ndarray[Any, Any]


def better(metric: str, value: float) -> float:
    """A number that is larger for a better value."""
    return -value if metric in MINIMIZED else value


def measured(problem: str, truth: Array, predicted: Array, weights: Array | None) -> dict[str, float]:
    """Every metric of the problem type."""
    return {
        name: measure(name, truth, predicted, weights) for name in (*OBJECTIVES[problem], *FURTHER[problem])
    }


def measure(metric: str, truth: Array, predicted: Array, weights: Array | None) -> float:
    """One metric. ``truth`` are numbers, of classes their index; ``predicted`` as the module says."""
    return float(_METRICS[metric](truth, predicted, weights))


def _by_label(function: str, **options: Any) -> Callable[[Array, Array, Array | None], float]:
    def compute(truth: Array, predicted: Array, weights: Array | None) -> float:
        from sklearn import metrics

        value: float = getattr(metrics, function)(
            truth, predicted.argmax(axis=1), sample_weight=weights, **options
        )
        return value

    return compute


def _by_value(function: str) -> Callable[[Array, Array, Array | None], float]:
    def compute(truth: Array, predicted: Array, weights: Array | None) -> float:
        from sklearn import metrics

        value: float = getattr(metrics, function)(truth, predicted, sample_weight=weights)
        return value

    return compute


def _auc(truth: Array, predicted: Array, weights: Array | None) -> float:
    from sklearn import metrics

    value: float = metrics.roc_auc_score(truth, predicted[:, 1], sample_weight=weights)
    return value


def _log_loss(truth: Array, predicted: Array, weights: Array | None) -> float:
    from sklearn import metrics

    value: float = metrics.log_loss(truth, predicted, sample_weight=weights, labels=range(predicted.shape[1]))
    return value


_METRICS: dict[str, Callable[[Array, Array, Array | None], float]] = {
    "Accuracy": _by_label("accuracy_score"),
    "AUC": _auc,
    "BalancedAccuracy": _by_label("balanced_accuracy_score"),
    "F1": _by_label("f1_score", zero_division=0),
    "F1macro": _by_label("f1_score", average="macro", zero_division=0),
    "LogLoss": _log_loss,
    "MAE": _by_value("mean_absolute_error"),
    "MSE": _by_value("mean_squared_error"),
    "Precision": _by_label("precision_score", zero_division=0),
    "PrecisionMacro": _by_label("precision_score", average="macro", zero_division=0),
    "R2": _by_value("r2_score"),
    "RMSE": _by_value("root_mean_squared_error"),
    "Recall": _by_label("recall_score", zero_division=0),
    "RecallMacro": _by_label("recall_score", average="macro", zero_division=0),
}
