"""The transformer: fitted on what it is given, alike everywhere, readable, clear about what it refuses."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jobs.features.columns import FeatureError
from jobs.features.transformer import FeatureTransformer
from tests.support.features import declared, fit

TYPES = {
    "age": "integer",
    "pay": "number",
    "job": "string",
    "term": "integer",
    "vip": "boolean",
    "at": "timestamp",
}
FEATURES: dict[str, Any] = {
    "numeric": ["age", "pay"],
    "categorical": ["job", "term"],
    "interactions": [["age", "pay"]],
}
TRAIN = pd.DataFrame(
    {
        "age": [20.0, 30.0, 40.0, np.nan],
        "pay": [1.0, 1.0, 4.0, 100.0],
        "job": ["a", "b", None, "b"],
        "term": [12.0, 24.0, np.nan, 12.0],
        "vip": [True, False, True, False],
    }
)


def fitted(train: pd.DataFrame = TRAIN, **changes: Any) -> FeatureTransformer:
    return fit(train, declared(**{**FEATURES, **changes}), TYPES).transformer


def column(transformer: FeatureTransformer, rows: pd.DataFrame, name: str) -> list[float]:
    return transformer.transform(rows)[:, transformer.outputs.index(name)].tolist()


def test_columns_have_names_and_an_order():
    assert fitted().inputs == ["age", "pay", "job", "term"]
    assert list(fitted().outputs) == [
        "age",
        "pay",
        "age*pay",
        "job=a",
        "job=b",
        "job=missing",
        "term=12",
        "term=24",
        "term=missing",
    ]


@pytest.mark.parametrize(("how", "fill"), [("median", 30.0), ("mean", 30.0)])
def test_an_absent_number_becomes_the_training_rows_middle(how: str, fill: float):
    transformer = fitted(impute={"numeric": how, "categorical": "constant"}, scale="none")
    assert column(transformer, TRAIN, "age") == [20, 30, 40, fill]


def test_standard_scaling_gives_mean_0_and_deviation_1():
    values = np.array(column(fitted(), TRAIN, "pay"))
    assert values.mean() == pytest.approx(0, abs=1e-7)
    assert values.std() == pytest.approx(1, rel=1e-6)


def test_min_max_scaling_gives_0_to_1():
    assert column(fitted(scale="min_max"), TRAIN, "age") == [0, 0.5, 1, 0.5]


def test_a_constant_column_is_0_and_not_a_division_by_zero():
    train = TRAIN.assign(pay=7.0)
    for scale in ("standard", "min_max"):
        assert column(fitted(train, scale=scale), train, "pay") == [0, 0, 0, 0]


def test_interactions_multiply_scaled_numbers():
    transformer = fitted()
    product = np.array(column(transformer, TRAIN, "age")) * np.array(column(transformer, TRAIN, "pay"))
    assert column(transformer, TRAIN, "age*pay") == pytest.approx(product.tolist(), rel=1e-6)


def test_a_category_is_one_column_and_an_unseen_one_is_none():
    rows = TRAIN.assign(job=["b", "z", None, "a"])
    assert column(fitted(), rows, "job=b") == [1, 0, 0, 0]
    unseen = fitted().transform(rows)[1]
    assert [unseen[fitted().outputs.index(f"job={name}")] for name in ("a", "b", "missing")] == [0, 0, 0]


def test_an_absent_category_may_become_the_most_frequent():
    transformer = fitted(impute={"numeric": "median", "categorical": "most_frequent"})
    assert "job=missing" not in transformer.outputs
    assert column(transformer, TRAIN, "job=b") == [0, 1, 1, 1]
    equally = TRAIN.assign(job=["b", "a", None, None])
    tie = fitted(equally, impute={"numeric": "median", "categorical": "most_frequent"})
    assert column(tie, TRAIN.assign(job=None), "job=a") == [1, 1, 1, 1]


def test_a_whole_number_is_the_same_category_with_and_without_absent_ones():
    """pandas makes 12 a 12.0 as soon as one value is absent."""
    whole = TRAIN.assign(term=[12, 24, 12, 12])
    assert column(fitted(), whole, "term=12") == [1, 0, 1, 1]


def test_only_what_it_is_fitted_on_counts():
    before = fitted().to_json()
    other = TRAIN.assign(pay=[9.0, 9.0, 9.0, 9.0], job="q")
    transformer = fitted()
    transformer.transform(other)
    assert transformer.to_json() == before


def test_rows_do_not_influence_each_other():
    transformer = fitted()
    whole = transformer.transform(TRAIN)
    single = np.vstack([transformer.transform(TRAIN.iloc[[index]]) for index in range(len(TRAIN))])
    assert (whole == single).all()


@given(
    pays=st.lists(st.floats(-1e12, 1e12) | st.none(), min_size=1, max_size=20).filter(any),
    jobs=st.lists(st.text(max_size=5), min_size=1, max_size=5),
)
@settings(max_examples=100, deadline=None)
def test_a_transformer_read_back_does_exactly_the_same(pays: list[float | None], jobs: list[str]):
    train = pd.DataFrame({"pay": pays, "job": [jobs[index % len(jobs)] for index in range(len(pays))]})
    features = declared(numeric=["pay"], categorical=["job"], interactions=[["pay", "pay"]])
    transformer = fit(train, features, TYPES).transformer
    again = FeatureTransformer.from_json(transformer.to_json())
    assert again == transformer
    assert again.digest == transformer.digest
    made = again.transform(train)
    assert (made == transformer.transform(train)).all()
    assert np.isfinite(made).all()


def test_the_document_is_plain_json_with_schema_and_digest():
    document = json.loads(fitted().to_json())
    assert document["version"] == 2
    assert document["inputs"][0] == {"name": "age", "type": "integer"}
    assert document["outputs"][2] == {"name": "age*pay", "type": "float32"}
    assert document["digest"] == fitted().digest
    assert len(document["digest"]) == 64


def test_another_fit_has_another_digest():
    assert fitted().digest != fitted(TRAIN.assign(pay=[1.0, 1.0, 4.0, 100.1])).digest


@pytest.mark.parametrize(
    ("change", "complaint"),
    [({"version": 1}, "has version 1; this code reads 2"), ({"products": []}, "it was changed by hand")],
)
def test_a_document_that_is_not_whole_is_refused(change: dict[str, Any], complaint: str):
    document = {**json.loads(fitted().to_json()), **change}
    with pytest.raises(FeatureError, match=complaint):
        FeatureTransformer.from_json(json.dumps(document))


@pytest.mark.parametrize(
    ("train", "changes", "complaint"),
    [
        (
            TRAIN,
            {"numeric": ["salary"], "interactions": []},
            "salary: no such column; the workflow has age, pay",
        ),
        (TRAIN.drop(columns="pay"), {}, "pay: missing from the rows; they have age, job, term, vip"),
        (
            TRAIN,
            {"numeric": ["job"], "interactions": []},
            "job: a numeric feature is integer or number or boolean",
        ),
        (TRAIN, {"categorical": ["at"]}, "at: a categorical feature is string or integer"),
        (TRAIN.assign(pay=np.nan), {}, "pay: every training row lacks a value"),
        (TRAIN.assign(job=None), {}, "job: every training row lacks a value"),
        (TRAIN.assign(pay=["x", "1", "2", "3"]), {}, "pay: expected numbers"),
        (TRAIN.assign(pay=np.inf), {}, "pay: expected finite numbers"),
        (TRAIN, {"interactions": [["age", "vip"]]}, r"age\*vip needs vip among the numeric features"),
        (TRAIN.assign(pay=1e300), {"scale": "none"}, "pay: 1e.300 is too large for the model"),
        (TRAIN, {"numeric": [], "categorical": [], "interactions": []}, "names no features"),
    ],
)
def test_what_does_not_fit_is_named(train: pd.DataFrame, changes: dict[str, Any], complaint: str):
    with pytest.raises(FeatureError, match=complaint):
        fitted(train, **changes)


def test_booleans_may_be_numbers():
    transformer = fitted(numeric=["vip"], interactions=[], scale="none")
    assert column(transformer, TRAIN, "vip") == [1, 0, 1, 0]
