"""The metrics of predictions equal AWS's own library; where there is no value they say so."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.bias.posttraining import POSTTRAINING, Predictions, flip_test
from jobs.bias.registry import NotComputable

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the oracle is of 2023
    import smclarify.bias.metrics.posttraining as oracle

METRICS = POSTTRAINING.names
# facet, observed, predicted, group, one feature
Row = tuple[bool, bool, bool, int, int]
ROWS = st.lists(
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 3), st.integers(0, 1000)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[4],  # of two neighbours at one distance either may be taken
)


def columns_of(rows: list[Row]) -> tuple[np.ndarray, ...]:
    facet, observed, predicted, group, feature = (np.array(column) for column in zip(*rows, strict=True))
    return facet.astype(bool), observed.astype(bool), predicted.astype(bool), group, feature


def predictions_of(rows: list[Row]) -> Predictions:
    facet, observed, predicted, group, feature = columns_of(rows)
    # Squares: no two rows are equally far from a third, for which either could be taken.
    flips = flip_test(np.sqrt(feature.astype(float))[:, None], facet, predicted)
    return Predictions.of(facet, observed, predicted, group, flips=flips)


def asked_of_oracle(name: str, rows: list[Row]) -> float:
    """smclarify's value. Raises ValueError where it has none."""
    facet, observed, predicted, group, feature = (pd.Series(column) for column in columns_of(rows))
    number = pd.Series(np.arange(len(facet)))
    arguments = {
        "DPPL": (number, facet, predicted),
        "DI": (number, facet, predicted),
        "CDDPL": (number, facet, predicted, group),
        "FT": (pd.DataFrame({"f": np.sqrt(feature.astype(float))}), facet, predicted),
        "GE": (observed, predicted),
    }.get(name, (number, facet, observed, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(getattr(oracle, name)(*arguments))


@pytest.mark.parametrize("name", METRICS)
@given(rows=ROWS)
@settings(max_examples=80, deadline=None)
def test_equals_awss_own_library(name: str, rows: list[Row]):
    try:
        value = POSTTRAINING[name].compute(predictions_of(rows))
    except NotComputable as reason:
        # The oracle has no value either; or it says 0 for nothing over nothing, or infinity less infinity,
        # in one of the two ratios, as if no bias had been found.
        if name in ("DI", "DCA", "DCR", "SD", "RD", "DAR", "DRR", "TE") and (
            "No row" in str(reason) or "A group has no" in str(reason) or "infinite" in str(reason)
        ):
            return
        if name == "CDDPL" and len({row[0] for row in rows}) == 1:
            return  # a number there, though nobody is compared with anybody
        with pytest.raises(ValueError, match=r".+"):
            asked_of_oracle(name, rows)
    else:
        assert value == pytest.approx(asked_of_oracle(name, rows), abs=1e-12)


def test_the_metrics_are_those_of_clarify():
    assert " ".join(METRICS) == "AD CDDPL DAR DCA DCR DI DPPL DRR FT GE RD SD TE"


# 10 of a: 4 TP, 1 FP, 3 TN, 2 FN; 8 of d: 1 TP, 1 FP, 3 TN, 3 FN.
BY_HAND = (
    [(False, True, True)] * 4
    + [(False, False, True)]
    + [(False, False, False)] * 3
    + [(False, True, False)] * 2
    + [(True, True, True)]
    + [(True, False, True)]
    + [(True, False, False)] * 3
    + [(True, True, False)] * 3
)
HAND = {
    "DPPL": 5 / 10 - 2 / 8,
    "DI": (2 / 8) / (5 / 10),
    "DCA": 6 / 5 - 4 / 2,
    "DCR": 4 / 6 - 4 / 5,
    "SD": 3 / 4 - 3 / 4,
    "RD": 4 / 6 - 1 / 4,
    "DAR": 4 / 5 - 1 / 2,
    "DRR": 3 / 6 - 3 / 5,
    "AD": 7 / 10 - 4 / 8,
    "TE": 3 / 1 - 2 / 1,
    # Benefits: 11 rows of 1, 2 of 2, 5 of 0; their mean is 15/18.
    "GE": ((11 + 2 * 4) / (15 / 18) ** 2 - 18) / 36,
}


@pytest.mark.parametrize("name", sorted(HAND))
def test_by_hand(name: str):
    facet, observed, predicted = (np.array(column) for column in zip(*BY_HAND, strict=True))
    value = POSTTRAINING[name].compute(Predictions.of(facet, observed, predicted))
    assert value == pytest.approx(HAND[name], abs=1e-12)


@pytest.mark.parametrize("name", [name for name in METRICS if name != "FT"])
@given(rows=ROWS, weights=st.lists(st.integers(0, 4), min_size=60, max_size=60))
@settings(max_examples=30, deadline=None)
def test_a_row_that_weighs_three_counts_as_three_rows(name: str, rows: list[Row], weights: list[int]):
    facet, observed, predicted, group, _ = columns_of(rows)
    times = np.array(weights[: len(rows)])
    weighted = Predictions.of(facet, observed, predicted, group, weights=times.astype(float))
    repeated = Predictions.of(*(column.repeat(times) for column in (facet, observed, predicted, group)))
    try:
        expected = POSTTRAINING[name].compute(repeated)
    except NotComputable as reason:
        with pytest.raises(NotComputable, match=str(reason)):
            POSTTRAINING[name].compute(weighted)
    else:
        assert POSTTRAINING[name].compute(weighted) == pytest.approx(expected, abs=1e-12)


def of(facet: list[int], observed: list[int], predicted: list[int]) -> Predictions:
    return Predictions.of(*(np.array(column, dtype=bool) for column in (facet, observed, predicted)))


def test_one_ratio_over_nothing_is_infinite_two_are_no_number():
    """As Clarify writes it; for two infinities, or nothing over nothing, the oracle says 0."""
    one = of([1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 1, 0])
    assert POSTTRAINING["DCA"].compute(one) == -math.inf
    two = of([1, 1, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0])
    with pytest.raises(NotComputable, match="Both groups' ratios are infinite"):
        POSTTRAINING["DCA"].compute(two)
    with pytest.raises(NotComputable, match="No row is predicted to have the positive label"):
        POSTTRAINING["DI"].compute(two)
    with pytest.raises(NotComputable, match="No row of a group is predicted wrongly"):
        POSTTRAINING["TE"].compute(of([1, 0], [1, 0], [1, 0]))


@pytest.mark.parametrize("name", [name for name in METRICS if name != "GE"])
@pytest.mark.parametrize(("facet", "reason"), [([1, 1], "holds every row"), ([0, 0], "empty")])
def test_one_group_gives_no_number(name: str, facet: list[int], reason: str):
    with pytest.raises(NotComputable, match=reason):
        POSTTRAINING[name].compute(of(facet, [1, 0], [1, 0]))


def test_what_lacks_features_or_groups_says_so():
    both = of([1, 0], [1, 0], [1, 0])
    with pytest.raises(NotComputable, match="not all numbers"):
        POSTTRAINING["FT"].compute(both)
    with pytest.raises(NotComputable, match="Group variable is empty"):
        POSTTRAINING["CDDPL"].compute(both)
    with pytest.raises(NotComputable, match="nobody benefits"):
        POSTTRAINING["GE"].compute(of([1, 0], [1, 1], [0, 0]))


def test_an_empty_group_has_no_flips():
    features, predicted = np.zeros((2, 1)), np.array([True, False])
    assert flip_test(features, np.array([True, True]), predicted) is None
    assert flip_test(features, np.array([False, False]), predicted) is None
