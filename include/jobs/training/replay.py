"""What a training's hook would have saved, from the model that it left: round by round, by the first trees.

A boosted model of k rounds holds the models of all earlier rounds, so metrics, predictions, importances and
trees can be told afterwards, without Debugger. What is lost: rounds that early stopping cut off, and the
weights that dart gave earlier trees while it went on.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.processing.job import JobError
from jobs.training.tensors import LABELS, METRICS, PREDICTIONS, Trial

LOSS = "logloss"  # of binary:logistic, the objective of the workflows
SMALLEST = 1e-16  # XGBoost keeps probabilities off 0 and 1 by this much
COLLECTIONS = {
    METRICS: ["^[a-zA-z]+-[a-zA-z0-9]+$"],
    LABELS: ["^labels$"],
    PREDICTIONS: ["^predictions$"],
    "feature_importance": ["^feature_importance/.*"],
    "trees": ["^trees/.*"],
}


class Split:
    """One channel of the training: features, labels and what each row counts for."""

    def __init__(self, path: Path, weighted: bool) -> None:
        """Read CSV as the built-in XGBoost does: label, weight if there are any, features. No header."""
        import xgboost

        table = np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float32)
        first = 2 if weighted else 1
        self.labels = table[:, 0]
        self.weights = table[:, 1] if weighted else np.ones(len(table), dtype=np.float32)
        self.matrix: Any = xgboost.DMatrix(table[:, first:])

    @classmethod
    def of(cls, paths: list[Path], weighted: bool) -> Split:
        """The only file of a channel. Raises JobError."""
        if len(paths) != 1:
            raise JobError(f"a channel has {len(paths)} files; expected one")
        return cls(paths[0], weighted)


def logloss(split: Split, scores: npt.NDArray[np.float32]) -> float:
    """The mean negative logarithm of the probability that each row's label was given, by weight."""
    kept = np.clip(scores.astype(float), SMALLEST, 1 - SMALLEST)
    given = np.where(split.labels > 0.5, kept, 1 - kept)
    return float(-(np.log(given) * split.weights).sum() / split.weights.sum())


def replay(booster: Any, train: Split, validation: Split, interval: int, start: int) -> Trial:
    """The tensors of every `interval` rounds; predictions, importances and trees from round `start` on."""
    trial = Trial(collections=dict(COLLECTIONS))
    rounds = booster.num_boosted_rounds()
    for step in range(0, rounds, interval):
        until = (0, step + 1)
        scores = booster.predict(validation.matrix, iteration_range=until)
        trial.put(f"train-{LOSS}", step, logloss(train, booster.predict(train.matrix, iteration_range=until)))
        trial.put(f"validation-{LOSS}", step, logloss(validation, scores))
        if step < min(start, rounds - 1):
            continue
        trial.put(LABELS, step, validation.labels)
        trial.put(PREDICTIONS, step, scores)
        for kind in ("weight", "gain"):
            found = booster[: step + 1].get_score(importance_type=kind)
            total = sum(found.values())
            for name, score in found.items() if total else ():
                trial.put(f"feature_importance/{kind}/{name}", step, score / total)
        trial.put("trees/Node", step, _nodes(booster[step : step + 1].get_dump(dump_format="json")))
    return trial


def _nodes(trees: list[str]) -> npt.NDArray[np.int64]:
    """The IDs of all nodes of a round's trees."""
    found, waiting = [], [json.loads(tree) for tree in trees]
    while waiting:
        node = waiting.pop()
        found.append(node["nodeid"])
        waiting += node.get("children", [])
    return np.array(sorted(found))
