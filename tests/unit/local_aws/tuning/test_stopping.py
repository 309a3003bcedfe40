"""When a training job is hopeless and when a tuning job has done enough.

Early stopping: SageMaker developer guide, "Stop Training Jobs Early". One percent: API reference,
"BestObjectiveNotImproving". The expected answers follow by hand.
"""

from __future__ import annotations

import pytest

from local_aws.services.sagemaker.tuning.stopping import converged, hopeless, not_improving, reached

# Running averages up to the second epoch: 0.6, 0.7, 0.8; their median is 0.7.
COMPLETED = [[0.5, 0.7, 0.9], [0.6, 0.8], [0.7, 0.9, 1.0]]


@pytest.mark.parametrize(
    ("curve", "maximize", "expected"),
    [
        ([0.9, 0.69], True, True),
        ([0.1, 0.71], True, False),
        ([0.1, 0.7], True, False),
        ([0.9, 0.69], False, False),
        ([0.1, 0.71], False, True),
        ([], True, False),
        ([0.59], True, True),  # the median of 0.5, 0.6, 0.7 is 0.6
        ([0.61], True, False),
    ],
)
def test_hopeless_is_worse_than_the_median_of_running_averages(
    curve: list[float], maximize: bool, expected: bool
) -> None:
    assert hopeless(curve, COMPLETED, maximize=maximize) is expected


def test_two_completed_jobs_are_too_few_to_judge_by() -> None:
    assert not hopeless([0.0], [*COMPLETED[:2], []], maximize=True)


@pytest.mark.parametrize(
    ("objectives", "maximize", "expected"),
    [
        ([], True, 0),
        ([0.8], True, 0),
        ([0.8, 0.807, 0.808], True, 2),  # less than 1 % of 0.8, of 0.807
        ([0.8, 0.7, 0.809], True, 0),
        ([0.5, 0.6, 0.5, 0.4], True, 2),
        ([0.5, 0.4, 0.5, 0.6], False, 2),
        ([-1.0, -0.995, -0.98], True, 0),
        ([0.0, 0.0, 0.1], True, 0),
    ],
)
def test_jobs_since_the_last_improvement_of_one_percent(
    objectives: list[float], maximize: bool, expected: int
) -> None:
    assert not_improving(objectives, maximize=maximize) == expected


def test_convergence_needs_more_jobs_the_more_ranges_there_are() -> None:
    flat = [0.9] * 11
    assert converged(flat, 5, maximize=True)
    assert not converged(flat, 6, maximize=True)
    assert not converged(flat[:10], 1, maximize=True)


def test_a_target_is_reached_when_it_is_met_exactly() -> None:
    assert reached(0.9, 0.9, maximize=True)
    assert not reached(0.89, 0.9, maximize=True)
    assert reached(0.1, 0.2, maximize=False)
