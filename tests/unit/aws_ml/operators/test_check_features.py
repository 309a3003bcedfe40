"""What is wrong with prepared datasets, said in sentences."""

from __future__ import annotations

from typing import Any

import pytest

from aws_ml.operators.check_features import problems


def made(**changes: Any) -> dict[str, Any]:
    report = {
        "rows_in": 100,
        "splits": {
            "train": {"rows": 70, "positives": 40},
            "validation": {"rows": 15, "positives": 9},
            "test": {"rows": 15, "positives": 8},
        },
        "columns": ["age", "income"],
    }
    return report | changes


def test_good_datasets_have_no_problem() -> None:
    assert problems(made()) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rows_in": 101}, "101 rows came in, 100 are in the splits."),
        (
            {"splits": {**made()["splits"], "test": {"rows": 15, "positives": 15}}},
            "test has 15 rows, 15 of them positive: it needs both classes.",
        ),
        (
            {"rows_in": 85, "splits": {**made()["splits"], "test": {"rows": 0, "positives": 0}}},
            "test has 0 rows, 0 of them positive: it needs both classes.",
        ),
        ({"columns": []}, "There is no column to learn from."),
        ({"columns": ["age", "age"]}, "Columns are there more than once: age."),
    ],
)
def test_each_problem_is_named_with_its_numbers(changes: dict[str, Any], said: str) -> None:
    assert problems(made(**changes)) == [said]
