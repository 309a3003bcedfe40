"""Proposals and observations, without a job."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import fmean
from typing import Any

import pytest

from local_aws.services.sagemaker.tuning.search import Search
from local_aws.services.sagemaker.tuning.space import Space
from tests.support.published_functions import BRANIN, HARTMANN, Published

MIXED = Space.of(
    {
        "IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "9"}],
        "ContinuousParameterRanges": [
            {"Name": "eta", "MinValue": "0.001", "MaxValue": "1", "ScalingType": "Logarithmic"},
            {"Name": "beta", "MinValue": "0.9", "MaxValue": "0.999", "ScalingType": "ReverseLogarithmic"},
        ],
        "CategoricalParameterRanges": [{"Name": "booster", "Values": ["gbtree", "dart"]}],
    }
)


@pytest.mark.parametrize("published", [HARTMANN, BRANIN], ids=lambda one: one.name)
def test_the_published_functions_have_their_published_minima(published: Published) -> None:
    assert published.value(published.least_at) == pytest.approx(published.least, abs=1e-5)


def test_bayesian_beats_random_on_a_fixed_budget() -> None:
    """Over ten seeds, 40 jobs each: on average it comes at least twice as close to the minimum."""
    distance = {
        strategy: [HARTMANN.distance(strategy, seed, jobs=40) for seed in range(10)]
        for strategy in ("Bayesian", "Random")
    }
    assert fmean(distance["Bayesian"]) < fmean(distance["Random"]) / 2
    wins = sum(b < r for b, r in zip(distance["Bayesian"], distance["Random"], strict=True))
    assert wins >= 8


@pytest.mark.parametrize("strategy", ["Random", "Bayesian", "Hyperband"])
def test_proposals_lie_in_their_ranges_and_are_written_as_their_types(strategy: str) -> None:
    search = Search(MIXED, strategy, maximize=True, seed=5, resources=(1, 9))
    for number in range(15):
        values = search.propose(number)
        assert 1 <= int(values["depth"]) <= 9
        assert 0.001 <= float(values["eta"]) <= 1
        assert 0.9 <= float(values["beta"]) <= 0.999
        assert values["booster"] in ("gbtree", "dart")
        search.observe(number, 1.0 / (number + 1) if number % 3 else None)


def test_a_logarithmic_scale_is_even_in_the_logarithm() -> None:
    """A third of the draws lies in each decade; 300 of them miss that by less than four standard errors."""
    search = Search(MIXED, "Random", maximize=True, seed=1)
    draws = [search.propose(number) for number in range(300)]
    assert sum(float(one["eta"]) < 0.01 for one in draws) == pytest.approx(100, abs=33)
    assert sum(float(one["beta"]) > 0.99 for one in draws) == pytest.approx(150, abs=35)


def played(search: Search, numbers: range) -> list[dict[str, str]]:
    """Propose and observe, the objective being the learning rate."""
    proposed = []
    for number in numbers:
        proposed.append(search.propose(number))
        search.observe(number, float(proposed[-1]["eta"]))
    return proposed


def written(proposals: list[dict[str, str]]) -> list[dict[str, str]]:
    """Without the last digit of beta, which is lost between 1 - x and x."""
    return [{**one, "beta": f"{float(one['beta']):.12f}"} for one in proposals]


@pytest.mark.parametrize("strategy", ["Random", "Bayesian"])
def test_a_search_built_again_goes_on_as_the_first_would_have(strategy: str) -> None:
    """What the stand-in does after a restart: seed and observations are all there is to a search."""
    whole = played(Search(MIXED, strategy, maximize=True, seed=3), range(14))
    again = Search(MIXED, strategy, maximize=True, seed=3)
    for number, values in enumerate(whole[:12]):
        again.resume(number, values)
        again.observe(number, float(values["eta"]))
    assert written(played(again, range(12, 14))) == written(whole[12:])
    assert played(Search(MIXED, strategy, maximize=True, seed=4), range(14)) != whole


def test_values_are_not_tried_twice_as_long_as_there_are_others() -> None:
    space = Space.of({"IntegerParameterRanges": [{"Name": "depth", "MinValue": "1", "MaxValue": "6"}]})
    search = Search(space, "Bayesian", maximize=True, seed=2)
    proposed = []
    for number in range(6):
        proposed.append(search.propose(number)["depth"])
        search.observe(number, -float(proposed[-1]))
    assert len(set(proposed)) >= 5  # chance may miss the last one
    assert search.propose(6)["depth"] in proposed or len(set(proposed)) == 5


def test_a_grid_is_gone_through_in_order_and_ends() -> None:
    space = Space.of({"CategoricalParameterRanges": [{"Name": "a", "Values": ["1", "2", "3"]}]})
    search = Search(space, "Grid", maximize=True, seed=0)
    assert [search.propose(number)["a"] for number in range(3)] == ["1", "2", "3"]
    with pytest.raises(IndexError):
        search.propose(3)


def test_what_other_jobs_found_guides_the_search() -> None:
    """Told by another job that a high learning rate is good, Bayesian draws high ones from the start."""
    search = Search(MIXED, "Bayesian", maximize=True, seed=1)
    teacher = Search(MIXED, "Random", maximize=True, seed=9)
    for number in range(40):
        values = teacher.propose(number)
        assert search.learn(values, float(values["eta"]))
    assert not search.learn({**values, "depth": "10"}, 1.0)
    assert not search.learn({"depth": "3"}, 1.0)
    drawn = [float(search.propose(number)["eta"]) for number in range(10)]
    assert fmean(math.log10(eta) for eta in drawn) > -0.7  # the middle of the scale is -1.5


def test_a_suggestion_is_tried_first() -> None:
    good = {"depth": "4", "eta": "0.125", "beta": "0.95", "booster": "dart"}
    search = Search(MIXED, "Bayesian", maximize=True, seed=1)
    assert search.suggest(good)
    assert not search.suggest({**good, "booster": "gblinear"})
    first = search.propose(0)
    assert {**first, "beta": round(float(first["beta"]), 9)} == {**good, "beta": 0.95}
    assert search.propose(1)["eta"] != "0.125"


def hyperband(curves: Callable[[int], list[float]], jobs: int) -> list[int]:
    """How many objective values each job could log, all of a job's before the next one starts."""
    search = Search(MIXED, "Hyperband", maximize=True, seed=1, resources=(1, 9))
    lengths = []
    for number in range(jobs):
        search.propose(number)
        curve = curves(number)
        length = next((n for n in range(1, len(curve) + 1) if search.reported(number, curve[:n])), len(curve))
        search.observe(number, curve[length - 1])
        lengths.append(length)
    return lengths


def test_hyperband_stops_what_falls_behind_at_a_rung() -> None:
    """Every job is worse than all before it: most are stopped, at 1, 3 or 9 epochs and nowhere else."""
    lengths = hyperband(lambda number: [1.0 - number / 100] * 9, 20)
    assert set(lengths) <= {1, 3, 9}
    assert sum(length < 9 for length in lengths) > 10


def test_hyperband_lets_the_better_ones_go_on() -> None:
    """Every job is better than all before it: none is stopped before its most resources."""
    assert hyperband(lambda number: [number / 100] * 9, 20) == [9] * 20


def test_hyperband_stops_what_runs_on_behind_the_most_resources() -> None:
    assert hyperband(lambda number: [number / 100] * 12, 5) == [10] * 5


def test_a_job_that_nobody_knows_is_passed_over() -> None:
    """One whose values lie outside of the ranges after a change of them, for instance."""
    search = Search(MIXED, "Hyperband", maximize=True, seed=1, resources=(1, 9))
    search.resume(0, {"depth": "100"})
    assert not search.reported(0, [0.1])
    search.observe(0, 1.0)
    values: dict[str, Any] = search.propose(1)
    assert set(values) == set(MIXED.names)
