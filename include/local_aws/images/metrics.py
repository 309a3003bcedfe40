"""Metric definitions that images bring: which number in which log line.

XGBoost prints `[12]<tab>train-auc:0.91<tab>validation-auc:0.88`, and AWS's log shows a tab as #011. A value
ends where the number ends: the next #011 is no white space.
"""

from __future__ import annotations

# Larger is better, then smaller is better (names of the sagemaker-xgboost image).
MAXIMIZED = (
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg",
    "precision", "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
)  # fmt: skip
MINIMIZED = (
    "aft-nloglik", "cox-nloglik", "error", "gamma-deviance", "gamma-nloglik", "interval-regression-accuracy",
    "logloss", "mae", "mape", "merror", "mlogloss", "mphe", "mse", "poisson-nloglik", "rmse", "rmsle",
    "tweedie-nloglik",
)  # fmt: skip

_NUMBER = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"

# image name -> metric name -> regular expression whose first group is the value
BUILT_IN_METRICS = {
    "xgboost": {
        f"{channel}:{metric}": rf".*\[[0-9]+\].*#011{channel}-{metric}:{_NUMBER}"
        for channel in ("train", "validation")
        for metric in MAXIMIZED + MINIMIZED
    }
}
