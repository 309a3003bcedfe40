"""What a tuning job can be asked: which hyperparameters, over which ranges, within which limits.

Source: HyperParameterTuningJobConfig and ResourceLimits in the SageMaker API reference, and "How
hyperparameter tuning works" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Iterator

from aws_ml import hyperparameters
from aws_ml.hyperparameters import FIXED, METRICS, XGBOOST, Number
from aws_ml.problems import KeyPath, Problem, found, one_of
from aws_ml.schema import TunedRange, Workflow

MOST_RANGES = 30


def tuned(workflow: Workflow) -> dict[str, TunedRange]:
    """The hyperparameters that are tuned, and over what."""
    return {name: each for name, each in workflow.tuning.ranges.items() if each is not None}


def check_tuning(workflow: Workflow) -> Iterator[Problem]:
    """Ranges are of XGBoost's hyperparameters and within what it accepts; limits fit the strategy."""
    asked, ranges = workflow.tuning, tuned(workflow)
    if asked.objective not in METRICS:
        yield Problem(("tuning", "objective"), found(asked.objective, one_of(METRICS, asked.objective)))
    if not 1 <= len(ranges) <= MOST_RANGES:
        yield Problem(("tuning", "ranges"), found(len(ranges), f"1 to {MOST_RANGES} ranges"))
    for name, each in ranges.items():
        yield from check_range(("tuning", "ranges", name), name, each)
    yield from check_strategy(workflow, ranges)
    jobs = asked.max_jobs
    if jobs is not None and asked.parallel > jobs:
        yield Problem(("tuning", "parallel"), found(asked.parallel, f"at most max_jobs, {jobs}"))


def check_range(path: KeyPath, name: str, each: TunedRange) -> Iterator[Problem]:
    """One range: of a hyperparameter that there is, in numbers or values that it accepts."""
    accepted = XGBOOST.get(name)
    known = [one for one in XGBOOST if one not in FIXED]
    if accepted is None or name in FIXED:
        yield Problem(path, f"unknown key; allowed: {one_of(known, name)}")
        return
    ends = {"minimum": each.minimum, "maximum": each.maximum}
    given = [key for key, value in ends.items() if value is not None]
    if (each.values is not None) == bool(given) or len(given) == 1:
        yield Problem(path, "found neither or parts of both; allowed: minimum and maximum, or values")
        return
    if each.values is not None:
        for index, value in enumerate(each.values):
            if not accepted.accepts(value):
                yield Problem((*path, "values", index), found(value, str(accepted)))
            elif value in each.values[:index]:
                yield Problem((*path, "values", index), found(value, "each value once"))
        return
    if not isinstance(accepted, Number):
        yield Problem(path, f"found a range of numbers; allowed: values, each {accepted}")
        return
    wrong = [key for key, value in ends.items() if value is not None and not accepted.accepts(value)]
    for key in wrong:
        yield Problem((*path, key), found(ends[key], str(accepted)))
    if not wrong:
        yield from check_scale(path, each, whole=accepted.whole)


def check_scale(path: KeyPath, each: TunedRange, *, whole: bool) -> Iterator[Problem]:
    """The ends are in order, and the scale fits them."""
    low, high = each.minimum, each.maximum
    if low is None or high is None:
        return
    if low >= high:
        yield Problem((*path, "minimum"), found(low, f"less than maximum, {high}"))
    if each.scale == "Logarithmic" and low <= 0:
        yield Problem((*path, "scale"), found(each.scale, "Linear or Auto, as minimum is not above 0"))
    if each.scale == "ReverseLogarithmic" and (whole or low < 0 or high >= 1):
        reason = "another, as this one is for numbers that are not whole, from 0 to below 1"
        yield Problem((*path, "scale"), found(each.scale, reason))


def check_strategy(workflow: Workflow, ranges: dict[str, TunedRange]) -> Iterator[Problem]:
    """Limits, ranges and early stopping are those that the strategy knows."""
    asked = workflow.tuning
    if asked.strategy == "Grid":
        for name, each in ranges.items():
            if each.values is None:
                yield Problem(
                    ("tuning", "ranges", name), "found numbers; allowed: values, as Grid tries each"
                )
        if asked.max_jobs is not None:
            yield Problem(
                ("tuning", "max_jobs"),
                found(asked.max_jobs, "null, as Grid tries every combination of values once"),
            )
    elif asked.max_jobs is None and asked.max_runtime_seconds is None:
        yield Problem(("tuning", "max_jobs"), found(None, "a number, or a number of max_runtime_seconds"))
    if asked.strategy == "Hyperband":
        if asked.early_stopping:
            yield Problem(("tuning", "early_stopping"), found(True, "false, as Hyperband stops jobs itself"))
        most = resources(workflow)
        if most is None:
            yield Problem(("tuning", "hyperband", "maximum"), found(None, "a number, as num_round is tuned"))
        elif most < asked.hyperband.minimum:
            yield Problem(
                ("tuning", "hyperband", "minimum"), found(asked.hyperband.minimum, f"at most {most} rounds")
            )


def resources(workflow: Workflow) -> int | None:
    """The most rounds that Hyperband gives a training job; None where no one number says it."""
    asked = workflow.tuning
    if asked.hyperband.maximum is not None:
        return asked.hyperband.maximum
    rounds = workflow.training.hyperparameters.get("num_round")
    fixed = "num_round" not in tuned(workflow) and XGBOOST["num_round"].accepts(rounds or 0)
    return rounds if fixed and isinstance(rounds, int) else None


def maximizes(objective: str) -> bool:
    """Whether more of a metric is better."""
    return objective not in hyperparameters.LOWER_IS_BETTER
