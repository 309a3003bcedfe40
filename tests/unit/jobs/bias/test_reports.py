"""What people read: escaped, shut off from everything outside, and in plain words."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from jobs.bias import mitigation_report, report
from jobs.bias.page import number, size
from jobs.bias.pretraining import PRETRAINING
from jobs.bias.report import MOST_GROUPS, Counts, reading

EVIL = "<script>alert(1)</script>\"'&"
SIZES = Counts("sex", "f", 20.0, 5.0, 60.0, 30.0)


def analysis(groups: int = 1, text: str = "f") -> dict[str, Any]:
    metrics = [
        {"name": name, "description": PRETRAINING[name].description, "value": 0.25}
        for name in PRETRAINING.names
    ]
    metrics[0] |= {"value": None, "error": text}
    block = {"value_or_threshold": text, "metrics": metrics}
    facets = {text: [copy.deepcopy(block) for _ in range(groups)]}
    return {"pre_training_bias_metrics": {"label": text, "facets": facets, "label_value_or_threshold": text}}


def summary(text: str) -> dict[str, Any]:
    entry = {"facet": text, "value_or_threshold": text, "name": "DPL", "description": "DPL"}
    values = {"before": None, "before_error": text, "after": 0.1, "after_error": None}
    group = {"group": text, "positive": True, "rows": 3, "expected": 2.0, "weight": None, "rows_out": 3}
    return {
        "method": "reweighing",
        "facets": [text],
        "label": {"column": text, "value": text},
        "rows_in": 3,
        "rows_out": 3,
        "distinct_rows": 3,
        "effective_sample_size": 2.5,
        "groups": [group],
        "metrics": [{**entry, **values}],
    }


@pytest.mark.parametrize("kind", ["bias", "mitigation"])
def test_nothing_from_the_data_is_markup(kind: str):
    if kind == "bias":
        counts = [Counts(EVIL, EVIL, 20.0, 5.0, 60.0, 30.0)]
        page = report.render(analysis(text=EVIL), counts, title=EVIL)
    else:
        page = mitigation_report.render(summary(EVIL), title=EVIL)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 5  # every place that shows it
    assert "default-src 'none'" in page  # and were one forgotten, it would not run


def test_a_page_shows_the_first_groups_and_says_where_the_others_are():
    counts = [SIZES] * (MOST_GROUPS + 30)
    page = report.render(analysis(MOST_GROUPS + 30), counts, title="Many")
    assert page.count('<table class="metrics">') == MOST_GROUPS
    assert f"30 more groups are in analysis.json; this page shows the first {MOST_GROUPS}" in page


def test_a_page_without_any_group_is_a_page():
    empty = analysis()
    empty["pre_training_bias_metrics"]["facets"] = {"sex": []}
    assert "<dt>Groups</dt><dd>0</dd>" in report.render(empty, [], title="None")


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("CI", 0.5, "25.0% of the rows belong to the facet."),
        ("DPL", 0.25, "The facet gets the positive label 25.0 points less often than the rest."),
        ("DPL", -0.031, "The facet gets the positive label 3.1 points more often than the rest."),
        ("DPL", -1e-16, "The facet gets the positive label as often as the rest."),
        ("TVD", 0.25, "25.0% of one group's labels would have to change to be as the other's."),
        ("KS", 1e-15, "Both groups have the same label shares."),
        ("LP", 2**0.5 / 2, "50.0% of the largest distance that is possible."),
    ],
)
def test_a_value_is_said_in_plain_words(name: str, value: float, sentence: str):
    assert reading(name, value, SIZES) == sentence


@pytest.mark.parametrize("name", PRETRAINING.names)
@pytest.mark.parametrize("value", [0.0, 0.2])
def test_every_metric_has_its_words(name: str, value: float):
    assert reading(name, value, SIZES).endswith(".")


def test_crumbs_of_arithmetic_are_not_shown():
    assert (number(-7e-16), number(-0.05)) == ("0.0000", "-0.0500")
    assert (size(4925.000000000002), size(1170.62), size(2306.0)) == ("4,925", "1,170.6", "2,306")
