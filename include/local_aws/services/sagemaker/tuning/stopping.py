"""When to stop: a training job that is hopeless, and a tuning job that has done enough.

All functions take objective values as they were logged; ``maximize`` says which way is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

IMPROVEMENT = 0.01  # of the best value so far; a smaller step counts as none
CONVERGED_AFTER = 10  # finished training jobs without improvement, or twice the number of ranges
FEWEST_CURVES = 3  # a median of fewer says little


def better(one: float, other: float, *, maximize: bool) -> bool:
    """Whether the first value is strictly better."""
    return one > other if maximize else one < other


def hopeless(curve: Sequence[float], completed: Sequence[Sequence[float]], *, maximize: bool) -> bool:
    """AWS's early stopping: the last value is worse than the median of the completed jobs' running averages.

    Args:
        curve: the objective after each epoch of a running training job.
        completed: the same of those that have completed; each is averaged up to the same epoch.
    """
    if not curve:
        return False
    averages = [fmean(other[: len(curve)]) for other in completed if other]
    if len(averages) < FEWEST_CURVES:
        return False
    return better(median(averages), curve[-1], maximize=maximize)


def not_improving(objectives: Sequence[float], *, maximize: bool) -> int:
    """How many training jobs have ended since the last one that beat all before it by at least one percent.

    Args:
        objectives: the final values in the order in which the training jobs ended.
    """
    count = 0
    best: float | None = None
    for value in objectives:
        if best is None:
            best = value
            continue
        gain = value - best if maximize else best - value
        count = 0 if gain > 0 and gain >= IMPROVEMENT * abs(best) else count + 1
        best = value if gain > 0 else best
    return count


def converged(objectives: Sequence[float], ranges: int, *, maximize: bool) -> bool:
    """Whether further training jobs are unlikely to find better values.

    AWS does not publish its own criterion; this is as many training jobs without an improvement of one
    percent as a search of so many ranges needs for a fair look around.
    """
    return not_improving(objectives, maximize=maximize) >= max(CONVERGED_AFTER, 2 * ranges)


def reached(objective: float, target: float, *, maximize: bool) -> bool:
    """Whether a value is as good as TargetObjectiveMetricValue."""
    return not better(target, objective, maximize=maximize)
