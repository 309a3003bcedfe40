"""What Autopilot can be asked on tables: objectives by problem type, algorithms by mode.

Source: AutoMLJobObjective and AutoMLAlgorithmConfig in the SageMaker API reference.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_ml.problems import KeyPath, Problem, found, one_of
from aws_ml.schema import Workflow

OBJECTIVES = {
    "BinaryClassification": ("Accuracy", "AUC", "BalancedAccuracy", "F1", "Precision", "Recall"),
    "MulticlassClassification": (
        "Accuracy", "BalancedAccuracy", "F1macro", "PrecisionMacro", "RecallMacro",
    ),
    "Regression": ("MAE", "MSE", "R2", "RMSE"),
}  # fmt: skip
ALGORITHMS = {
    "ENSEMBLING": (
        "catboost", "extra-trees", "fastai", "lightgbm", "linear-learner", "nn-torch", "randomforest",
        "xgboost",
    ),
    "HYPERPARAMETER_TUNING": ("linear-learner", "mlp", "xgboost"),
}  # fmt: skip


def check_automl(workflow: Workflow) -> Iterator[Problem]:
    """Objective and problem type belong together, and so do algorithms and mode."""
    asked = workflow.automl
    if (asked.objective is None) != (asked.problem_type is None):
        missing = "objective" if asked.objective is None else "problem_type"
        yield Problem(
            ("automl", missing),
            "found null; allowed: a value, as AWS takes objective and problem_type only together",
        )
    elif asked.problem_type is not None:
        allowed = OBJECTIVES[asked.problem_type]
        if asked.objective not in allowed:
            yield Problem(("automl", "objective"), found(asked.objective, one_of(allowed, asked.objective)))
    if asked.algorithms and asked.mode == "AUTO":
        modes = "ENSEMBLING or HYPERPARAMETER_TUNING where algorithms are named"
        yield Problem(("automl", "mode"), found("AUTO", modes))
        return
    for index, name in enumerate(asked.algorithms):
        path: KeyPath = ("automl", "algorithms", index)
        if name not in ALGORITHMS[asked.mode]:
            yield Problem(path, found(name, one_of(ALGORITHMS[asked.mode], name)))
