"""SHAP values equal those of the library `shap` and of XGBoost, and add up to what the model says."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import pytest
import xgboost
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeRegressor

from jobs.explain import kernel, models
from jobs.explain.trees import TooDeep, explain

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # numba speaks of NumPy's future
    import shap as oracle

RANDOM = np.random.default_rng(5)
ROWS = RANDOM.normal(size=(400, 7)).astype(np.float32)
TARGET = ROWS[:, 0] * ROWS[:, 1] + np.maximum(ROWS[:, 2], 0) - ROWS[:, 3] ** 2 / 2
LABELS = (TARGET + RANDOM.normal(size=400) / 4 > 0).astype(int)
ASKED = ROWS[:60]


def trained(rows: Any = ROWS, labels: Any = LABELS, rounds: int = 20, **parameters: Any) -> xgboost.Booster:
    parameters = {"objective": "binary:logistic", "max_depth": 5, "eta": 0.3, "nthread": 1, **parameters}
    return xgboost.train(parameters, xgboost.DMatrix(rows, labels), rounds)


def with_gaps(rows: np.ndarray) -> np.ndarray:
    return np.where(np.random.default_rng(1).random(rows.shape) < 0.3, np.nan, rows).astype(np.float32)


@pytest.mark.parametrize(
    ("given", "parameters"),
    [
        ("plain", {}),
        ("plain", {"max_depth": 1}),
        ("plain", {"objective": "reg:squarederror", "max_depth": 3}),
        ("plain", {"objective": "multi:softprob", "num_class": 3, "max_depth": 3}),
        ("gaps", {"max_depth": 8}),
        ("plain", {"grow_policy": "lossguide", "max_depth": 0, "max_leaves": 25}),
        # XGBoost says that it will give this one up some day.
        pytest.param(
            "plain",
            {"booster": "gblinear"},
            marks=pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
        ),
        ("plain", {"booster": "dart", "rate_drop": 0.5, "max_depth": 3}),
    ],
    ids=["depth 5", "stumps", "regression", "three classes", "absent values", "lop-sided", "linear", "dart"],
)
def test_a_boosters_values_are_xgboosts_own(given: str, parameters: dict[str, Any]):
    """XGBoost computes in 32 bits, so in sums of 20 trees the sixth digit may differ."""
    rows = with_gaps(ROWS) if given == "gaps" else ROWS
    labels = np.arange(400) % 3 if "num_class" in parameters else LABELS
    booster = trained(rows, labels, **parameters)
    found = models.booster(booster, rows[:60])
    asked = xgboost.DMatrix(rows[:60])
    told = booster.predict(asked, pred_contribs=True).reshape(60, -1, 8).transpose(1, 0, 2)
    assert found.values == pytest.approx(told[:, :, :-1], abs=5e-6)
    assert found.expected == pytest.approx(told[:, 0, -1], abs=5e-6)
    said = booster.predict(asked, output_margin=True).reshape(60, -1).T
    assert found.values.sum(axis=2) + found.expected[:, None] == pytest.approx(said, abs=2e-5)


@pytest.mark.parametrize("kind", ["deep", "by category"])
def test_trees_that_tables_have_no_room_for_are_explained_by_xgboost(kind: str):
    """A tree of fourteen splits one below the other; one that splits by category."""
    rows = np.stack([np.arange(4096) % 4, np.arange(4096)], axis=1).astype(np.float32)
    types = ["q", "q"] if kind == "deep" else ["c", "q"]
    data = xgboost.DMatrix(rows, np.arange(4096) % 3 % 2, feature_types=types, enable_categorical=True)
    depth = 14 if kind == "deep" else 2
    booster = xgboost.train({"max_depth": depth, "min_child_weight": 0, "nthread": 1}, data, 1)
    trees = models._trees_of_xgboost(json.loads(bytes(booster.save_raw("json"))))
    if kind == "deep":
        assert trees is not None
        with pytest.raises(TooDeep, match="a leaf lies below 14 splits; tables have room for 10"):
            explain(trees, rows)
    else:
        assert trees is None
    found = models.booster(booster, rows[:5])
    told = booster.predict(xgboost.DMatrix(rows[:5], feature_types=types), pred_contribs=True)
    assert found.values[0] == pytest.approx(told[:, :-1])


def test_only_the_rounds_that_count_are_explained():
    booster = trained()
    found = models.booster(booster, ASKED, rounds=7)
    told = booster.predict(xgboost.DMatrix(ASKED), pred_contribs=True, iteration_range=(0, 7))
    assert found.values[0] == pytest.approx(told[:, :-1], abs=5e-6)


@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeRegressor(max_depth=5, random_state=1).fit(ROWS, TARGET),
        RandomForestRegressor(8, max_depth=6, random_state=1).fit(ROWS, TARGET),
        RandomForestClassifier(8, max_depth=5, random_state=1).fit(ROWS, LABELS),
        GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=1).fit(ROWS, LABELS),
    ],
    ids=lambda model: type(model).__name__,
)
def test_scikit_learns_trees_equal_the_oracle_to_the_last_bits(model: Any):
    found = models.scikit_learn_trees(model, ASKED)
    explainer = oracle.TreeExplainer(model, feature_perturbation="tree_path_dependent")
    told = np.asarray(explainer.shap_values(ASKED))
    told = told[:, :, 1] if told.ndim == 3 else told
    assert found.values[0] == pytest.approx(told, abs=1e-9)
    assert found.expected[0] == pytest.approx(np.ravel(explainer.expected_value)[-1], abs=1e-9)


def test_a_tree_model_of_several_outputs_is_refused():
    model = RandomForestClassifier(2, random_state=1).fit(ROWS, np.arange(400) % 3)
    with pytest.raises(ValueError, match=r"outputs of the shape \(1, 3\); one number is explained"):
        models.scikit_learn_trees(model, ASKED)


def test_a_linear_models_values_equal_the_oracle():
    model = LogisticRegression().fit(ROWS, LABELS)
    found = models.linear(model.coef_[0], model.intercept_[0], ASKED.astype(float), ROWS.astype(float))
    explainer = oracle.LinearExplainer(model, oracle.maskers.Independent(ROWS.astype(float), 1000))
    assert found.values[0] == pytest.approx(explainer.shap_values(ASKED.astype(float)), abs=1e-9)
    assert found.expected[0] == pytest.approx(explainer.expected_value, abs=1e-9)


def probability(rows: Any) -> np.ndarray:
    numbers = np.asarray(rows, dtype=np.float64)
    score = numbers[:, 0] * numbers[:, 1] - numbers[:, 2] ** 2 + np.abs(numbers[:, 3]) * numbers[:, 4]
    return (1 / (1 + np.exp(-score)))[:, None]


@pytest.mark.parametrize("use_logit", [False, True])
def test_all_coalitions_of_few_features_equal_the_oracle(use_logit: bool):
    """The oracle, too, asks all of them when it may ask that many."""
    asked, baseline = ROWS[:6].astype(float), ROWS[100:104].astype(float)
    found = kernel.explain(probability, asked, baseline, use_logit=use_logit)
    explainer = oracle.KernelExplainer(
        lambda rows: probability(rows)[:, 0], baseline, link="logit" if use_logit else "identity"
    )
    told = explainer.shap_values(asked, nsamples=1000, l1_reg=0, silent=True)
    assert found.values[0] == pytest.approx(told, abs=1e-9)
    assert found.expected[0] == pytest.approx(np.ravel(explainer.expected_value)[0], abs=1e-9)


def test_sampled_values_add_up_and_are_near_the_exact_ones():
    """Twelve features have 4094 coalitions, of which 1000 are asked; each size's weight is kept."""
    many = np.random.default_rng(2).normal(size=(8, 12))
    baseline = np.zeros((1, 12))
    exact = kernel.explain(probability, many, baseline, num_samples=5000)
    sampled = kernel.explain(probability, many, baseline, num_samples=1000, seed=3)
    differences = probability(many)[:, 0] - probability(baseline)[0, 0]
    assert sampled.values[0].sum(axis=1) == pytest.approx(differences, abs=1e-12)
    assert sampled.values == pytest.approx(exact.values, abs=0.03)
    assert exact.values[0][:, 5:] == pytest.approx(0, abs=1e-9)  # features that are not looked at
    again = kernel.explain(probability, many, baseline, num_samples=1000, seed=3)
    assert (again.values == sampled.values).all()
    other = kernel.explain(probability, many, baseline, num_samples=1000, seed=4)
    assert (other.values != sampled.values).any()


@pytest.mark.parametrize("features", [2, 3, 12, 15])
@pytest.mark.parametrize("num_samples", [20, 500])
def test_no_more_coalitions_are_asked_than_allowed(features: int, num_samples: int):
    known = kernel.coalitions(features, num_samples, 1)
    assert 0 < len(known.members) <= max(num_samples, 2)
    assert known.weights.sum() == pytest.approx(1)
    inside = known.members.sum(axis=1)
    assert inside.min() >= 1
    assert inside.max() <= features - 1
    assert len({one.tobytes() for one in known.members}) == len(known.members)


def test_one_feature_has_the_whole_difference():
    found = kernel.explain(lambda rows: rows[:, :1] * 2.0, np.array([[3.0]]), np.array([[1.0]]))
    assert (found.values.tolist(), found.expected.tolist()) == ([[[4.0]]], [2.0])
