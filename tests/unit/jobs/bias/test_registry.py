"""The registry takes no metric that a report could not explain."""

from __future__ import annotations

import math

import pytest

from jobs.bias.pretraining import PRETRAINING
from jobs.bias.registry import Registry

GOOD = """Some Bias (SB)

    Formula: n_a
        - n_d
    Range: 0 to ln 2, mostly
    Sign: above 0 something is so
    Source: a book
    """


def function(name: str, doc: str | None):
    def metric(sample: object) -> float:
        return 0.0

    metric.__name__, metric.__doc__ = name, doc
    return metric


def test_a_described_metric_is_registered_with_its_description():
    registry = Registry()
    registry.metric(function("SB", GOOD))
    metric = registry["SB"]
    assert (metric.description, metric.formula) == ("Some Bias (SB)", "n_a - n_d")
    assert (metric.low, metric.high) == (0, math.log(2))
    assert metric.range == "0 to ln 2, mostly"


@pytest.mark.parametrize(
    ("doc", "complaint"),
    [
        (None, "metric SB has no docstring"),
        ("", "metric SB has no docstring"),
        ("Some Bias", "expected 'Long Name \\(SB\\)'"),
        (GOOD.replace("Formula", "Recipe"), "no line that begins with 'Formula:'"),
        (GOOD.replace("Range", "From"), "no line that begins with 'Range:'"),
        (GOOD.replace("Sign", "Means"), "no line that begins with 'Sign:'"),
        (GOOD.replace("Source: a book", "Source:"), "no line that begins with 'Source:'"),
        (GOOD.replace("0 to ln 2", "not much"), "the range 'not much, mostly' is not 'LOW to HIGH'"),
    ],
)
def test_an_undescribed_metric_is_refused(doc: str | None, complaint: str):
    with pytest.raises(ValueError, match=complaint):
        Registry().metric(function("SB", doc))


def test_a_name_is_taken_once():
    registry = Registry()
    registry.metric(function("SB", GOOD))
    with pytest.raises(ValueError, match="SB is registered twice"):
        registry.metric(function("SB", GOOD))


def test_the_eight_metrics_of_clarify_are_there():
    assert PRETRAINING.names == ["CDDL", "CI", "DPL", "JS", "KL", "KS", "LP", "TVD"]
