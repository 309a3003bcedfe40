"""What a job may be asked, and the words of its answers. The service reads it too: it imports no library."""

from __future__ import annotations

ENSEMBLING = "ENSEMBLING"
HYPERPARAMETER_TUNING = "HYPERPARAMETER_TUNING"

BINARY = "BinaryClassification"
MULTICLASS = "MulticlassClassification"
REGRESSION = "Regression"

# AutoMLJobObjective's documentation: what may be asked for, the default first.
OBJECTIVES = {
    REGRESSION: ("MSE", "MAE", "R2", "RMSE"),
    BINARY: ("F1", "Accuracy", "AUC", "BalancedAccuracy", "Precision", "Recall"),
    MULTICLASS: ("Accuracy", "BalancedAccuracy", "F1macro", "PrecisionMacro", "RecallMacro"),
}
MINIMIZED = {"MSE", "MAE", "RMSE", "LogLoss"}

# AutoMLAlgorithmConfig's documentation.
ALGORITHMS = {
    ENSEMBLING: (
        "catboost", "extra-trees", "fastai", "lightgbm", "linear-learner", "nn-torch", "randomforest",
        "xgboost",
    ),
    HYPERPARAMETER_TUNING: ("linear-learner", "mlp", "xgboost"),
}  # fmt: skip
NOT_HERE = ("catboost", "fastai")  # of those, what the jobs' environment has nothing like

CSV = "text/csv;header=present"
PARQUET = "x-application/vnd.amazon+parquet"
KINDS = ("numeric", "categorical", "text", "datetime")  # of FeatureDataTypes

# What a container of a classification can answer; the first is the default.
INFERENCE_KEYS = ("predicted_label", "probability", "probabilities", "labels")
OUTPUT, SUPPORTED, MODE = "SAGEMAKER_INFERENCE_OUTPUT", "SAGEMAKER_INFERENCE_SUPPORTED", "AUTOML_MODE"


def direction(metric: str) -> str:
    """AWS's word for which way a metric is better: Maximize or Minimize."""
    return "Minimize" if metric in MINIMIZED else "Maximize"


def environment(problem: str, mode: str) -> dict[str, str]:
    """The Environment of a candidate's container definition."""
    common = {"SAGEMAKER_DEFAULT_INVOCATIONS_ACCEPT": "text/csv", MODE: mode}
    if problem == REGRESSION:
        return common
    return {**common, OUTPUT: INFERENCE_KEYS[0], SUPPORTED: ",".join(INFERENCE_KEYS)}
