"""Impute, treat outliers, scale: in that order of meaning, learned from training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.features.columns import FeatureError
from tests.support.features import declared, fit

TYPES = {"pay": "number", "vip": "boolean"}
PAYS = [1.0, 2.0, 2.0, 3.0, 4.0, None, 100.0]
ROWS = pd.DataFrame({"pay": PAYS})
NEW = pd.DataFrame({"pay": [None, -50.0, 2.5, 1e9]}, dtype=object)


def made(rows: pd.DataFrame, item: dict[str, Any], **parts: Any) -> dict[str, list[float]]:
    asked = declared(**{"scale": "none", "numeric": [{"column": "pay", **item}], **parts})
    transformer = fit(ROWS, asked, TYPES).transformer
    table = transformer.transform(rows)
    return {name: table[:, place].tolist() for place, name in enumerate(transformer.outputs)}


@pytest.mark.parametrize(
    ("item", "fill"),
    [
        ({"impute": "median"}, 2.5),
        ({"impute": "mean"}, 112 / 6),
        ({"impute": "most_frequent"}, 2.0),
        ({"fill": -1.0}, -1.0),
    ],
)
def test_an_absent_number_is_imputed_as_declared(item: dict[str, Any], fill: float):
    assert made(NEW, item)["pay"][0] == pytest.approx(fill)


def test_an_indicator_says_where_a_number_was_absent_even_if_no_training_row_lacked_one():
    assert made(NEW, {"indicator": True})["pay.missing"] == [1, 0, 0, 0]
    train = ROWS.dropna()
    asked = declared(numeric=[{"column": "pay", "indicator": True}])
    assert fit(train, asked, TYPES).transformer.transform(NEW)[:, 1].tolist() == [1, 0, 0, 0]


def test_an_absent_number_may_be_refused():
    asked = declared(numeric=[{"column": "pay", "impute": "refuse"}])
    transformer = fit(ROWS.dropna(), asked, TYPES).transformer
    with pytest.raises(FeatureError, match=r"pay: 1 rows lack a value.*impute: refuse"):
        transformer.transform(NEW)
    with pytest.raises(FeatureError, match="pay: 1 rows lack a value"):
        fit(ROWS, asked, TYPES)


@pytest.mark.parametrize(
    ("rule", "bounds"),
    [
        # of 1 2 2 3 4 100: quartiles 2 and 3.75
        ({"by": "iqr", "factor": 1.5}, (2 - 1.5 * 1.75, 3.75 + 1.5 * 1.75)),
        ({"by": "z_score", "factor": 1.0}, tuple(112 / 6 + np.std([1, 2, 2, 3, 4, 100]) * np.array([-1, 1]))),
        ({"by": "quantiles", "lower": 0.2, "upper": 0.8}, (2.0, 4.0)),
        ({"by": "bounds", "lower": 0.0, "upper": 10.0}, (0.0, 10.0)),
    ],
)
def test_outliers_are_clipped_to_bounds_that_training_rows_gave(rule: dict[str, Any], bounds: Any):
    values = made(NEW, {"outliers": {**rule, "then": "clip"}})["pay"]
    assert values[1:] == pytest.approx([max(bounds[0], -50), 2.5, min(bounds[1], 1e9)])


def test_an_outlier_may_count_as_absent():
    rule = {"by": "bounds", "lower": 0.0, "upper": 10.0, "then": "impute"}
    assert made(NEW, {"outliers": rule, "indicator": True}) == {
        "pay": [2.0, 2.0, 2.5, 2.0],  # the median without the outlier
        "pay.missing": [1, 0, 0, 0],
    }


def test_scales_are_learned_after_outliers_were_treated():
    rule = {"by": "bounds", "lower": 0.0, "upper": 10.0, "then": "clip"}
    assert made(NEW, {"outliers": rule, "scale": "min_max"})["pay"] == pytest.approx(
        [(2.5 - 1) / 9, (0 - 1) / 9, (2.5 - 1) / 9, 1], rel=1e-6
    )


def test_the_workflows_own_rule_holds_for_all_and_an_item_says_otherwise():
    rule = {"by": "bounds", "lower": 0.0, "upper": 10.0, "then": "clip"}
    assert made(NEW, {}, outliers=rule)["pay"][3] == 10
    own = {"by": "bounds", "lower": 0.0, "upper": 20.0, "then": "clip"}
    assert made(NEW, {"outliers": own}, outliers=rule)["pay"][3] == 20


def test_bounds_that_no_row_meets_are_refused():
    rule = {"by": "bounds", "lower": 1000.0, "upper": 2000.0, "then": "impute"}
    with pytest.raises(FeatureError, match="pay: every training value is an outlier, outside 1000 to 2000"):
        made(NEW, {"outliers": rule})


def test_truths_are_numbers_however_they_are_written():
    transformer = fit(
        pd.DataFrame({"vip": [True, False]}), declared(scale="none", numeric=["vip"]), TYPES
    ).transformer
    for written in ([True, False, None], ["true", "False", None], ["1", "0", None], [1, 0, None]):
        rows = pd.DataFrame({"vip": written}, dtype=object)
        assert transformer.transform(rows)[:, 0].tolist() == [1, 0, 0.5]
