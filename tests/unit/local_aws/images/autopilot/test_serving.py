"""What a candidate's container answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from local_aws.images.autopilot import serving
from local_aws.images.autopilot.contract import BINARY, HYPERPARAMETER_TUNING, MODE, OUTPUT, REGRESSION
from local_aws.images.autopilot.model import Model
from local_aws.images.autopilot.table import Column
from local_aws.images.serving_program import Unanswerable, Unservable


def candidate(monkeypatch: pytest.MonkeyPatch, problem: str = BINARY, **variables: str) -> serving.Candidate:
    """A container whose model predicts its only column: the second class's probability, or the number."""

    class Same:
        def predict(self, frame: Any) -> Any:
            value = frame["x"].to_numpy()
            return value if problem == REGRESSION else np.column_stack([1 - value, value])

    same: Any = Same()
    classes = [] if problem == REGRESSION else ["no", "yes, of course"]
    model = Model(problem, [Column("x", "numeric")], classes, [(1.0, [same])])
    monkeypatch.setattr(Model, "load", lambda _: model)
    return serving.Candidate(Path(), variables)


def test_members_count_by_their_weights_and_folds_alike() -> None:
    """3/4 of the mean of x and 3x, and 1/4 of 8x: 3.5 x."""

    class Times:
        def __init__(self, factor: float) -> None:
            self.factor = factor

        def predict(self, frame: Any) -> Any:
            return self.factor * frame["x"].to_numpy()

    folds: list[Any] = [Times(1), Times(3), Times(8)]
    model = Model(REGRESSION, [Column("x", "numeric")], [], [(0.75, folds[:2]), (0.25, folds[2:])])
    assert model.predict(pd.DataFrame({"x": ["2", "4"]})).tolist() == [7.0, 14.0]


ROWS = b"0.25\n0.75\n"


def test_labels_are_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = candidate(monkeypatch).answer(ROWS, "text/csv", "text/csv")
    assert (answer.body, answer.content_type) == (b'no\n"yes, of course"\n', "text/csv")


def test_what_is_asked_for_is_answered_in_that_order(monkeypatch: pytest.MonkeyPatch) -> None:
    served = candidate(monkeypatch, **{OUTPUT: "probabilities, predicted_label"})
    assert served.answer(ROWS, "", "text/csv").body == (
        b'"[0.75, 0.25]",no\n"[0.25, 0.75]","yes, of course"\n'
    )
    assert json.loads(served.answer(b"0.25", "text/csv", "application/json").body) == {
        "predictions": [{"probabilities": [0.75, 0.25], "predicted_label": "no"}]
    }


def test_whose_probability_depends_on_the_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The predicted label's; of a tuned binary model the second class's (Autopilot's inference responses)."""
    ensemble = candidate(monkeypatch, **{OUTPUT: "probability"})
    assert ensemble.answer(ROWS, "text/csv", "text/csv").body == b"0.75\n0.75\n"
    tuned = candidate(monkeypatch, **{OUTPUT: "probability", MODE: HYPERPARAMETER_TUNING})
    assert tuned.answer(ROWS, "text/csv", "text/csv").body == b"0.25\n0.75\n"


def test_a_regression_answers_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    served = candidate(monkeypatch, REGRESSION)
    assert served.answer(ROWS, "text/csv", "text/csv").body == b"0.25\n0.75\n"
    assert json.loads(served.answer(b"7", "text/csv", "application/json").body) == {
        "predictions": [{"score": 7.0}]
    }


@pytest.mark.parametrize(
    ("request_", "status", "words"),
    [
        ((b"1,2", "text/csv", "text/csv"), 400, "a row has 2 cells; the model was trained on 1 columns: x"),
        ((b"", "text/csv", "text/csv"), 400, "Unable to evaluate payload"),
        ((b"{}", "application/json", "text/csv"), 415, "text/csv is"),
        ((b"1", "text/csv", "image/png"), 406, "text/csv and application/json are"),
    ],
)
def test_what_cannot_be_answered_is_said(
    monkeypatch: pytest.MonkeyPatch, request_: tuple[bytes, str, str], status: int, words: str
) -> None:
    with pytest.raises(Unanswerable, match=words) as caught:
        candidate(monkeypatch).answer(*request_)
    assert caught.value.status == status


def test_an_unknown_key_is_not_served(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unservable, match="asks for score; allowed: predicted_label, probability, "):
        candidate(monkeypatch, **{OUTPUT: "score"})


def test_another_archive_is_no_candidate(tmp_path: Path) -> None:
    with pytest.raises(Unservable, match="holds no candidate of an AutoML job"):
        serving.Candidate(tmp_path, {})
