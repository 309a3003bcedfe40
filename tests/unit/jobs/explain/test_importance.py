"""What is told of all rows together; the expected numbers are sums by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence as oracle
from sklearn.linear_model import LinearRegression

from jobs.explain.dependence import partial_dependence
from jobs.explain.importance import AGGREGATIONS, by_origin

VALUES = np.array([[1.0, -4.0, 0.5], [-3.0, 2.0, 0.5], [2.0, 5.0, -1.0]])


@pytest.mark.parametrize(
    ("method", "expected"),
    [("mean_abs", [2, 11 / 3, 2 / 3]), ("median", [1, 2, 0.5]), ("mean_sq", [14 / 3, 15, 0.5])],
)
def test_rows_are_aggregated_as_clarify_does(method: str, expected: list[float]):
    assert AGGREGATIONS[method](VALUES) == pytest.approx(np.array(expected))


def test_columns_count_for_what_they_were_made_of():
    """Two columns of one category are summed with their signs; a product counts half for each factor."""
    names, values = by_origin(VALUES, [["job"], ["job"], ["age", "income"]])
    assert names == ["job", "age", "income"]
    assert values.tolist() == [[-3.0, 0.25, 0.25], [-1.0, 0.25, 0.25], [7.0, -0.5, -0.5]]
    assert values.sum(axis=1) == pytest.approx(VALUES.sum(axis=1))


ROWS = pd.DataFrame(
    {"age": [20.0, 30.0, 40.0, 60.0], "job": ["a", "b", "a", None], "flag": [True, True, False, True]}
)


def test_numbers_are_cut_into_buckets_of_one_width():
    """From 20 to 60.5 in two: centres 30.125 and 50.375, with 20 and 30, and with 40.5 and 60.5."""
    rows = ROWS.assign(age=[20.0, 30.0, 40.5, 60.5])
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy() * 2, rows, "age", 2, ["yes"])
    assert entry == {
        "feature_name": "age",
        "data_type": "numerical",
        "feature_values": [30.125, 50.375],
        "model_predictions": [[60.25, 100.75]],
        "data_distribution": [0.5, 0.5],
        "label_headers": ["yes"],
    }


def test_texts_and_flags_have_each_of_their_values():
    entry = partial_dependence(lambda rows: (rows[["job"]] == "a").to_numpy() * 1.0, ROWS, "job", 4, ["yes"])
    assert (entry["data_type"], entry["feature_values"]) == ("categorical", ["a", "b"])
    assert entry["model_predictions"] == [[1.0, 0.0]]
    assert entry["data_distribution"] == pytest.approx([2 / 3, 1 / 3])
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy(), ROWS, "flag", 4, ["yes"])
    assert entry["feature_values"] == [False, True]


def test_an_outlier_need_not_empty_all_buckets():
    """Of the places 0 to 99 a fiftieth is 1.98, where 1.48 lies; at the other end lies 96.52."""
    rows = pd.DataFrame({"age": [-1e6, *np.arange(98) + 0.5, 1e6]})
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy(), rows, "age", 2, ["yes"], tails=0.02)
    assert entry["feature_values"] == pytest.approx([1.48 + 95.04 / 4, 96.52 - 95.04 / 4])
    assert entry["data_distribution"] == [0.5, 0.5]


def test_few_whole_numbers_may_be_names():
    """Of a code of product 2 there is no 2.4; 20.5 years are more than 20."""
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy(), ROWS, "age", 5, ["yes"])
    assert (entry["data_type"], entry["feature_values"]) == ("categorical", [20.0, 30.0, 40.0, 60.0])


def test_of_very_many_values_the_most_frequent_are_told():
    rows = pd.DataFrame({"id": [f"{place:03}" for place in range(150)] + ["149"]})
    entry = partial_dependence(lambda rows: np.zeros((len(rows), 1)), rows, "id", 5, ["yes"])
    assert len(entry["feature_values"]) == 100
    assert entry["feature_values"][-1] == "149"


def test_one_value_is_one_bucket_and_none_is_an_error():
    rows = ROWS.assign(age=7.5)
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy(), rows, "age", 10, ["yes"])
    assert (entry["feature_values"], entry["data_distribution"]) == ([7.5], [1.0])
    entry = partial_dependence(lambda rows: rows[["age"]].to_numpy(), ROWS.assign(age=np.nan), "age", 10, [])
    assert entry == {"feature_name": "age", "error": "the feature has no value in any row"}


def test_the_curve_is_scikit_learns():
    rows = pd.DataFrame(np.random.default_rng(3).normal(size=(50, 3)), columns=["a", "b", "c"])
    model = LinearRegression().fit(rows, rows["a"] * 2 + rows["b"])
    entry = partial_dependence(lambda rows: model.predict(rows)[:, None], rows, "a", 8, ["y"])
    told = oracle(model, rows, ["a"], custom_values={"a": np.array(entry["feature_values"])}, kind="average")
    assert entry["model_predictions"][0] == pytest.approx(told["average"][0], abs=1e-9)
