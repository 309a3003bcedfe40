"""Metrics of a binary classifier as Model Monitor writes them: what the registry and its pages can read."""

from __future__ import annotations

from typing import Any

import numpy as np

from jobs.evaluation.metrics import Labels, Scores, confusion, metrics

# Model Monitor resamples only where there are enough rows: five times, four fifths of them.
FEWEST_ROWS = 200
RESAMPLES = 5
SHARE = 0.8
SEED = 7
NAMES = ("auc", "accuracy", "precision", "recall", "f1")


def statistics(labels: Labels, scores: Scores, threshold: float) -> dict[str, Any]:
    """``statistics.json``: each metric with its standard deviation, "NaN" where there is none."""
    samples = []
    if len(labels) >= FEWEST_ROWS:
        generator = np.random.default_rng(SEED)
        for _ in range(RESAMPLES):
            rows = generator.choice(len(labels), int(SHARE * len(labels)), replace=False)
            samples.append(metrics(labels[rows], scores[rows], threshold))
    whole, table = metrics(labels, scores, threshold), confusion(labels, scores, threshold)
    told: dict[str, Any] = {
        "confusion_matrix": {
            "0": {"0": table["true_negative"], "1": table["false_positive"]},
            "1": {"0": table["false_negative"], "1": table["true_positive"]},
        }
    }
    for name in NAMES:
        values = [value for sample in samples if (value := sample[name]) is not None]
        told[name] = {
            "value": "NaN" if whole[name] is None else whole[name],
            "standard_deviation": float(np.std(values, ddof=1)) if len(values) > 1 else "NaN",
        }
    return {"version": 0.0, "dataset": {"item_count": len(labels)}, "binary_classification_metrics": told}
