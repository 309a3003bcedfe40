"""Several candidates as one: weights by greedy selection.

Start with nothing; add, again and again, the candidate that makes the mean of all that were added best on
the held-out rows; a candidate's weight is how often it was added. (Caruana and others, Ensemble Selection
from Libraries of Models, ICML 2004; AutoGluon's weighted ensemble is one.) It needs no derivative of the
metric, and few rounds can hardly overfit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from local_aws.images.autopilot.metrics import Array, better, measure

ROUNDS = 25


def weigh(
    objective: str, predictions: Mapping[str, Array], truth: Array, weights: Array | None
) -> dict[str, float]:
    """Weights that sum to one, of those candidates that get any."""
    added: list[str] = []
    total: Array = np.zeros(())
    best: tuple[float, list[str]] | None = None
    for count in range(1, ROUNDS + 1):
        values = {
            name: better(objective, measure(objective, truth, (total + one) / count, weights))
            for name, one in predictions.items()
        }
        chosen = max(values, key=lambda name: values[name])
        added.append(chosen)
        total = total + predictions[chosen]
        if best is None or values[chosen] > best[0]:
            best = (values[chosen], list(added))
    assert best is not None  # noqa: S101 - there is at least one round
    counts = Counter(best[1])
    return {name: count / counts.total() for name, count in sorted(counts.items())}
