"""The built-in rules of SageMaker Debugger that XGBoost trainings are watched by, one function a rule.

A rule looks at all that a training has saved so far and answers the first step at which its condition is
met. It knows neither files nor AWS: the same functions run beside a training (jobs.training.debugger) and
after it (jobs.training.check_rules).

Names of rules and parameters, their defaults and what they mean: SageMaker developer guide, "List of Debugger
built-in rules". AWS's own code is closed; where the guide leaves a choice, the function says what was chosen.
A "step" of a patience is a saved step: with save_interval 10, a patience of 2 is 20 rounds.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from jobs.training.tensors import LABELS, LOSSES, METRICS, PREDICTIONS, Trial

# Metrics of XGBoost and its image that grow as a model improves: no losses.
MAXIMIZED = {
    "accuracy", "auc", "aucpr", "balanced_accuracy", "f1", "f1_binary", "f1_macro", "map", "ndcg", "pre",
    "precision", "precision_macro", "precision_micro", "r2", "recall", "recall_macro", "recall_micro",
}  # fmt: skip
PAIR = re.compile(r"(train|validation)-(.+)")
MODES = ("EVAL", "TRAIN", "PREDICT", "GLOBAL")  # XGBoost's hook saves everything under GLOBAL


class RuleError(ValueError):
    """A rule that cannot be evaluated: an unknown one, a wrong parameter, or nothing saved to look at."""


class NothingSaved(RuleError):
    """The tensors that a rule looks at are not there; while a training runs, they may still come."""


@dataclass(frozen=True)
class Finding:
    """A rule's condition is met."""

    step: int
    reason: str  # for people, with the numbers


Function = Callable[..., "Finding | None"]


@dataclass(frozen=True)
class Rule:
    """One rule and what may be said to it."""

    name: str
    function: Function
    parameters: Mapping[str, Any]  # name -> default; None: no default

    def evaluate(self, trial: Trial, given: Mapping[str, str]) -> Finding | None:
        """The first step at which the condition is met; None while it is not. Raises RuleError."""
        return self.function(trial, **self.read(given))

    def read(self, given: Mapping[str, str]) -> dict[str, Any]:
        """Parameters from their strings, with the defaults for the others. Raises RuleError."""
        unknown = sorted(set(given) - set(self.parameters))
        if unknown:
            known = ", ".join(sorted(self.parameters)) or "none"
            raise RuleError(f"{self.name} has no parameter {', '.join(unknown)}; it has {known}")
        return {**self.parameters, **{name: self._value(name, text) for name, text in given.items()}}

    def _value(self, name: str, text: str) -> Any:
        default = self.parameters[name]
        kind = int if default is None and name == "category_no" else type(default)
        try:
            if kind is bool:
                return {"true": True, "false": False}[text.strip().lower()]
            if kind in (int, float):
                number = kind(text)
                if not math.isfinite(number) or number < 0:
                    raise ValueError(text)
                return number
        except (KeyError, ValueError):
            expected = {bool: "True or False", int: "a whole number from 0", float: "a number from 0"}[kind]
            raise RuleError(f"{self.name}: {name} is {text!r}; expected {expected}") from None
        if name == "mode" and text not in MODES:
            raise RuleError(f"{self.name}: mode is {text!r}; expected one of {', '.join(MODES)}")
        return text


RULES: dict[str, Rule] = {}


def rule(function: Function) -> Function:
    """Decorator: register a rule under its function's name in AWS's spelling; its keywords are parameters."""
    name = "".join(part.capitalize() for part in function.__name__.split("_"))
    if name in RULES:
        raise ValueError(f"rule {name} is registered twice")
    if not function.__doc__:
        raise ValueError(f"rule {name} has no docstring")
    signature = list(inspect.signature(function).parameters.values())[1:]
    RULES[name] = Rule(name, function, {parameter.name: parameter.default for parameter in signature})
    return function


def find(name: str) -> Rule:
    """A rule by AWS's name. Raises RuleError."""
    if name not in RULES:
        raise RuleError(f"rule {name!r} is not known here; known are {', '.join(sorted(RULES))}")
    return RULES[name]


# --- losses -----------------------------------------------------------------------------------------


@rule
def loss_not_decreasing(
    trial: Trial,
    *,
    collection_names: str = "",
    tensor_regex: str = "",
    use_losses_collection: bool = True,
    num_steps: int = 10,
    diff_percent: float = 0.1,
    increase_threshold_percent: float = 5.0,
    mode: str = "GLOBAL",
) -> Finding | None:
    """A loss does not fall fast enough.

    Every `num_steps` steps it is compared with the loss that lies at least that far back. The condition is
    met when it has fallen by less than `diff_percent`, when it has risen by more than
    `increase_threshold_percent`, or when it is no number. Between the two lies the rise that is tolerated.
    """
    if mode != "GLOBAL":
        raise NothingSaved(
            f"LossNotDecreasing: nothing is saved under the mode {mode}; XGBoost's hook has one"
        )
    names = _losses(trial, collection_names, tensor_regex, use_losses_collection)
    findings = [
        _not_decreasing(name, trial.scalars(name), num_steps, diff_percent, increase_threshold_percent)
        for name in names
    ]
    return _first(findings)


def _not_decreasing(
    name: str, values: Mapping[int, float], num_steps: int, diff: float, increase: float
) -> Finding | None:
    steps = list(values)
    checked = -1  # the last step at which the loss was judged
    for at, step in enumerate(steps):
        if not math.isfinite(values[step]):
            return Finding(step, f"{name} is {values[step]}")
        earlier = [one for one in steps[:at] if one <= step - num_steps]
        if not earlier or (checked >= 0 and step - checked < num_steps):
            continue
        checked = step
        before, now = values[earlier[-1]], values[step]
        if before == 0 and now == 0:
            continue  # it cannot fall any further
        fall = 100 * (before - now) / abs(before) if before else -math.inf
        if 0 <= fall < diff or fall < -increase:
            change = f"fell by {fall:.3g} %" if fall >= 0 else f"rose by {-fall:.3g} %"
            return Finding(
                step,
                f"{name} {change}, from {before:.6g} at step {earlier[-1]} to {now:.6g} at step {step}; "
                f"it must fall by {diff:g} % and may rise by {increase:g} %",
            )
    return None


@rule
def overfit(
    trial: Trial,
    *,
    tensor_regex: str = "",
    start_step: int = 0,
    patience: int = 1,
    ratio_threshold: float = 0.1,
) -> Finding | None:
    """The validation loss lies too far above the training loss.

    The mean of the validation losses minus that of the training losses, over the latter, exceeds
    `ratio_threshold` for `patience` saved steps, one after the other, from `start_step` on.
    """
    train, validation = _pairs(trial, tensor_regex)
    above = 0
    for step in trial.steps(*train, *validation):
        if step < start_step:
            continue
        learned = _mean(trial, train, step)
        ratio = (_mean(trial, validation, step) - learned) / abs(learned) if learned else math.nan
        above = above + 1 if ratio > ratio_threshold else 0
        if above >= max(1, patience):
            return Finding(
                step,
                f"the validation loss lies {100 * ratio:.3g} % above the training loss "
                f"({', '.join(validation)} and {', '.join(train)}); at most {100 * ratio_threshold:g} %",
            )
    return None


@rule
def overtraining(
    trial: Trial, *, patience_train: int = 5, patience_validation: int = 10, delta: float = 0.01
) -> Finding | None:
    """Training goes on although it no longer helps.

    The training loss has had no new optimum for more than `patience_train` saved steps, or the validation
    loss for more than `patience_validation`; a new optimum is lower than the last by more than `delta`. The
    guide names the two patiences and not how they join: either is enough here, since a model whose
    validation loss rises while its training loss still falls is the one that is overtrained.
    """
    train, validation = _pairs(trial, "")
    findings = []
    for what, names, patience in (
        ("training", train, patience_train),
        ("validation", validation, patience_validation),
    ):
        best, waited = math.inf, 0
        for step in trial.steps(*names):
            value = _mean(trial, names, step)
            if value < best - delta:
                best, waited = value, 0
                continue
            waited += 1
            if waited > patience:
                findings.append(
                    Finding(
                        step,
                        f"the {what} loss ({', '.join(names)}) has not improved on {best:.6g} by more than "
                        f"{delta:g} for {waited} saved steps; at most {patience}",
                    )
                )
                break
    return _first(findings)


# --- labels and predictions -------------------------------------------------------------------------


@rule
def class_imbalance(
    trial: Trial,
    *,
    threshold_imbalance: float = 10.0,
    threshold_misprediction: float = 0.7,
    samples: int = 500,
    argmax: bool = False,
    labels_regex: str = ".*labels",
    predictions_regex: str = ".*predictions",
) -> Finding | None:
    """A class is rare, or most of its samples are mispredicted.

    Once `samples` labels were seen: the largest class has more than `threshold_imbalance` times the samples
    of the smallest; or of a class more than the share `threshold_misprediction` is mispredicted at a step.
    Without `argmax`, predictions between 0 and 1 are the probability of class 1.
    """
    labels = _one_tensor(trial.matching(labels_regex), labels_regex)
    predictions = _one_tensor(trial.matching(predictions_regex), predictions_regex)
    counts: dict[int, int] = {}
    for step in trial.steps(labels, predictions):
        truth, answers = _classes_at(trial, step, labels, predictions, argmax)
        for one, count in zip(*np.unique(truth, return_counts=True), strict=True):
            counts[int(one)] = counts.get(int(one), 0) + int(count)
        if sum(counts.values()) < samples:
            continue
        least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
        ratio = counts[most] / counts[least]
        if ratio > threshold_imbalance:
            return Finding(
                step,
                f"class {most} has {ratio:.3g} times the samples of class {least}; at most "
                f"{threshold_imbalance:g} times",
            )
        for one in sorted(counts):
            its = truth == one
            share = float(np.mean(answers[its] != one)) if its.any() else 0.0
            if share > threshold_misprediction:
                return Finding(
                    step,
                    f"{100 * share:.3g} % of the samples of class {one} are mispredicted; at most "
                    f"{100 * threshold_misprediction:g} %",
                )
    return None


@rule
def confusion(
    trial: Trial,
    *,
    category_no: int | None = None,
    labels: str = LABELS,
    predictions: str = PREDICTIONS,
    labels_collection: str = LABELS,
    predictions_collection: str = PREDICTIONS,
    min_diag: float = 0.9,
    max_off_diag: float = 0.1,
) -> Finding | None:
    """Classes are confused with each other.

    Of what is predicted as class i, a smaller share than `min_diag` is of class i, or a larger one than
    `max_off_diag` is of another class. The guide divides the diagonal by its own sum; of two classes one
    would then always be below the default, so it is divided by its column, as the rest of the matrix is.
    `category_no` not given: as many classes as are seen.
    """
    truth_name = _one_tensor(trial.collection(labels_collection) or trial.matching(labels), labels)
    answer_name = _one_tensor(
        trial.collection(predictions_collection) or trial.matching(predictions), predictions
    )
    for step in trial.steps(truth_name, answer_name):
        truth, answers = _classes_at(trial, step, truth_name, answer_name, argmax=False)
        matrix = confusion_matrix(truth, answers, category_no)
        shares = matrix / np.maximum(matrix.sum(axis=0), 1)
        for predicted in range(len(matrix)):
            if not matrix[:, predicted].any():
                continue  # nothing is predicted as this class
            for actual in range(len(matrix)):
                share = shares[actual, predicted]
                if predicted == actual and share < min_diag:
                    bound = f"at least {100 * min_diag:g} %"
                elif predicted != actual and share > max_off_diag:
                    bound = f"at most {100 * max_off_diag:g} %"
                else:
                    continue
                return Finding(
                    step,
                    f"{100 * share:.3g} % of what is predicted as class {predicted} is of class {actual}; "
                    f"{bound}",
                )
    return None


def confusion_matrix(
    truth: npt.NDArray[np.int64], answers: npt.NDArray[np.int64], classes: int | None = None
) -> npt.NDArray[np.int64]:
    """How many samples of each class (row) were predicted as each class (column). Raises RuleError."""
    seen = int(max(truth.max(initial=1), answers.max(initial=1))) + 1
    if classes is not None and (seen > classes or classes < 2):
        raise RuleError(f"Confusion: category_no is {classes}, but there are {seen} classes")
    matrix = np.zeros((classes or seen, classes or seen), dtype=np.int64)
    np.add.at(matrix, (truth, answers), 1)
    return matrix


def classes(values: npt.NDArray[Any], argmax: bool = False) -> npt.NDArray[np.int64]:
    """Classes from what was predicted: a row of probabilities a sample, probabilities of class 1, or classes.

    :raises RuleError: neither; a regression has no classes.
    """
    if argmax or (values.ndim == 2 and values.shape[1] > 1):
        return np.asarray(values.argmax(axis=-1), dtype=np.int64)
    flat = values.reshape(-1)
    if ((flat >= 0) & (flat <= 1)).all():
        return (flat > 0.5).astype(np.int64)
    whole = flat.astype(np.int64)
    if (whole != flat).any() or (whole < 0).any():
        raise RuleError(
            "labels or predictions are no classes: neither whole numbers from 0 nor probabilities"
        )
    return whole


# --- trees ------------------------------------------------------------------------------------------


@rule
def feature_importance_overweight(
    trial: Trial,
    *,
    threshold: float = 0.8,
    nfeatures: int = 3,
    tensor_regex: str = ".*feature_importance/weight",
) -> Finding | None:
    """Few features carry the model: the `nfeatures` largest importances sum up to more than `threshold`."""
    names = trial.matching(tensor_regex)
    if not names:
        raise NothingSaved(f"FeatureImportanceOverweight: no tensor matches {tensor_regex!r}")
    by_step: dict[int, dict[str, float]] = {}
    for name in names:
        for step, value in trial.scalars(name).items():
            by_step.setdefault(step, {})[name.rpartition("/")[2]] = value
    for step in sorted(by_step):
        largest = sorted(by_step[step].items(), key=lambda item: -item[1])[:nfeatures]
        total = sum(value for _, value in largest)
        if total > threshold:
            return Finding(
                step,
                f"{', '.join(name for name, _ in largest)} carry {100 * total:.3g} % of the importance; at "
                f"most {100 * threshold:g} %",
            )
    return None


@rule
def tree_depth(trial: Trial, *, depth: float = 4.0) -> Finding | None:
    """A tree is deeper than `depth`: the base 2 logarithm of its largest node ID, as whole levels."""
    nodes = "trees/Node"
    if nodes not in trial.tensors:
        raise NothingSaved("TreeDepth: the collection trees was not saved")
    for step in trial.steps(nodes):
        largest = int(trial.tensors[nodes][step].max(initial=0))
        levels = int(math.log2(largest)) if largest else 0
        if levels > depth:
            return Finding(step, f"the tree of round {step} is {levels} levels deep; at most {depth:g}")
    return None


@rule
def create_xgboost_report(trial: Trial) -> Finding | None:  # noqa: ARG001 - a rule gets what was saved
    """Never met: jobs.training.report writes the report when the training has ended."""
    return None


# --- tensors ----------------------------------------------------------------------------------------


def _first(findings: Iterable[Finding | None]) -> Finding | None:
    """The earliest."""
    return min((one for one in findings if one), key=lambda one: one.step, default=None)


def is_loss(name: str) -> bool:
    """Whether less is better: train-logloss is a loss, validation-auc and validation-ndcg@5 are none."""
    return name.rpartition("-")[2].partition("@")[0] not in MAXIMIZED


def _losses(trial: Trial, collection_names: str, tensor_regex: str, use_losses_collection: bool) -> list[str]:
    """What was asked for, that are scalars and losses. What grows as a model improves never is one.

    Raises NothingSaved.
    """
    collections = [part.strip() for part in collection_names.split(",") if part.strip()]
    patterns = [part.strip() for part in tensor_regex.split(",") if part.strip()]
    names = {name for collection in collections for name in trial.collection(collection)}
    names |= set(trial.matching(*patterns))
    if use_losses_collection:
        names |= set(trial.collection(LOSSES))
    if not (collections or patterns or names):
        names = set(trial.collection(METRICS))
    found = sorted(name for name in names if trial.scalars(name) and is_loss(name))
    if not found:
        raise NothingSaved(
            "no loss was saved: metrics such as logloss, error and rmse are losses, auc is none"
        )
    return found


def _pairs(trial: Trial, tensor_regex: str) -> tuple[list[str], list[str]]:
    """The training and the validation tensors of the same losses. Raises NothingSaved."""
    names = _losses(trial, "" if tensor_regex else METRICS, tensor_regex, not tensor_regex)
    found = {match.group(1, 2) for name in names if (match := PAIR.fullmatch(name))}
    both = sorted(
        metric for channel, metric in found if channel == "train" and ("validation", metric) in found
    )
    if not both:
        raise NothingSaved(
            f"no loss of both the train and the validation channel was saved, only {', '.join(names)}"
        )
    return [f"train-{metric}" for metric in both], [f"validation-{metric}" for metric in both]


def _mean(trial: Trial, names: list[str], step: int) -> float:
    return sum(float(trial.tensors[name][step][0]) for name in names) / len(names)


def _one_tensor(names: list[str], asked: str) -> str:
    """The one tensor that a pattern means. Raises RuleError, NothingSaved."""
    if not names:
        raise NothingSaved(
            f"no tensor {asked!r} was saved; a validation channel and its collection are needed"
        )
    if len(names) > 1:
        raise RuleError(f"{asked!r} means more than one tensor: {', '.join(names)}")
    return names[0]


def _classes_at(
    trial: Trial, step: int, labels: str, predictions: str, argmax: bool
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    truth = classes(trial.tensors[labels][step])
    answers = classes(trial.tensors[predictions][step], argmax)
    if len(truth) != len(answers):
        raise RuleError(f"step {step} has {len(truth)} labels and {len(answers)} predictions")
    return truth, answers
