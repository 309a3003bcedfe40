"""Exact SHAP values of trained models: which way is open to which model.

    XGBoost    gbtree      tables, or XGBoost's own where a tree is too deep for them or splits by category
               gblinear    XGBoost's own, which is quick
    scikit-learn           trees, forests and gradient boosting of one output: tables
                           linear models: a coefficient times the distance from the baseline's mean

Values are in the model's own unit before its last step: log-odds for a classifier by boosting, the share of
the class for a forest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jobs.explain.trees import Explained, Matrix, Numbers, TooDeep, Tree, explain


def booster(model: Any, rows: Matrix, rounds: int | None = None) -> Explained:
    """Of an `xgboost.Booster`.

    :param rows: rows x features, NaN where there is no value
    :param rounds: how many rounds of boosting count; None: all of them
    """
    import xgboost  # only AWS's XGBoost image has it

    def own(some: Matrix) -> Explained:
        data, trees = xgboost.DMatrix(some), (0, rounds or 0)
        told = np.asarray(model.predict(data, pred_contribs=True, iteration_range=trees), dtype=np.float64)
        told = told.reshape(len(some), -1, some.shape[1] + 1).transpose(1, 0, 2)
        return Explained(told[:, :, :-1], told[:, 0, -1])

    trees = _trees_of_xgboost(json.loads(bytes(model.save_raw("json"))), rounds)
    if trees is None:
        return own(rows)
    # The base score is in the model in many forms; the library's own answer for one row has it.
    expected = own(rows[:1]).expected
    try:
        return Explained(explain(trees, rows, outputs=len(expected)).values, expected)
    except TooDeep:
        return own(rows)


def _trees_of_xgboost(document: Mapping[str, Any], rounds: int | None = None) -> list[Tree] | None:
    """The trees of a model in JSON; None where they are not of the kind that tables are for."""
    boosting = document["learner"]["gradient_booster"]
    if boosting["name"] != "gbtree":
        return None
    model = boosting["model"]
    trees: list[Tree] = []
    for tree, output in zip(model["trees"], model["tree_info"], strict=True):
        if rounds is not None and len(trees) == model["iteration_indptr"][rounds]:
            break
        by_category = any(tree["split_type"])
        several_outputs = int(tree["tree_param"].get("size_leaf_vector", 1)) > 1
        if by_category or several_outputs:
            return None
        numbers = np.array(tree["split_conditions"], dtype=np.float32)  # a leaf's value, too
        trees.append(
            Tree(
                left=np.array(tree["left_children"]),
                right=np.array(tree["right_children"]),
                feature=np.array(tree["split_indices"]),
                threshold=numbers,
                absent_left=np.array(tree["default_left"], dtype=np.bool_),
                cover=np.array(tree["sum_hessian"], dtype=np.float64),
                value=numbers.astype(np.float64),
                output=int(output),
            )
        )
    return trees


def scikit_learn_trees(model: Any, rows: Matrix) -> Explained:
    """Of a decision tree, a forest, or gradient boosting (`GradientBoosting...`) with one output.

    Of a classifier by trees or forests: the share of its second class.

    :raises ValueError: the model has several outputs
    """
    boosted = hasattr(model, "learning_rate")
    singles = list(np.ravel(model.estimators_)) if hasattr(model, "estimators_") else [model]
    weight = model.learning_rate if boosted else 1 / len(singles)
    if boosted and np.asarray(model.estimators_).shape[1] > 1:
        raise ValueError(f"the model has {len(model.classes_)} classes; two are explained, or a number")
    trees = [_tree_of_scikit_learn(one.tree_, weight) for one in singles]
    found = explain(trees, rows)
    base = float(model._raw_predict_init(rows[:1])[0, 0]) if boosted else 0.0
    return Explained(found.values, found.expected + base)


def _tree_of_scikit_learn(tree: Any, weight: float) -> Tree:
    value = np.asarray(tree.value)
    if value.shape[1] > 1 or value.shape[2] > 2:
        raise ValueError(f"the model has outputs of the shape {value.shape[1:]}; one number is explained")
    # A row goes left at or below the threshold, so below the next number of 32 bits.
    threshold = tree.threshold.astype(np.float32)
    threshold = np.where(threshold > tree.threshold, threshold, np.nextafter(threshold, np.float32(np.inf)))
    return Tree(
        left=tree.children_left,
        right=tree.children_right,
        feature=np.maximum(tree.feature, 0),  # a leaf has -2
        threshold=threshold,
        absent_left=np.asarray(tree.missing_go_to_left, dtype=np.bool_),
        cover=tree.weighted_n_node_samples,
        value=value[:, 0, -1] / value[:, 0, :].sum(axis=1) * weight
        if value.shape[2] == 2
        else value[:, 0, 0] * weight,
    )


def linear(coefficients: Sequence[float], intercept: float, rows: Numbers, baseline: Numbers) -> Explained:
    """Of a linear model, against the mean of the baseline's rows; features count as independent.

    :param baseline: rows x features
    """
    mean = baseline.mean(axis=0)
    weights = np.asarray(coefficients, dtype=np.float64)
    return Explained(((rows - mean) * weights)[None], np.array([mean @ weights + intercept]))
