"""Metrics and the ensemble that is weighed by them."""

from __future__ import annotations

import numpy as np
import pytest

from local_aws.images.autopilot.contract import BINARY, MULTICLASS, REGRESSION
from local_aws.images.autopilot.ensemble import weigh
from local_aws.images.autopilot.metrics import measured


def test_two_that_err_in_opposite_directions_are_halved() -> None:
    """The mean of truth + 1 and truth - 1 is the truth; no other weights of these three are as good."""
    truth = np.arange(20.0)
    predictions = {"above": truth + 1, "below": truth - 1, "noise": -truth}
    assert weigh("MSE", predictions, truth, None) == {"above": 0.5, "below": 0.5}


def test_one_that_is_best_alone_stays_alone() -> None:
    truth = np.array([0, 0, 1, 1])
    sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.2, 0.8]])
    assert weigh("LogLoss", {"right": sure, "wrong": sure[:, ::-1]}, truth, None) == {"right": 1.0}


def test_metrics_of_two_classes_by_hand() -> None:
    """Predicted 0, 1, 1, 0 for 0, 0, 1, 1: each count of the confusion matrix is one."""
    truth = np.array([0, 0, 1, 1])
    positive = np.array([0.1, 0.6, 0.8, 0.4])
    found = measured(BINARY, truth, np.column_stack([1 - positive, positive]), None)
    for name in ("Accuracy", "BalancedAccuracy", "F1", "Precision", "Recall"):
        assert found[name] == pytest.approx(0.5), name
    # Three of the four pairs of a positive and a negative are in order.
    assert found["AUC"] == pytest.approx(0.75)
    assert found["LogLoss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.4]).mean())


def test_weights_count_rows_as_often() -> None:
    truth = np.array([0, 1])
    predicted = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert measured(BINARY, truth, predicted, np.array([3.0, 1.0]))["Accuracy"] == pytest.approx(0.75)


def test_metrics_of_numbers_and_of_three_classes_by_hand() -> None:
    found = measured(REGRESSION, np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 6.0]), None)
    # R2 is 1 - 9 / 2: the squares around the mean 2 sum to 2.
    assert found == pytest.approx({"MSE": 3.0, "MAE": 1.0, "R2": -3.5, "RMSE": 3**0.5})
    truth = np.array([0, 1, 2, 2])
    found = measured(MULTICLASS, truth, np.eye(3)[[0, 1, 2, 1]], None)
    # F1 by class: 1, 2/3, 2/3.
    assert found["F1macro"] == pytest.approx(7 / 9)
    assert found["RecallMacro"] == pytest.approx((1 + 1 + 0.5) / 3)
