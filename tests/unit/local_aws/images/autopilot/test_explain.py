"""Shapley values, against arithmetic: a model whose values are known in closed form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from local_aws.images.autopilot import explain
from local_aws.images.autopilot.contract import REGRESSION
from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.table import Column


@dataclass
class Formula:
    """An estimator that computes 3a - 2b + c d."""

    def transform(self, frame: Any) -> Any:
        return frame

    def predict(self, frame: Any) -> Any:
        return 3 * frame["a"] - 2 * frame["b"] + frame["c"] * frame["d"]


def test_values_are_those_of_the_formula_and_sum_to_the_prediction() -> None:
    """A term of one column is its own; of a product xy - uv each factor gets its half exactly.

    With the rows that walks start from, b: a gets 3 (a - mean a'), c gets the mean of (c - c')(d + d') / 2.
    """
    draw = np.random.default_rng(3)
    frame = pd.DataFrame(draw.normal(size=(200, 5)), columns=["a", "b", "c", "d", "unused"])
    columns = [Column(name, "numeric") for name in frame.columns]
    formula: Any = Formula()
    model = Model(REGRESSION, columns, [], [(1.0, [explain_fitted(formula)])])
    rows, starts, values, expected = explain.shapley(model, frame, list(frame.columns))
    found = {name: values[:, at, 0] for at, name in enumerate(frame.columns)}
    np.testing.assert_allclose(found["a"], 3 * (rows["a"] - starts["a"].mean()), atol=1e-12)
    np.testing.assert_allclose(found["b"], -2 * (rows["b"] - starts["b"].mean()), atol=1e-12)
    np.testing.assert_allclose(found["unused"], 0, atol=1e-12)
    halves = [(rows["c"] - start["c"]) * (rows["d"] + start["d"]) / 2 for _, start in starts.iterrows()]
    np.testing.assert_allclose(found["c"], np.mean(halves, axis=0), atol=1e-12)
    np.testing.assert_allclose(values.sum(axis=(1, 2)) + expected[0], model.predict(rows), atol=1e-12)


def explain_fitted(formula: Formula) -> Any:
    from local_aws.images.autopilot.algorithms import Fitted

    return Fitted(formula, formula)
