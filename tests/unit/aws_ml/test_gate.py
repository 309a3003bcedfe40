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
from aws_ml.gate import Finding, Way, decide
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


KEY = "w.yaml: bias.thresholds"


def band(minimum: float | None, maximum: float | None, beyond: str = "stop") -> dict[str, Any]:
    return {
        "minimum": minimum,
        "maximum": maximum,
        "minimum_origin": None if minimum is None else f"{KEY}.DPL.minimum",
        "maximum_origin": None if maximum is None else f"{KEY}.DPL.maximum",
        "beyond": beyond,
    }


def bound(*bands: dict[str, Any], metric: str = "DPL", facet: str = "sex", **changes: Any) -> dict[str, Any]:
    """What is demanded of one metric: without bands, that it lie within 0.1 of zero."""
    return {
        "facet": facet,
        "group": f"{facet} = female",
        "metric": metric,
        "bands": list(bands) or [band(-0.1, 0.1)],
        "ratio": None,
        "not_computable": "stop",
        **changes,
    }


def ratio(of: str, maximum: float = 1.5, floor: float = 0.02, beyond: str = "mitigate") -> dict[str, Any]:
    return {"of": of, "maximum": maximum, "floor": floor, "origin": f"{KEY}.DPL.ratio", "beyond": beyond}


ESCALATING = [band(-0.15, 0.15, "mitigate"), band(-0.3, 0.3, "ask"), band(-0.4, 0.45, "stop")]


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
    assert verdict.way is Way.STOP
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
    assert decision.way is Way.STOP
    assert reason in decision.violations()[0]


@pytest.mark.parametrize("analysis", [{}, {"pre_training_bias_metrics": None}, {"explanations": {}}, [], "x"])
def test_another_report_is_refused(analysis: Any) -> None:
    with pytest.raises(ReportInvalid, match=r"analysis\.json"):
        decide(analysis, [bound()])


def test_a_metric_without_bound_is_listed_and_stops_nothing() -> None:
    decision = decide(report(sex={"DPL": {"value": None}}), [bound(bands=[])])
    assert decision.accepted
    assert decision.verdicts[0].finding is Finding.NOT_BOUNDED
    assert "no bound" in decision.sentences()[1]
    assert "none of the 1 metrics has a bound" in decision.summary()


def test_a_one_sided_bound() -> None:
    assert decide(report(sex={"KL": 0.0}), [bound(band(None, 0.2), metric="KL")]).accepted
    assert not decide(report(sex={"KL": 0.3}), [bound(band(None, 0.2), metric="KL")]).accepted


def test_a_violation_names_value_bound_and_where_the_bound_is_written() -> None:
    (sentence,) = decide(report(sex={"DPL": 0.24}), [bound()]).violations()
    assert sentence == (
        "Difference in Positive Proportions in Labels (DPL) for sex = female is 0.24, above the maximum of "
        "0.1 (w.yaml: bias.thresholds.DPL.maximum), so the run stops."
    )


def test_a_value_hardly_beyond_its_bound_is_told_with_all_digits() -> None:
    (sentence,) = decide(report(sex={"DPL": 0.1000000001}), [bound()]).violations()
    assert "0.1000000001" in sentence


def test_the_published_census_report_is_accepted_and_a_worse_one_is_not() -> None:
    assert decide(report(sex=PUBLISHED), CENSUS.bias_bounds()).accepted
    worse = decide(report(sex={**PUBLISHED, "DPL": 0.3}), CENSUS.bias_bounds())
    assert worse.way is Way.STOP
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
    decision = decide(
        analysis, [bound(metric="DPL"), bound(metric="CI"), bound(band(None, 0.2), metric="KL")]
    )
    text = json.dumps(decision.as_dict(), allow_nan=False)
    assert json.loads(text)["way"] == "stop"
    assert json.loads(text)["metrics"][2]["finding"] == "within"
    assert json.loads(text)["metrics"][0]["value"] is None


@pytest.mark.parametrize(
    ("value", "way", "finding"),
    [
        (0.15, Way.ACCEPT, Finding.WITHIN),
        (-0.15, Way.ACCEPT, Finding.WITHIN),
        (0.16, Way.MITIGATE, Finding.ABOVE),
        (-0.3, Way.MITIGATE, Finding.BELOW),
        (0.31, Way.ASK, Finding.ABOVE),
        (-0.4, Way.ASK, Finding.BELOW),
        (0.45, Way.ASK, Finding.ABOVE),
        (-0.41, Way.STOP, Finding.BELOW),  # the two sides need not be alike
        (0.46, Way.STOP, Finding.ABOVE),
        (1, Way.STOP, Finding.ABOVE),
    ],
)
def test_further_out_something_more_severe_follows(value: float, way: Way, finding: Finding) -> None:
    (verdict,) = decide(report(sex={"DPL": value}), [bound(*ESCALATING)]).verdicts
    assert (verdict.way, verdict.finding) == (way, finding)


def test_the_sentence_names_the_band_that_decided() -> None:
    (sentence,) = decide(report(sex={"DPL": 0.35}), [bound(*ESCALATING)]).violations()
    assert "is 0.35, above the maximum of 0.3 (" in sentence
    assert sentence.endswith("so a person is asked.")


def test_the_most_severe_way_of_all_counts() -> None:
    bounds = [bound(*ESCALATING, metric=metric) for metric in ("DPL", "KS", "TVD", "LP")]
    values = {"DPL": 0.0, "KS": 0.2, "TVD": 0.35, "LP": 0.0}
    decision = decide(report(sex=values), bounds)
    assert decision.way is Way.ASK
    assert decision.summary() == (
        "A person is asked: 2 of 4 bounded metrics are beyond bounds or not computable."
    )
    assert ["Total Variation" in each for each in decision.violations()] == [True, False]
    assert decide(report(sex={**values, "LP": 0.5}), bounds).way is Way.STOP
    assert decide(report(sex={**values, "TVD": 0.0}), bounds).way is Way.MITIGATE


@pytest.mark.parametrize("way", [Way.ASK, Way.STOP])
def test_after_mitigation_it_is_not_mitigated_again(way: Way) -> None:
    """What would mitigate takes the workflow's other way; what lies further out is not milder than that."""
    for value, expected in ((0.0, Way.ACCEPT), (0.2, way), (0.35, way), (0.5, Way.STOP)):
        found = decide(report(sex={"DPL": value}), [bound(*ESCALATING)], still_beyond=way)
        assert found.way is expected


def test_what_cannot_be_computed_asks_only_where_the_workflow_says_so() -> None:
    asks = bound(*ESCALATING, not_computable="ask")
    assert decide(report(sex={"DPL": None}), [asks]).way is Way.ASK
    assert decide(report(sex={"DPL": None}), [bound(*ESCALATING)]).way is Way.STOP
    assert decide(report(sex={"DPL": None}), [asks], still_beyond=Way.STOP).way is Way.ASK


PREVIOUS = {("sex = female", "DPL"): 0.08}


@pytest.mark.parametrize(
    ("value", "way", "finding"),
    [
        (0.11, Way.ACCEPT, Finding.WITHIN),  # 1.375 times 0.08
        (0.12, Way.ACCEPT, Finding.WITHIN),  # 1.5 times
        (0.125, Way.MITIGATE, Finding.OUT_OF_RATIO),
        (-0.125, Way.MITIGATE, Finding.OUT_OF_RATIO),  # what counts is how far from zero it lies
        (0.2, Way.STOP, Finding.ABOVE),  # the bound of the band is more severe
    ],
)
def test_a_ratio_to_the_last_accepted_day(value: float, way: Way, finding: Finding) -> None:
    demanded = bound(band(-0.15, 0.15), ratio=ratio("previous"))
    (verdict,) = decide(report(sex={"DPL": value}), [demanded], previous=PREVIOUS).verdicts
    assert (verdict.way, verdict.finding) == (way, finding)
    assert verdict.ratio is not None
    assert verdict.ratio["reference"] == 0.08


def test_below_the_floor_no_ratio_matters() -> None:
    """Ten times nearly nothing is still nearly nothing."""
    demanded = bound(bands=[], ratio=ratio("previous", floor=0.05))
    tiny = {("sex = female", "DPL"): 0.001}
    assert decide(report(sex={"DPL": 0.05}), [demanded], previous=tiny).accepted
    assert decide(report(sex={"DPL": 0.051}), [demanded], previous=tiny).way is Way.MITIGATE


def test_without_an_earlier_day_a_person_is_asked() -> None:
    (verdict,) = decide(report(sex={"DPL": 0.1}), [bound(bands=[], ratio=ratio("previous"))]).verdicts
    assert (verdict.way, verdict.finding) == (Way.ASK, Finding.NOT_COMPARABLE)
    assert "no number of the last accepted day" in verdict.sentence


def test_a_ratio_to_another_metric_of_the_same_group() -> None:
    """Within the groups of CDDL the difference may be at most twice as large as without them."""
    demanded = bound(metric="CDDL", bands=[], ratio=ratio("DPL", maximum=2))
    assert decide(report(sex={"DPL": 0.1, "CDDL": 0.2}), [demanded]).accepted
    found = decide(report(sex={"DPL": 0.1, "CDDL": 0.21}), [demanded])
    assert found.violations() == [
        "Conditional Demographic Disparity in Labels (CDDL) for sex = female is 0.21, more than 2 times "
        "DPL's 0.1 (w.yaml: bias.thresholds.DPL.ratio), so the data is to be mitigated."
    ]
    assert decide(report(sex={"DPL": None, "CDDL": 0.2}), [demanded]).way is Way.ASK


ends = st.one_of(st.none(), st.floats(-1, 1))


@given(
    value=st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=5), st.booleans()),
    minimum=ends,
    maximum=ends,
)
def test_accepted_means_measured_and_within(value: Any, minimum: float | None, maximum: float | None) -> None:
    bounded = minimum is not None or maximum is not None
    demanded = bound(bands=[band(minimum, maximum)] if bounded else [])
    decision = decide(report(sex={"DPL": value}), [demanded])
    if decision.accepted and bounded:
        assert isinstance(value, int | float)
        assert minimum is None or value >= minimum
        assert maximum is None or value <= maximum
    json.dumps(decision.as_dict(), allow_nan=False)


@given(
    widths=st.lists(st.floats(0, 1), min_size=1, max_size=3, unique=True),
    compared=st.one_of(st.none(), st.floats(-1, 1)),
    values=st.tuples(st.floats(0, 2), st.floats(0, 2)),
    sign=st.sampled_from([-1, 1]),
    second=st.booleans(),
)
def test_further_from_zero_is_never_milder(
    widths: list[float], compared: float | None, values: tuple[float, float], sign: int, second: bool
) -> None:
    """Whatever the bands, the ratio and the gate: on one side of zero severity grows with the distance."""
    ways = ["mitigate", "ask", "stop"]
    bands = [band(-width, width, way) for width, way in zip(sorted(widths), ways, strict=False)]
    demanded = bound(*bands, ratio=ratio("previous"))
    previous = None if compared is None else {("sex = female", "DPL"): compared}
    near, far = (
        decide(
            report(sex={"DPL": sign * value}),
            [demanded],
            previous=previous,
            still_beyond=Way.ASK if second else None,
        ).way.severity
        for value in sorted(values)
    )
    assert near <= far
