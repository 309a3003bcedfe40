"""Each rule fires on a planted case, and on a healthy training none does.

Numbers of the planted cases are arithmetic by hand; defaults are those of the developer guide.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from jobs.training.rules import RULES, Finding, NothingSaved, RuleError, find, rule
from jobs.training.tensors import Trial

# SageMaker developer guide, "List of Debugger built-in rules".
DEFAULTS = {
    "ClassImbalance": {
        "threshold_imbalance": 10, "threshold_misprediction": 0.7, "samples": 500, "argmax": False,
        "labels_regex": ".*labels", "predictions_regex": ".*predictions",
    },
    "Confusion": {
        "category_no": None, "labels": "labels", "predictions": "predictions", "labels_collection": "labels",
        "predictions_collection": "predictions", "min_diag": 0.9, "max_off_diag": 0.1,
    },
    "CreateXgboostReport": {},
    "FeatureImportanceOverweight": {
        "threshold": 0.8, "nfeatures": 3, "tensor_regex": ".*feature_importance/weight",
    },
    "LossNotDecreasing": {
        "collection_names": "", "tensor_regex": "", "use_losses_collection": True, "num_steps": 10,
        "diff_percent": 0.1, "increase_threshold_percent": 5, "mode": "GLOBAL",
    },
    "Overfit": {"tensor_regex": "", "start_step": 0, "patience": 1, "ratio_threshold": 0.1},
    "Overtraining": {"patience_train": 5, "patience_validation": 10, "delta": 0.01},
    "TreeDepth": {"depth": 4},
}  # fmt: skip


def training(
    train: Sequence[float] = (),
    validation: Sequence[float] = (),
    *,
    labels: Sequence[int] | None = None,
    predictions: Mapping[int, Sequence[float]] | None = None,
    importance: Sequence[float] = (),
    nodes: Sequence[int] = (),
) -> Trial:
    """What a training has saved: losses by round, and the rest at the rounds where it is given."""
    trial = Trial(collections={"metrics": ["^[a-zA-z]+-[a-zA-z0-9]+$"], "labels": ["^labels$"]})
    for name, values in (("train-logloss", train), ("validation-logloss", validation)):
        for step, value in enumerate(values):
            trial.put(name, step, value)
            trial.put(f"{name.partition('-')[0]}-auc", step, 0.5 + 0.01 * step)  # grows: no loss
    for step, scores in (predictions or {}).items():
        trial.put("labels", step, np.asarray(labels, dtype=np.float32))
        trial.put("predictions", step, np.asarray(scores, dtype=np.float32))
    for number, share in enumerate(importance):
        trial.put(f"feature_importance/weight/f{number}", 0, share)
    if nodes:
        trial.put("trees/Node", 0, np.asarray(nodes))
    return trial


def found(name: str, trial: Trial, **parameters: str) -> Finding:
    finding = find(name).evaluate(trial, parameters)
    assert finding is not None
    return finding


# 600 samples in equal parts, of which the twentieth of each class is mispredicted.
LABELS = [0] * 300 + [1] * 300
SCORES = [0.8] * 15 + [0.2] * 285 + [0.9] * 285 + [0.4] * 15
# Falls by 2 % a round; the validation loss lies 5 % above it.
FALLING = [0.7 * 0.98**step for step in range(40)]
HEALTHY = training(
    train=FALLING,
    validation=[1.05 * value for value in FALLING],
    labels=LABELS,
    predictions={0: SCORES},
    importance=[0.2] * 5,
    nodes=list(range(31)),  # a full tree of four levels
)


def test_the_defaults_are_those_of_the_developer_guide():
    assert {name: dict(one.parameters) for name, one in RULES.items()} == DEFAULTS


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_healthy_training_meets_no_condition(name: str):
    assert find(name).evaluate(HEALTHY, {}) is None


# --- losses -----------------------------------------------------------------------------------------


def test_a_loss_that_stands_still_does_not_decrease():
    finding = found("LossNotDecreasing", training([0.6] * 20))
    assert finding.step == 10
    assert "train-logloss fell by 0 %, from 0.6 at step 0 to 0.6 at step 10" in finding.reason


def test_a_loss_is_compared_every_num_steps_with_one_that_many_steps_back():
    """As the guide tells it: saved every 3 steps, a step is compared with the one that lies 12 behind it."""
    trial = Trial()
    for step in range(0, 36, 3):
        trial.put("train-rmse", step, 1.0 if step < 21 else 0.5)
    given = {"tensor_regex": "train-rmse"}
    assert found("LossNotDecreasing", trial, **given).step == 12
    for step in (12, 15, 18):
        trial.put("train-rmse", step, 0.9)
    assert found("LossNotDecreasing", trial, **given, diff_percent="50").step == 12
    assert find("LossNotDecreasing").evaluate(trial, {**given, "diff_percent": "9"}) is None


@pytest.mark.parametrize(("factor", "met"), [(0.9991, True), (0.9989, False), (1.049, False), (1.051, True)])
def test_a_small_rise_is_tolerated_and_a_smaller_fall_is_not(factor: float, met: bool):
    trial = training([0.5] * 10 + [0.5 * factor])
    assert (find("LossNotDecreasing").evaluate(trial, {}) is not None) is met


def test_a_loss_that_is_no_number_does_not_decrease():
    assert found("LossNotDecreasing", training([0.5, math.nan])) == Finding(1, "train-logloss is nan")


def test_a_loss_of_nothing_need_not_fall():
    assert find("LossNotDecreasing").evaluate(training([0.0] * 20), {}) is None


def test_a_metric_that_grows_as_the_model_improves_is_no_loss():
    trial = Trial()
    trial.put("validation-auc", 0, 0.9)
    with pytest.raises(NothingSaved, match="no loss was saved"):
        find("LossNotDecreasing").evaluate(trial, {"tensor_regex": ".*"})


def test_a_validation_loss_far_above_the_training_loss_is_overfit():
    finding = found("Overfit", training([0.5, 0.4, 0.3], [0.5, 0.43, 0.36]))
    assert finding.step == 2  # (0.36 - 0.3) / 0.3 = 20 %; 7.5 % the step before
    assert "20 % above the training loss (validation-logloss and train-logloss)" in finding.reason


def test_overfit_has_patience_and_a_first_step():
    trial = training([0.5] * 6, [0.6, 0.6, 0.5, 0.6, 0.6, 0.6])
    assert found("Overfit", trial, patience="3").step == 5
    assert found("Overfit", trial, start_step="2").step == 3


def test_a_training_without_validation_has_nothing_to_compare():
    with pytest.raises(NothingSaved, match="only train-logloss"):
        find("Overfit").evaluate(training([0.5]), {})


def test_a_rising_validation_loss_is_overtraining_although_the_training_loss_falls():
    train = [1 - 0.02 * step for step in range(30)]
    validation = [1 - 0.02 * step for step in range(10)] + [0.9] * 20
    finding = found("Overtraining", training(train, validation))
    assert finding.step == 20  # the optimum is step 9; ten steps of patience, and one more
    assert "the validation loss (validation-logloss) has not improved on 0.82" in finding.reason


def test_a_training_loss_that_stands_still_is_overtraining():
    assert found("Overtraining", training([0.5] * 10, [0.5] * 10)).step == 6


def test_improvements_too_small_for_an_optimum_add_up():
    losses = [1 - 0.004 * step for step in range(30)]  # a new optimum, by more than 0.01, every third step
    assert find("Overtraining").evaluate(training(losses, losses), {}) is None
    assert found("Overtraining", training(losses, losses), patience_train="1").step == 2


# --- labels and predictions -------------------------------------------------------------------------


def test_a_rare_class_is_an_imbalance():
    labels = [0] * 560 + [1] * 40
    finding = found("ClassImbalance", training(labels=labels, predictions={0: [0.0] * 600}))
    assert finding.reason == "class 0 has 14 times the samples of class 1; at most 10 times"


def test_a_class_that_is_mostly_mispredicted_is_an_imbalance():
    labels = [0] * 300 + [1] * 300
    scores = [0.1] * 300 + [0.3] * 225 + [0.8] * 75
    finding = found("ClassImbalance", training(labels=labels, predictions={0: scores}))
    assert finding.reason.startswith("75 % of the samples of class 1 are mispredicted")


def test_an_imbalance_waits_for_its_samples():
    """Two labels a step: 500 of them are complete with step 249."""
    trial = training(labels=[0, 1], predictions={step: [0.0, 0.0] for step in range(260)})
    assert found("ClassImbalance", trial).step == 249
    assert found("ClassImbalance", trial, samples="10").step == 4


def test_classes_of_a_vector_of_probabilities():
    trial = training(labels=[0, 1, 2, 2])
    trial.put("labels", 0, [0, 1, 2, 2])
    trial.put("predictions", 0, [[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.5, 0.3, 0.2], [0.4, 0.4, 0.2]])
    finding = found("ClassImbalance", trial, samples="4", argmax="True")
    assert finding.reason.startswith("100 % of the samples of class 2")
    assert found("Confusion", trial).reason == (
        "33.3 % of what is predicted as class 0 is of class 0; at least 90 %"
    )


def test_confused_classes_are_found():
    # Predicted as 1: 20 of class 0 and 80 of class 1, so 80 % and 20 % of the column.
    labels = [0] * 100 + [1] * 100
    scores = [0.9] * 20 + [0.1] * 80 + [0.9] * 80 + [0.1] * 20
    trial = training(labels=labels, predictions={3: scores})
    finding = found("Confusion", trial)
    assert finding == Finding(3, "80 % of what is predicted as class 0 is of class 0; at least 90 %")
    assert find("Confusion").evaluate(trial, {"min_diag": "0.8", "max_off_diag": "0.2"}) is None


def test_more_classes_than_were_announced_are_an_error():
    trial = training(labels=[0, 2], predictions={0: [0, 2]})
    with pytest.raises(RuleError, match="category_no is 2, but there are 3 classes"):
        find("Confusion").evaluate(trial, {"category_no": "2"})


def test_a_regression_has_no_classes():
    trial = training(labels=[0, 1], predictions={0: [0.5, 3.7]})
    with pytest.raises(RuleError, match="are no classes"):
        find("Confusion").evaluate(trial, {})


# --- trees ------------------------------------------------------------------------------------------


def test_few_features_that_carry_the_model_are_overweight():
    finding = found("FeatureImportanceOverweight", training(importance=[0.05, 0.4, 0.3, 0.2, 0.05]))
    assert finding.reason == "f1, f2, f3 carry 90 % of the importance; at most 80 %"


def test_a_tree_deeper_than_allowed():
    # log2(32) = 5 levels; the full tree of four levels ends with node 30.
    assert found("TreeDepth", training(nodes=list(range(33)))).reason.startswith("the tree of round 0 is 5")
    assert found("TreeDepth", training(nodes=[0, 1, 2, 3, 4]), depth="1").step == 0


# --- parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "given", "said"),
    [
        ("Overfit", {"pacience": "1"}, "Overfit has no parameter pacience; it has patience, ratio_threshold"),
        ("Overfit", {"patience": "two"}, "patience is 'two'; expected a whole number from 0"),
        ("Overfit", {"ratio_threshold": "nan"}, "ratio_threshold is 'nan'; expected a number from 0"),
        ("ClassImbalance", {"argmax": "yes"}, "argmax is 'yes'; expected True or False"),
        ("LossNotDecreasing", {"mode": "ALL"}, "mode is 'ALL'; expected one of EVAL, TRAIN"),
        ("VanishingGradient", {}, "rule 'VanishingGradient' is not known here; known are ClassImbalance"),
    ],
)
def test_what_cannot_be_evaluated_says_so(name: str, given: dict[str, str], said: str):
    with pytest.raises(RuleError, match=said):
        find(name).evaluate(HEALTHY, given)


@pytest.mark.parametrize("name", ["ClassImbalance", "Confusion", "FeatureImportanceOverweight", "TreeDepth"])
def test_a_rule_that_finds_nothing_to_look_at_says_what_it_needs(name: str):
    with pytest.raises(NothingSaved):
        find(name).evaluate(training([0.5]), {})


def test_a_rule_is_registered_once_and_described():
    def overfit() -> None:
        """Taken."""

    def undescribed() -> None: ...

    with pytest.raises(ValueError, match="Overfit is registered twice"):
        rule(overfit)
    with pytest.raises(ValueError, match="Undescribed has no docstring"):
        rule(undescribed)
