"""The target: which problem it is, its classes, and how rows are divided to learn and to measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from local_aws.images.autopilot.contract import BINARY, MULTICLASS, REGRESSION
from local_aws.images.autopilot.metrics import Array
from local_aws.images.autopilot.problems import Unusable
from local_aws.images.autopilot.table import Column, numbers, prepared

MINIMUM_ROWS = 500  # of the training channel (documentation of CreateAutoMLJob)
# AutoGluon, on which ENSEMBLING mode is built, takes a number for a class by these (infer_problem_type).
MOST_CLASSES = 1000
LARGE_ROWS = 1000
LARGE_SHARE, SMALL_SHARE = 0.05, 0.1  # of different values among rows, up to which they are classes
FEWEST_OF_A_CLASS = 2  # rows: one to learn from, one to measure on

CROSS_VALIDATED_ROWS = 50_000  # up to which AWS cross-validates
MANY_FOLDS, MANY_FOLDS_ROWS = 5, 10_000
FEW_FOLDS = 3  # beyond: a laptop has two cores
VALIDATION_FRACTION = 0.2  # AWS's default
SEED = 7

Fold = tuple[Array, Array]  # indexes of the rows to learn from, and of those to measure on


@dataclass(frozen=True)
class Data:
    """A table that can be learned from."""

    problem: str
    columns: list[Column]  # of a request, in its order
    classes: list[str]  # as they are answered; empty for regression
    features: Any  # prepared frame
    target: Array  # floats, or indexes into classes
    weights: Array | None
    folds: list[Fold]

    @property
    def measured(self) -> Array:
        """The rows on which candidates are measured, in the order of the folds."""
        return np.concatenate([held for _, held in self.folds])


def infer_problem(values: Any) -> str:
    """The problem type that a target without missing values stands for."""
    distinct = values.nunique()
    if distinct == 2:
        return BINARY
    as_numbers = numbers(values)
    if as_numbers.isna().any():
        return MULTICLASS
    share = LARGE_SHARE if len(values) > LARGE_ROWS else SMALL_SHARE
    whole = bool((as_numbers == as_numbers.round()).all())
    few = distinct <= min(MOST_CLASSES, share * len(values))
    return MULTICLASS if whole and few else REGRESSION


def load(
    training: Any,
    validation: Any | None,
    *,
    target: str,
    columns: Sequence[Column],
    problem: str | None = None,
    weights: str | None = None,
    fraction: float | None = None,
) -> Data:
    """The data of a job. Rows without a target, or with a weight that is none, don't count. Raises Unusable.

    Args:
        validation: rows on which to measure; without them they are taken from the training rows.
        columns: of the features, with their kinds.
        fraction: of the training rows to measure on, instead of cross-validation.
    """
    import pandas

    training = _usable(training, target, weights)
    if len(training) < MINIMUM_ROWS:
        raise Unusable(
            f"The training dataset has {len(training)} rows with a target and a valid weight; a minimum of "
            f"{MINIMUM_ROWS} rows is required."
        )
    problem = problem or infer_problem(training[target])
    classes, training = _classes(training, target, problem)
    frame = training
    if validation is not None:
        validation = _usable(validation, target, weights)
        if problem != REGRESSION:
            validation = validation[labels(validation[target]).isin(classes)]
        if validation.empty:
            raise Unusable("No row of the validation dataset has a target that the training dataset knows.")
        frame = pandas.concat([training, validation], ignore_index=True)
    if all(column.kind == "dropped" for column in columns):
        raise Unusable(
            "There is nothing to learn from: every feature column has one value only, or a different word "
            f"in every row ({', '.join(column.name for column in columns) or 'there is none'})."
        )
    if problem == REGRESSION:
        numeric: Array = numbers(frame[target]).to_numpy()
    else:
        numeric = labels(frame[target]).map({name: at for at, name in enumerate(classes)}).to_numpy()
    return Data(
        problem=problem,
        columns=list(columns),
        classes=classes,
        features=prepared(frame, columns),
        target=numeric,
        weights=numbers(frame[weights]).to_numpy() if weights else None,
        folds=_folds(numeric, len(training), problem, fraction),
    )


def labels(values: Any) -> Any:
    """Classes as texts; whole numbers without a decimal point, however the file was written."""
    as_numbers = numbers(values)
    if as_numbers.notna().all() and (as_numbers == as_numbers.round()).all():
        return as_numbers.astype("int64").astype(str)
    return values.astype(str)


def _usable(frame: Any, target: str, weights: str | None) -> Any:
    for name, what in ((target, "target"), (weights, "sample weight")):
        if name is not None and name not in frame.columns:
            raise Unusable(
                f"The {what} attribute '{name}' is not a column of the dataset; its columns are: "
                f"{', '.join(map(str, frame.columns))}."
            )
    keep = frame[target].notna()
    if weights:
        keep &= numbers(frame[weights]) >= 0  # NaN is not
    return frame[keep].reset_index(drop=True)


def _classes(frame: Any, target: str, problem: str) -> tuple[list[str], Any]:
    """The classes, numbers in their order, and the rows of those that can be learned. Raises Unusable."""
    values = frame[target]
    if values.nunique() < 2:
        raise Unusable(
            f"The target attribute '{target}' has the single value {values.iloc[0]!r} in all rows; "
            "at least two different values are needed."
        )
    if problem == REGRESSION:
        wrong = numbers(values).isna()
        if wrong.any():
            raise Unusable(
                f"The target attribute '{target}' of a regression must be numeric; found "
                f"{values[wrong].iloc[0]!r}."
            )
        return [], frame
    named = labels(values)
    counts = named.value_counts()
    rare = counts[counts < FEWEST_OF_A_CLASS].index
    if problem == BINARY:
        if len(counts) > 2:
            raise Unusable(
                f"The target attribute '{target}' of a binary classification has {len(counts)} different "
                "values; 2 are allowed."
            )
        if len(rare):
            raise Unusable(
                f"The value {rare[0]!r} of the target attribute '{target}' stands in {counts[rare[0]]} row; "
                f"at least {FEWEST_OF_A_CLASS} are needed."
            )
    elif len(rare):
        frame = frame[~named.isin(rare)].reset_index(drop=True)
        counts = counts.drop(rare)
        if len(counts) < 2:
            raise Unusable(
                f"Fewer than two values of the target attribute '{target}' stand in at least "
                f"{FEWEST_OF_A_CLASS} rows."
            )
    names = [str(name) for name in counts.index]
    numeric = all(name.lstrip("-").isdigit() for name in names)
    return sorted(names, key=int if numeric else str), frame


def _folds(target: Array, training_rows: int, problem: str, fraction: float | None) -> list[Fold]:
    from sklearn import model_selection

    rows = np.arange(training_rows)
    if len(target) > training_rows:
        return [(rows, np.arange(training_rows, len(target)))]
    strata = None if problem == REGRESSION else target
    if fraction or training_rows > CROSS_VALIDATED_ROWS:
        learn, held = model_selection.train_test_split(
            rows, test_size=fraction or VALIDATION_FRACTION, stratify=strata, random_state=SEED
        )
        return [(learn, held)]
    count = MANY_FOLDS if training_rows <= MANY_FOLDS_ROWS else FEW_FOLDS
    if strata is None:
        plan: Any = model_selection.KFold(count, shuffle=True, random_state=SEED)
    else:
        count = min(count, int(np.bincount(target).min()))
        plan = model_selection.StratifiedKFold(count, shuffle=True, random_state=SEED)
    return list(plan.split(rows, strata))
