"""The hyperparameters of SageMaker's built-in XGBoost and the values it accepts.

Source: "XGBoost hyperparameters" in the SageMaker developer guide, and the container's own check
(aws/sagemaker-xgboost-container, algorithm_mode/hyperparameter_validation.py). Left out on purpose:
``csv_weights``, which follows from the data, as mitigation gives rows weights; ``_kfold`` and
``_num_cv_round``, which change the files that our jobs exchange with the training job; and what only
distributed or GPU training reads.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

Value = str | bool | int | float


@dataclass(frozen=True)
class Number:
    """A number from ``low`` to ``high``; an open end is not itself allowed."""

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    open_low: bool = False
    open_high: bool = False

    def accepts(self, value: Value) -> bool:
        """Whether XGBoost's container would take this value."""
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            return False
        if self.whole and not isinstance(value, int):
            return False
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return above and below

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        ends = []
        if self.low > -math.inf:
            ends.append(f"{'above' if self.open_low else 'at least'} {self.low:g}")
        if self.high < math.inf:
            ends.append(f"{'below' if self.open_high else 'at most'} {self.high:g}")
        return f"{kind} {' and '.join(ends)}".strip()


@dataclass(frozen=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    def accepts(self, value: Value) -> bool:
        """Whether the value is one of the words."""
        return value in self.words

    def __str__(self) -> str:
        return f"one of {', '.join(self.words)}"


@dataclass(frozen=True)
class Switch:
    """YAML's true or false, or the words: XGBoost reads the texts ``true`` and ``false``."""

    def accepts(self, value: Value) -> bool:
        """Whether the value is true or false."""
        return value in (True, False, "true", "false")

    def __str__(self) -> str:
        return "true or false"


@dataclass(frozen=True)
class Metrics:
    """A comma-separated list of metrics; ``error``, ``ndcg`` and ``map`` may carry ``@threshold``."""

    names: tuple[str, ...]

    def accepts(self, value: Value) -> bool:
        """Whether every name in the list is one of XGBoost's metrics."""
        if not isinstance(value, str):
            return False
        return all(
            name in self.names or re.fullmatch(r"(error|ndcg|map)@[0-9.]+", name)
            for name in (part.strip() for part in value.split(","))
        )

    def __str__(self) -> str:
        return f"a comma-separated list of {', '.join(self.names)}"


@dataclass(frozen=True)
class Text:
    """Any text, in XGBoost's own notation."""

    notation: str

    def accepts(self, value: Value) -> bool:
        """Whether the value is a text; its notation is left to XGBoost."""
        return isinstance(value, str) and bool(value)

    def __str__(self) -> str:
        return f"a text such as {self.notation!r}"


SHARE = Number(0, 1, open_low=True)
AT_LEAST_ZERO = Number(0)

# Objectives that give the probability of the positive label, which evaluation and the endpoint need.
OBJECTIVES = Choice(("binary:logistic",))
METRICS = (
    *("auc", "aucpr", "logloss", "error", "map", "accuracy", "balanced_accuracy", "f1", "f1_binary"),
    *("f1_macro", "precision", "recall", "precision_macro", "recall_macro", "rmse", "mae", "mse"),
)
LOWER_IS_BETTER = ("logloss", "error", "rmse", "mae", "mse")  # of METRICS
REQUIRED = ("num_round", "objective")
FIXED = (
    "objective",
    "eval_metric",
    "seed",
    "nthread",
    "verbosity",
)  # they make no model better

XGBOOST: dict[str, Number | Choice | Switch | Metrics | Text] = {
    "num_round": Number(1, whole=True),
    "objective": OBJECTIVES,
    "eval_metric": Metrics(METRICS),
    "early_stopping_rounds": Number(1, whole=True),
    "seed": Number(-(2**31), 2**31 - 1, whole=True, open_low=True, open_high=True),
    "booster": Choice(("gbtree", "gblinear", "dart")),
    "verbosity": Number(0, 3, whole=True),
    "nthread": Number(1, whole=True),
    "eta": Number(0, 1),
    "learning_rate": Number(0, 1),
    "gamma": AT_LEAST_ZERO,
    "min_split_loss": AT_LEAST_ZERO,
    "max_depth": Number(0, whole=True),
    "min_child_weight": AT_LEAST_ZERO,
    "max_delta_step": AT_LEAST_ZERO,
    "subsample": SHARE,
    "colsample_bytree": SHARE,
    "colsample_bylevel": SHARE,
    "colsample_bynode": SHARE,
    "lambda": AT_LEAST_ZERO,
    "reg_lambda": AT_LEAST_ZERO,
    "alpha": AT_LEAST_ZERO,
    "reg_alpha": AT_LEAST_ZERO,
    "tree_method": Choice(("auto", "exact", "approx", "hist")),
    "scale_pos_weight": Number(0, open_low=True),
    "base_score": Number(0, 1, open_low=True, open_high=True),
    "num_parallel_tree": Number(1, whole=True),
    "grow_policy": Choice(("depthwise", "lossguide")),
    "max_leaves": Number(0, whole=True),
    "max_bin": Number(0, whole=True),
    "sampling_method": Choice(("uniform", "gradient_based")),
    "monotone_constraints": Text("(1,0,-1)"),
    "interaction_constraints": Text("[[0,1],[2,3]]"),
    "sample_type": Choice(("uniform", "weighted")),
    "normalize_type": Choice(("tree", "forest")),
    "rate_drop": Number(0, 1),
    "one_drop": Number(0, 1, whole=True),
    "skip_drop": Number(0, 1),
    "lambda_bias": Number(0, 1),
    "save_model_on_termination": Switch(),
}


def as_text(value: Value) -> str:
    """A hyperparameter as SageMaker wants it, which is always a text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
