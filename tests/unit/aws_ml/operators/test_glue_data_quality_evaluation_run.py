"""How a rule that did not pass is told."""

from __future__ import annotations

from typing import Any

import pytest

from aws_ml.operators.glue_data_quality_evaluation_run import said

RULE = 'Completeness "income" > 0.95'


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"EvaluatedMetrics": {"Column.income.Completeness": 0.93}},
            f"{RULE}: found Column.income.Completeness 0.93",
        ),
        (
            {
                "EvaluatedMetrics": {"Column.a.Minimum": 30.0},
                "EvaluationMessage": "Value: NULL does not meet it!",
            },
            f"{RULE}: found Column.a.Minimum 30; Value: NULL does not meet it!",
        ),
        ({"EvaluationMessage": "Empty state for Mean."}, f"{RULE}: Empty state for Mean."),
        ({}, f"{RULE}: AWS gives no figures"),
        (
            {"Result": "ERROR", "EvaluationMessage": "no column x"},
            f"{RULE}: could not be evaluated: no column x",
        ),
        ({"Result": "ERROR"}, f"{RULE}: could not be evaluated: AWS gives no reason"),
    ],
)
def test_a_line_has_the_rule_and_the_figures(changes: dict[str, Any], line: str) -> None:
    assert said({"Name": "Rule_1", "Description": RULE, "Result": "FAIL", **changes}) == line
