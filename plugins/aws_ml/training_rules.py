"""The rules that watch a training: SageMaker Debugger's names, and what each looks at.

Source: "List of Debugger built-in rules" in the SageMaker developer guide. Named are those that XGBoost's
trainings can be watched by and that both AWS's rule image and ``jobs.training.rules`` know.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Rule:
    """One rule."""

    parameters: tuple[str, ...]
    collections: tuple[str, ...] = ()  # that it needs beside the metrics, which are always saved
    loss: str | None = None  # which losses its parameter tensor_regex shall mean


RULES: dict[str, Rule] = {
    # Of the training rows: the validation loss stands still in the rounds that early stopping waits for.
    "LossNotDecreasing": Rule(
        (
            "collection_names", "tensor_regex", "use_losses_collection", "num_steps", "diff_percent",
            "increase_threshold_percent", "mode",
        ),
        loss="train",
    ),
    "Overfit": Rule(
        ("tensor_regex", "start_step", "patience", "ratio_threshold"), loss="(train|validation)"
    ),
    "Overtraining": Rule(("patience_train", "patience_validation", "delta")),
    "ClassImbalance": Rule(
        (
            "threshold_imbalance", "threshold_misprediction", "samples", "argmax", "labels_regex",
            "predictions_regex",
        ),
        collections=("labels", "predictions"),
    ),
    "Confusion": Rule(
        (
            "category_no", "labels", "predictions", "labels_collection", "predictions_collection", "min_diag",
            "max_off_diag",
        ),
        collections=("labels", "predictions"),
    ),
    "FeatureImportanceOverweight": Rule(
        ("threshold", "nfeatures", "tensor_regex"), collections=("feature_importance",)
    ),
    "TreeDepth": Rule(("depth",), collections=("trees",)),
    "CreateXgboostReport": Rule(
        (), collections=("feature_importance", "hyperparameters", "labels", "predictions")
    ),
}  # fmt: skip

# objective -> the metric that it minimises
LOSSES = {"binary:logistic": "logloss"}
