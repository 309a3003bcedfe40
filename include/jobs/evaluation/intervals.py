"""How sure a metric is: bootstrap intervals, of one model's value and of the difference between two.

All models are looked at on the same resampled rows, so what they share, easy rows and hard ones, cancels out
of a difference (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, percentile intervals).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from jobs.evaluation.metrics import Labels, Scores, metrics

SEED = 7
Values = npt.NDArray[np.float64]


def resampled(
    labels: Labels, scores: Mapping[str, Scores], threshold: float, metric: str, resamples: int
) -> dict[str, Values]:
    """The metric of every model on the same ``resamples`` samples of the rows, drawn with replacement.

    A sample in which the metric is not defined for all models, as AUC is not without a positive row, is left
    out, so the arrays may be shorter, but they are equally long.
    """
    generator = np.random.default_rng(SEED)
    found: list[list[float]] = []
    for _ in range(resamples):
        rows = generator.integers(0, len(labels), len(labels))
        values = [metrics(labels[rows], one[rows], threshold)[metric] for one in scores.values()]
        if all(value is not None for value in values):
            found.append([float(value) for value in values if value is not None])
    table = np.array(found, dtype=np.float64).reshape(len(found), len(scores))
    return {name: table[:, place] for place, name in enumerate(scores)}


def interval(values: Values, confidence: float) -> list[float] | None:
    """Between which two values the middle ``confidence`` (0..1) of them lies; null where there are none."""
    if not len(values):
        return None
    outside = (1 - confidence) / 2
    low, high = np.quantile(values, [outside, 1 - outside])
    return [float(low), float(high)]
