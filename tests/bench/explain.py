"""SHAP values of every row of a large day by a large model: ours, and beside XGBoost's own on fewer rows.

PYTHONPATH=include:plugins:. python -m tests.bench.explain
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost

from jobs.explain import models

ROWS, FEATURES, TREES = 100_000, 20, 500
FEW = 1_000  # XGBoost's own takes minutes for all of them


def main() -> None:
    """Measure and print."""
    random = np.random.default_rng(7)
    rows = random.normal(size=(ROWS, FEATURES)).astype(np.float32)
    labels = (rows[:, 0] * rows[:, 1] + rows[:, 2] + random.normal(size=ROWS) > 0).astype(int)
    titles = ("seconds", "of CPU", f"XGBoost, {FEW:,}", "a row")
    print(
        f"SHAP, {ROWS:,} rows, {FEATURES} features, {TREES} trees".ljust(48)
        + "".join(title.rjust(16) for title in titles)
    )
    for depth in (4, 6):
        booster = trained(rows[:20_000], labels[:20_000], depth)
        found, seconds, busy = timed(lambda booster=booster: models.booster(booster, rows))
        told, slow, _ = timed(
            lambda booster=booster: booster.predict(xgboost.DMatrix(rows[:FEW]), pred_contribs=True)
        )
        ratio = (slow / FEW) / (seconds / ROWS)
        print(f"  depth {depth}".ljust(48) + f"{seconds:16.2f}{busy:16.2f}{slow:16.2f}{ratio:15.0f}x")
        worst = np.abs(found.values[0, :FEW] - told[:, :-1]).max()
        print(f"    largest difference of a value: {worst:.1e}")


def trained(rows: Any, labels: Any, depth: int) -> xgboost.Booster:
    """A model of as many trees, none of them cut short."""
    parameters = {"objective": "binary:logistic", "max_depth": depth, "eta": 0.1}
    return xgboost.train(parameters, xgboost.DMatrix(rows, labels), TREES)


def timed(action: Callable[[], Any]) -> tuple[Any, float, float]:
    """What it returned, and what it took: of the clock, and of the processor."""
    start, busy = time.perf_counter(), time.process_time()
    return action(), time.perf_counter() - start, time.process_time() - busy


if __name__ == "__main__":
    main()
