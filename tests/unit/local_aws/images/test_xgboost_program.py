"""Hyperparameters, content types and metrics of the built-in XGBoost algorithm."""

from __future__ import annotations

import re

import pytest

from local_aws.images.metrics import BUILT_IN_METRICS, MAXIMIZED, MINIMIZED
from local_aws.images.xgboost_program import (
    COMPUTED_METRICS,
    NATIVE_METRICS,
    UserError,
    computed_metrics,
    content_type,
    read_hyperparameters,
)

GOOD = {"num_round": "10"}


def test_values_get_their_types_and_proper_names() -> None:
    given = {
        "num_round": "10",
        "learning_rate": "0.1",
        "reg_lambda": "2",
        "max_depth": "5",
        "objective": '"binary:logistic"',
        "eval_metric": "auc, error@0.7",
        "tree_method": "hist",
        "monotone_constraints": "(1, 0, -1)",
        "interaction_constraints": "[[0, 1], [2]]",
        "sagemaker_container_log_level": "20",
    }
    assert read_hyperparameters(given) == {
        "num_round": 10,
        "eta": 0.1,
        "lambda": 2.0,
        "max_depth": 5,
        "objective": "binary:logistic",
        "eval_metric": ["auc", "error@0.7"],
        "tree_method": "hist",
        "monotone_constraints": (1, 0, -1),
        "interaction_constraints": [[0, 1], [2]],
    }


@pytest.mark.parametrize(
    ("name", "allowed", "refused"),
    [
        ("num_round", ["1", "4000"], ["0", "-1", "1.5", ""]),
        ("eta", ["0", "1", "0.3"], ["-0.1", "1.01", "nan"]),
        ("gamma", ["0", "1000"], ["-1"]),
        ("subsample", ["0.01", "1"], ["0", "1.1"]),
        ("colsample_bytree", ["1"], ["0"]),
        ("max_depth", ["0", "100"], ["-1", "2.5"]),
        ("tweedie_variance_power", ["1.5"], ["1", "2"]),
        ("scale_pos_weight", ["0.1"], ["0"]),
        ("booster", ["dart"], ["forest"]),
        ("objective", ["reg:squarederror"], ["binary:magic"]),
        ("num_class", ["2"], ["1"]),
        ("csv_weights", ["0", "1"], ["2"]),
        ("eval_metric", ["rmse", "rmse,mae", "ndcg@5"], ["magic", "rmse,magic", "mae@1", "error@x"]),
        ("seed", ["0", "7"], [str(2**31)]),
        ("save_model_on_termination", ["true", "false"], ["yes"]),
        ("_tuning_objective_metric", ["validation:auc"], ["train:auc"]),
    ],
)
def test_ranges(name: str, allowed: list[str], refused: list[str]) -> None:
    for text in allowed:
        assert name in read_hyperparameters({**GOOD, name: text})
    for text in refused:
        with pytest.raises(UserError, match=f"^Hyperparameter {name}: "):
            read_hyperparameters({**GOOD, name: text})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"objective": "multi:softmax"}, "num_class"),
        ({"objective": "reg:squarederror", "eval_metric": "auc"}, "Metric 'auc'"),
        ({"objective": "binary:logistic", "eval_metric": "aft-nloglik"}, "survival:aft"),
        ({"monotone_constraints": "(1,)"}, "monotone_constraints can be used only"),
        ({"interaction_constraints": "[[0]]", "tree_method": "auto"}, "interaction_constraints can be used"),
        ({"_kfold": "5"}, "no cross-validation"),
        ({"tree_method": "gpu_hist"}, "no GPU"),
    ],
)
def test_what_does_not_go_together(values: dict[str, str], said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        read_hyperparameters({**GOOD, **values})


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (None, "libsvm"),
        ("csv", "csv"),
        ("text/csv", "csv"),
        ("Text/CSV; charset=utf-8", "csv"),
        ("text/csv;label_size=1", "csv"),
        ("text/x-libsvm", "libsvm"),
        ("application/x-parquet", "parquet"),
    ],
)
def test_content_types(given: str | None, kind: str) -> None:
    assert content_type(given) == kind


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("application/json", "is not an accepted ContentType"),
        ("text/csv;label_size=2", "must be equal to 1"),
        ("application/x-recordio-protobuf", "does not read recordio-protobuf"),
    ],
)
def test_refused_content_types(given: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        content_type(given)


def test_the_program_and_the_image_know_the_same_metrics() -> None:
    assert set(NATIVE_METRICS + COMPUTED_METRICS) == set(MAXIMIZED + MINIMIZED)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("[0]#011train-auc:0.91#011validation-auc:0.88", "train:auc", "0.91"),
        ("[12]#011train-auc:0.91#011validation-auc:0.88", "validation:auc", "0.88"),
        ("[3]#011train-rmse:1e-05", "train:rmse", "1e-05"),
        ("[3]#011train-r2:-0.5", "train:r2", "-0.5"),
    ],
)
def test_built_in_metrics_find_their_number(line: str, name: str, value: str) -> None:
    found = re.search(BUILT_IN_METRICS["xgboost"][name], line)
    assert found
    assert found[1] == value


def test_a_metric_is_not_taken_for_another_that_begins_alike() -> None:
    assert not re.search(BUILT_IN_METRICS["xgboost"]["train:f1"], "[0]#011train-f1_binary:0.5")


class Matrix:
    def __init__(self, labels: object) -> None:
        self.labels = labels

    def get_label(self) -> object:
        return self.labels


def test_computed_metrics() -> None:
    import numpy

    compute = computed_metrics(["auc", "accuracy", "f1_binary", "mse"])
    assert compute
    found = compute(numpy.array([0.9, 0.4, 0.6, 0.1]), Matrix(numpy.array([1, 1, 0, 0])))
    assert found == [
        ("accuracy", 0.5),
        ("f1_binary", 0.5),
        ("mse", pytest.approx((0.01 + 0.36 + 0.36 + 0.01) / 4)),
    ]
    assert computed_metrics(["auc"]) is None
