"""Which columns stay: by variance, by likeness, by what they say of the label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest, f_classif

from jobs.features.columns import FeatureError
from jobs.features.transformer import FeatureTransformer
from tests.support.features import declared, fit

DRAW = np.random.default_rng(11)
LABEL = DRAW.random(400) < 0.4
TRAIN = pd.DataFrame(
    {
        "strong": LABEL + DRAW.normal(0, 0.5, 400),
        "weak": LABEL + DRAW.normal(0, 5, 400),
        "noise": DRAW.normal(0, 1, 400),
        "still": np.ones(400),
        "town": DRAW.choice(["Bonn", "Kiel", "Ulm"], 400),
    }
).assign(twin=lambda rows: -3 * rows["strong"] + DRAW.normal(0, 0.01, 400))
TYPES = {**dict.fromkeys(TRAIN, "number"), "town": "string"}
NUMBERS = ["strong", "weak", "noise", "still", "twin"]


def test_without_a_rule_all_stay():
    learned = fit(TRAIN, declared(numeric=NUMBERS, categorical=["town"]), TYPES, LABEL)
    assert list(learned.transformer.outputs) == [*NUMBERS, "town=Bonn", "town=Kiel", "town=Ulm"]
    assert learned.left_out == []


def test_what_does_not_vary_goes():
    learned = fit(TRAIN, declared(numeric=NUMBERS, select={"minimum_variance": 0.0}), TYPES, LABEL)
    assert list(learned.transformer.outputs) == ["strong", "weak", "noise", "twin"]
    assert [(left.name, left.reason) for left in learned.left_out] == [("still", "variance 0, not above 0")]


def test_of_two_alike_the_less_telling_goes():
    learned = fit(TRAIN, declared(numeric=NUMBERS, select={"maximum_correlation": 0.98}), TYPES, LABEL)
    relevance = {name: abs(np.corrcoef(TRAIN[name], LABEL)[0, 1]) for name in ("strong", "twin")}
    less, more = sorted(relevance, key=relevance.__getitem__)
    (left,) = learned.left_out
    assert left.name == less
    correlation = np.corrcoef(TRAIN["strong"], TRAIN["twin"])[0, 1]
    assert left.reason == f"correlation {correlation:.4f} with {more}, beyond 0.98"


@pytest.mark.parametrize("top", [1, 2, 4])
def test_the_most_telling_are_those_of_scikit_learns_f_test(top: int):
    numbers = ["strong", "weak", "noise", "twin"]
    learned = fit(TRAIN, declared(numeric=numbers, select={"top": top}), TYPES, LABEL)
    oracle = SelectKBest(f_classif, k=top).fit(TRAIN[numbers], LABEL)
    chosen = [name for name, stays in zip(numbers, oracle.get_support(), strict=True) if stays]
    assert list(learned.transformer.outputs) == chosen


def test_what_is_to_be_kept_stays_with_all_its_columns():
    asked = declared(numeric=NUMBERS, categorical=["town"], select={"top": 3, "keep": ["town"]})
    outputs = fit(TRAIN, asked, TYPES, LABEL).transformer.outputs
    assert list(outputs) == ["town=Bonn", "town=Kiel", "town=Ulm"]


def test_a_record_need_not_name_what_was_left_out():
    asked = declared(
        numeric=["strong", "noise"],
        interactions=[["noise", "noise"]],
        categorical=["town"],
        select={"top": 1},
    )
    learned = fit(TRAIN, asked, TYPES, LABEL)
    assert learned.transformer.inputs == ["strong"]
    again = FeatureTransformer.from_json(learned.transformer.to_json())
    assert (again.transform(TRAIN[["strong"]]) == learned.train).all()


def test_a_product_that_stays_keeps_its_factors():
    asked = declared(
        numeric=["strong", "noise"],
        interactions=[["strong", "noise"]],
        select={"top": 1, "keep": ["strong*noise"]},
    )
    transformer = fit(TRAIN, asked, TYPES, LABEL).transformer
    assert list(transformer.outputs) == ["strong*noise"]
    assert transformer.inputs == ["strong", "noise"]


def test_a_rule_that_leaves_nothing_is_refused():
    with pytest.raises(FeatureError, match=r"no feature stays: features\.select leaves out every column"):
        fit(TRAIN, declared(numeric=NUMBERS, select={"minimum_variance": 1e9}), TYPES, LABEL)
