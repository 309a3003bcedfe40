"""Metrics of a binary classifier on labelled rows: label 0 or 1, score from 0 to 1."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Labels = npt.NDArray[np.int_]
Scores = npt.NDArray[np.float64]


def metrics(labels: Labels, scores: Scores, threshold: float) -> dict[str, float | None]:
    """The metrics of a binary classifier; null where one is not defined for these rows."""
    table = confusion(labels, scores, threshold)
    hits, false_alarms, misses = table["true_positive"], table["false_positive"], table["false_negative"]
    return {
        "auc": auc(labels, scores),
        "pr_auc": average_precision(labels, scores),
        "log_loss": log_loss(labels, scores),
        "accuracy": (hits + table["true_negative"]) / len(labels),
        "f1": _share(2 * hits, 2 * hits + false_alarms + misses),
        "precision": _share(hits, hits + false_alarms),
        "recall": _share(hits, hits + misses),
    }


def confusion(labels: Labels, scores: Scores, threshold: float) -> dict[str, int]:
    """How many rows are called right and wrong; a score at or above the threshold is called positive."""
    called, real = scores >= threshold, labels == 1
    return {
        "true_positive": int((called & real).sum()),
        "false_positive": int((called & ~real).sum()),
        "true_negative": int((~called & ~real).sum()),
        "false_negative": int((~called & real).sum()),
    }


def auc(labels: Labels, scores: Scores) -> float | None:
    """Area under the ROC curve: the chance that a positive row scores above a negative one, ties half.

    0..1, 0.5 is guessing; null if one class is absent. From the ranks (Mann and Whitney).
    """
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]  # equal scores share their mean rank
    return float((ranks[labels == 1].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def average_precision(labels: Labels, scores: Scores) -> float | None:
    """Area under the precision-recall curve, in steps: precision at each recall that is reached, 0..1.

    The share of positive rows is guessing; null if there is none. Rows with equal scores count together.
    """
    positives = int(labels.sum())
    if not positives:
        return None
    falling = np.argsort(-scores, kind="stable")
    ordered = scores[falling]
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))  # the last row of each score
    hits = np.cumsum(labels[falling])[last]
    gained = np.diff(np.concatenate([[0], hits]))
    return float((gained * hits / (last + 1)).sum() / positives)


def calibration(labels: Labels, scores: Scores, bins: int = 10) -> list[dict[str, float]]:
    """Do rows with a score of 0.8 turn out positive 8 times in 10? Bins of equally many rows, by score.

    Each has ``rows``, ``mean_score`` and ``positive_share``; where they are equal, scores are probabilities.
    """
    rising = np.argsort(scores, kind="stable")
    return [
        {
            "rows": len(part),
            "mean_score": float(scores[part].mean()),
            "positive_share": float(labels[part].mean()),
        }
        for part in np.array_split(rising, min(bins, len(rising)))
    ]


def log_loss(labels: Labels, scores: Scores) -> float:
    """Mean of -ln(probability given to the true class); 0 is perfect, a sure error counts 36."""
    tiny = np.finfo(np.float64).eps
    likely = np.clip(np.where(labels == 1, scores, 1 - scores), tiny, 1 - tiny)
    return float(-np.log(likely).mean())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
