"""What tuning tries."""

from __future__ import annotations

import pytest

from local_aws.images.autopilot.algorithms import CANDIDATES, FIRST, SPACES
from local_aws.images.autopilot.search import Search, listed


def test_each_algorithm_begins_with_its_usual_settings() -> None:
    search = Search(["xgboost", "linear-learner", "mlp"], "AUC")
    first = [search.ask(str(number)) for number in range(3)]
    assert [each.algorithm for each in first] == ["xgboost", "linear-learner", "mlp"]
    assert dict(first[0].parameters) == FIRST["xgboost"]


@pytest.mark.parametrize(("objective", "sign"), [("R2", 1), ("RMSE", -1)])
def test_the_search_goes_where_the_objective_is_better(objective: str, sign: int) -> None:
    """The value is better, the larger C is: the later half has larger ones than by chance, which is 0.3."""
    search = Search(["linear-learner"], objective)
    tried = []
    for number in range(30):
        configuration = search.ask(str(number))
        value = float(configuration.parameters["C"])
        low, high, _ = SPACES["linear-learner"]["C"]
        assert low <= value <= high
        tried.append(value)
        search.tell(str(number), None if number == 5 else sign * value)
    assert sorted(tried[15:])[7] > 5 * 0.3


def test_ensembling_tries_what_was_asked_for() -> None:
    assert {each.algorithm for each in listed(["lightgbm", "catboost"])} == {"lightgbm"}
    assert listed([]) == list(CANDIDATES)
