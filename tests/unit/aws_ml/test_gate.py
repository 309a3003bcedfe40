"""The gate on bias: what passes, what stops, and that nothing unknown passes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aws_ml.exceptions import ReportInvalid
from aws_ml.gate import Finding, decide
from aws_ml.workflow import load_workflow

ROOT = Path(__file__).parents[3]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")

# What AWS's own Clarify published for the census data.
PUBLISHED = {
    "CDDL": 0.214915908649356,
    "CI": 0.3513692725946555,
    "DPL": 0.20015891077100018,
    "JS": 0.030756144659773006,
    "KL": 0.14306865156306434,
    "KS": 0.20015891077100018,
    "LP": 0.2830674462421746,
    "TVD": 0.20015891077100015,
}


def report(**facets: dict[str, Any]) -> dict[str, Any]:
    """An analysis.json; a metric's entry is its value, or a mapping that stands for itself."""
    return {
        "version": "1.0",
        "pre_training_bias_metrics": {
            "label": "approved",
            "label_value_or_threshold": "1",
            "facets": {
                column: [
                    {
                        "value_or_threshold": "any",
                        "metrics": [
                            {"name": name, "description": f"({name})", **value}
                            if isinstance(value, dict)
                            else {"name": name, "description": f"({name})", "value": value}
                            for name, value in metrics.items()
                        ],
                    }
                ]
                for column, metrics in facets.items()
            },
        },
    }


def bound(
    metric: str = "DPL", minimum: float | None = -0.1, maximum: float | None = 0.1, facet: str = "sex"
) -> dict[str, Any]:
    return {
        "facet": facet,
        "group": f"{facet} = female",
        "metric": metric,
        "minimum": minimum,
        "maximum": maximum,
        "minimum_origin": None if minimum is None else "w.yaml: bias.thresholds.DPL.minimum",
        "maximum_origin": None if maximum is None else "w.yaml: bias.thresholds.DPL.maximum",
    }


@pytest.mark.parametrize(
    ("value", "finding"),
    [
        (0.0, Finding.WITHIN),
        (0.1, Finding.WITHIN),  # ends are included
        (-0.1, Finding.WITHIN),
        (0, Finding.WITHIN),
        (0.10000001, Finding.ABOVE),
        (-0.10000001, Finding.BELOW),
    ],
)
def test_a_number_is_held_against_its_bounds(value: float, finding: Finding) -> None:
    decision = decide(report(sex={"DPL": value}), [bound()])
    assert decision.verdicts[0].finding is finding
    assert decision.accepted == (finding is Finding.WITHIN)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"value": None, "error": "Group variable is empty or not provided"}, "Group variable is empty"),
        ({"value": 0.0, "error": "something"}, "something"),
        ({"value": None}, "null"),
        ({}, "null"),
        ("Infinity", "Infinity"),
        ("-Infinity", "Infinity"),
        ("0.05", "0.05"),
        (True, "true"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (10**400, "inf"),
        ([0.05], "0.05"),
    ],
)
def test_what_is_no_number_never_passes(value: Any, reason: str) -> None:
    """Whatever stands in the place of the value of a bounded metric stops the run, and is told."""
    (verdict,) = decide(report(sex={"DPL": value}), [bound()]).verdicts
    assert verdict.finding is Finding.NOT_COMPUTABLE
    assert verdict.stops
    assert reason in verdict.sentence


@pytest.mark.parametrize(
    ("analysis", "reason"),
    [
        (report(sex={"CI": 0.0}), "lacks it"),
        (report(age={"DPL": 0.0}), "no facet sex"),
        ({"pre_training_bias_metrics": {"facets": {"sex": []}}}, "no facet sex"),
        ({"pre_training_bias_metrics": {"facets": {"sex": [{}, {}]}}}, "2 groups"),
        ({"pre_training_bias_metrics": {"facets": {"sex": [{"metrics": None}]}}}, "lacks it"),
        ({"pre_training_bias_metrics": {"facets": {"sex": [None]}}}, "lacks it"),
    ],
)
def test_what_was_not_measured_never_passes(analysis: dict[str, Any], reason: str) -> None:
    decision = decide(analysis, [bound()])
    assert decision.overall == "stop"
    assert reason in decision.violations()[0]


@pytest.mark.parametrize("analysis", [{}, {"pre_training_bias_metrics": None}, {"explanations": {}}, [], "x"])
def test_another_report_is_refused(analysis: Any) -> None:
    with pytest.raises(ReportInvalid, match=r"analysis\.json"):
        decide(analysis, [bound()])


def test_a_metric_without_bound_is_listed_and_stops_nothing() -> None:
    decision = decide(report(sex={"DPL": {"value": None}}), [bound(minimum=None, maximum=None)])
    assert decision.accepted
    assert decision.verdicts[0].finding is Finding.NOT_BOUNDED
    assert "no bound" in decision.sentences()[1]
    assert "none of the 1 metrics has a bound" in decision.summary()


def test_a_one_sided_bound() -> None:
    assert decide(report(sex={"KL": 0.0}), [bound("KL", minimum=None, maximum=0.2)]).accepted
    assert not decide(report(sex={"KL": 0.3}), [bound("KL", minimum=None, maximum=0.2)]).accepted


def test_a_violation_names_value_bound_and_where_the_bound_is_written() -> None:
    (sentence,) = decide(report(sex={"DPL": 0.24}), [bound()]).violations()
    assert sentence == (
        "Difference in Positive Proportions in Labels (DPL) for sex = female is 0.24, above the maximum of "
        "0.1 (w.yaml: bias.thresholds.DPL.maximum)."
    )


def test_a_value_hardly_beyond_its_bound_is_told_with_all_digits() -> None:
    (sentence,) = decide(report(sex={"DPL": 0.1000000001}), [bound()]).violations()
    assert "0.1000000001" in sentence


def test_the_published_census_report_is_accepted_and_a_worse_one_is_not() -> None:
    assert decide(report(sex=PUBLISHED), CENSUS.bias_bounds()).accepted
    worse = decide(report(sex={**PUBLISHED, "DPL": 0.3}), CENSUS.bias_bounds())
    assert worse.overall == "stop"
    assert len(worse.violations()) == 1
    assert worse.verdicts[1].maximum_origin == "census_income.yaml: bias.thresholds.DPL.maximum"


def test_a_facet_may_have_its_own_bounds() -> None:
    """People over sixty are few: the workflow allows it for them, and for them only."""
    fair = {"DPL": 0, "KL": 0, "JS": 0, "LP": 0, "TVD": 0, "KS": 0, "CDDL": 0}
    bounds = LOAN.bias_bounds()
    assert decide(report(sex={"CI": 0.1, **fair}, age={"CI": 0.75, **fair}), bounds).accepted
    stopped = decide(report(sex={"CI": 0.75, **fair}, age={"CI": 0.75, **fair}), bounds)
    assert ["sex = female" in each for each in stopped.violations()] == [True]


def test_the_decision_is_json_that_any_reader_takes() -> None:
    analysis = report(sex={"DPL": math.nan, "CI": math.inf, "KL": 0.1})
    decision = decide(analysis, [bound("DPL"), bound("CI"), bound("KL", None, 0.2)])
    text = json.dumps(decision.as_dict(), allow_nan=False)
    assert json.loads(text)["overall"] == "stop"
    assert json.loads(text)["metrics"][2]["finding"] == "within"
    assert json.loads(text)["metrics"][0]["value"] is None


@given(
    value=st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5), st.booleans()),
    minimum=st.one_of(st.none(), st.floats(-1, 1)),
    maximum=st.one_of(st.none(), st.floats(-1, 1)),
)
def test_accepted_means_measured_and_within(value: Any, minimum: float | None, maximum: float | None) -> None:
    decision = decide(report(sex={"DPL": value}), [bound("DPL", minimum, maximum)])
    bounded = minimum is not None or maximum is not None
    if decision.accepted and bounded:
        assert isinstance(value, int | float)
        assert minimum is None or value >= minimum
        assert maximum is None or value <= maximum
    json.dumps(decision.as_dict(), allow_nan=False)
