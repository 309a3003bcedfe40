"""An endpoint's scores beside the evaluated ones."""

from __future__ import annotations

from typing import Any

import pytest

from aws_ml.operators.smoke_test import compared

RECORD = {"key": "a-1", "record": {"age": 40}, "score": 0.25}


@pytest.mark.parametrize(
    ("prediction", "equal"),
    [
        ({"score": 0.25, "label": 0}, True),
        ({"score": 0.2500009, "label": 0}, True),
        ({"score": 0.25001, "label": 0}, False),
        ({"score": None}, False),
        ({"score": float("nan")}, False),
        ({"score": True}, False),
        ({"label": 0}, False),
        ("0.25", False),
    ],
)
def test_only_the_evaluated_score_is_equal(prediction: Any, equal: bool) -> None:
    (record,) = compared([RECORD], [prediction])
    assert record["equal"] is equal
    assert record["response"] == prediction or prediction["score"] != prediction["score"]
    assert (record["key"], record["request"], record["expected"]) == ("a-1", {"age": 40}, 0.25)
