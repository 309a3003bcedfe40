"""Every algorithm learns every kind of problem from every kind of column: gaps, weights and new words too."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from local_aws.images.autopilot import algorithms, candidate, model, table
from local_aws.images.autopilot.algorithms import CANDIDATES, FIRST, Configuration
from local_aws.images.autopilot.candidate import Place
from local_aws.images.autopilot.contract import (
    ALGORITHMS,
    HYPERPARAMETER_TUNING,
    MULTICLASS,
    NOT_HERE,
    REGRESSION,
)
from local_aws.images.autopilot.metrics import measure
from local_aws.images.autopilot.target import Data

ROWS = 240
LEARN, HELD = np.arange(0, 160), np.arange(160, ROWS)
TRIED = {each.algorithm: each for each in reversed(CANDIDATES)} | {"mlp": Configuration("mlp", FIRST["mlp"])}
# Two classes go the way of three. By chance a third of these is right.
QUALITY = {MULTICLASS: ("Accuracy", 0.5), REGRESSION: ("R2", 0.5)}


def raw() -> pd.DataFrame:
    """A number that tells, a word that tells a little, a sentence, a date and a gap now and then."""
    draw = np.random.default_rng(1)
    x = draw.uniform(-2, 2, ROWS)
    frame = pd.DataFrame(
        {
            "x": [f"{value:.4f}" for value in x],
            "word": draw.choice(["red", "green", "blue"], ROWS),
            "text": [f"this is row {number} of all" for number in range(ROWS)],
            "day": [f"2026-01-{number % 28 + 1:02}" for number in range(ROWS)],
        }
    )
    frame.loc[::20, "x"] = None
    frame.loc[::30, "word"] = None
    frame.loc[ROWS - 1, "word"] = "never seen while learning"
    return frame


def data(problem: str, weights: np.ndarray | None = None) -> Data:
    frame = raw()
    x = pd.to_numeric(frame["x"]).fillna(0).to_numpy()
    targets = {REGRESSION: 3 * x, MULTICLASS: np.digitize(x, [-0.7, 0.7])}
    columns = table.columns_of(frame, {})
    assert [column.kind for column in columns] == ["numeric", "categorical", "text", "datetime"]
    classes = {REGRESSION: [], MULTICLASS: ["low", "middle", "high"]}[problem]
    return Data(
        problem, columns, classes, table.prepared(frame, columns), targets[problem], weights, [(LEARN, HELD)]
    )


def test_every_algorithm_of_aws_is_tried_or_refused() -> None:
    named = {name for names in ALGORITHMS.values() for name in names}
    assert set(TRIED) == named - set(NOT_HERE)
    assert set(FIRST) == set(ALGORITHMS[HYPERPARAMETER_TUNING])


@pytest.mark.parametrize("problem", QUALITY)
@pytest.mark.parametrize("algorithm", TRIED)
def test_every_algorithm_learns_every_problem(algorithm: str, problem: str) -> None:
    lesson = data(problem, np.linspace(0.5, 1.5, ROWS))
    fitted = algorithms.fit(TRIED[algorithm], lesson, LEARN, HELD)
    predicted = fitted.predict(lesson.features.iloc[HELD])
    if problem != REGRESSION:
        np.testing.assert_allclose(predicted.sum(axis=1), 1)
    metric, enough = QUALITY[problem]
    assert measure(metric, lesson.target[HELD], predicted, None) > enough


def test_a_saved_candidate_predicts_as_it_was_measured(tmp_path: Path) -> None:
    lesson = data(REGRESSION)
    places = {name: Place(tmp_path / name, tmp_path / f"{name}.tar.gz") for name in ("line", "tree", "both")}
    candidate.train("line", TRIED["linear-learner"], lesson, places["line"])
    candidate.train("tree", TRIED["xgboost"], lesson, places["tree"])
    members = {name: places[name] for name in ("line", "tree")}
    candidate.combine("MSE", members, lesson, places["both"])
    found = model.Model.load(places["both"].model)
    predicted = found.predict(raw().iloc[HELD])
    np.testing.assert_allclose(predicted, candidate.held_out(places["both"]))
    values = {name: candidate.measured(place)["MSE"] for name, place in places.items()}
    assert values["both"] <= min(values["line"], values["tree"])
    assert values["both"] == pytest.approx(np.mean((predicted - lesson.target[HELD]) ** 2))
