"""Declared features: what the file may say, what is refused, and what the jobs are told."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from aws_ml.document import read
from aws_ml.exceptions import WorkflowInvalid
from aws_ml.schema import Workflow
from aws_ml.workflow import parse

FOLDER = Path(__file__).parents[3] / "include" / "workflows"
DEFAULTS = read("defaults.yaml", (FOLDER / "defaults.yaml").read_text())
GOOD = yaml.safe_load((FOLDER / "loan_approval.yaml").read_text())
CLIP = {"by": "iqr", "factor": 1.5}
BY_A_FLOW = {
    "engine": "data_wrangler",
    "flow": "loan_approval_features.flow",
    "output_node": "encoded",
    "numeric": [],
    "categorical": [],
    "interactions": [],
}


def parsed(**features: Any) -> Workflow:
    """The sample workflow with other features; columns for each type are there."""
    data = copy.deepcopy(GOOD)
    data["features"] = {**data["features"], **features}
    data["data"]["columns"] += [
        {"name": "born", "type": "date", "required": True},
        {"name": "member", "type": "boolean", "allowed": [True, False]},
        {"name": "note", "type": "string"},
        {"name": "moved", "type": "date"},
    ]
    return parse("loan_approval.yaml", yaml.safe_dump(data, sort_keys=False), DEFAULTS)


@pytest.mark.parametrize(
    "features",
    [
        {
            "numeric": ["age", {"column": "income", "scale": "log", "indicator": True, "fill": 0}],
            "interactions": [],
        },
        {"numeric": [{"column": "income", "outliers": {**CLIP, "then": "impute"}}], "interactions": []},
        {"outliers": {"by": "quantiles", "lower": 0.01, "upper": 0.99}, "scale": "quantile"},
        {"categorical": ["region", {"column": "purpose", "encode": "target", "smoothing": 5, "folds": 3}]},
        {
            "categorical": [{"column": "member", "encode": "ordinal", "order": ["false", "true"]}],
            "numeric": [],
            "interactions": [],
        },
        {"categorical": [{"column": "member", "encode": "ordinal", "order": ["true", "false"]}]},
        {"categorical": [{"column": "note", "encode": "hash", "buckets": 16, "unseen": "refuse"}]},
        {"interactions": [["income", "age"], {"ratio": ["existing_debt", "income"]}]},
        {"interactions": [{"ratio": ["income", "age"]}, {"ratio": ["age", "income"]}]},  # not the same
        {"interactions": [{"cross": ["region", "purpose", "sex"], "rare_share": 0.01}]},
        {"dates": [{"column": "applied_at", "parts": ["hour", "weekday"], "cyclic": True}]},
        {
            "dates": [{"column": "born", "parts": ["year"]}],
            "texts": [{"column": "note", "measures": ["words"]}],
        },
        {"bins": [{"column": "age", "edges": [30, 50]}, {"column": "income", "count": 10, "by": "width"}]},
        {"select": {"top": 5, "keep": ["age", "income*loan_amount"], "maximum_correlation": 0.95}},
        {"split": {"train": 0.5, "validation": 0.25, "test": 0.25, "time": "applied_at"}},
        BY_A_FLOW,
        {**BY_A_FLOW, "split": {"train": 0.5, "validation": 0.25, "test": 0.25}},
    ],
)
def test_what_may_be_said(features: dict[str, Any]) -> None:
    assert parsed(**features).features


@pytest.mark.parametrize(
    ("features", "path", "says"),
    [
        # columns
        ({"numeric": ["age", {"column": "age", "scale": "log"}]}, "numeric[1]", "age for the second time"),
        ({"categorical": ["age"]}, "categorical[0]", "number; allowed: string or integer or boolean"),
        ({"categorical": ["region", "region"]}, "categorical[1]", "region for the second time"),
        ({"numeric": ["term_months"], "categorical": ["term_months"]}, "categorical[0]", "second time"),
        ({"dates": [{"column": "age", "parts": ["year"]}]}, "dates[0]", "allowed: timestamp or date"),
        ({"texts": [{"column": "age", "measures": ["words"]}]}, "texts[0]", "allowed: string"),
        ({"bins": [{"column": "region", "count": 3}]}, "bins[0]", "allowed: integer or number"),
        ({"bins": [{"column": "age", "count": 3}] * 2}, "bins[1]", "age for the second time"),
        ({"bins": [{"column": "approved", "count": 3}]}, "bins[0]", "the label; allowed: others"),
        ({"interactions": [{"cross": ["approved", "sex"]}]}, "interactions[0]", "approved, the label"),
        (
            {"interactions": [{"cross": ["region", "region"]}]},
            "interactions[0]",
            "region for the second time",
        ),
        ({"interactions": [{"ratio": ["income", "incme"]}]}, "interactions[0]", "did you mean income?"),
        ({"interactions": [{"ratio": ["income", "sex"]}]}, "interactions[0]", "sex of type string"),
        (
            {"interactions": [["age", "income"], ["income", "age"]]},
            "interactions[1]",
            "the product of income",
        ),
        (
            {"interactions": [{"ratio": ["age", "income"]}] * 2},
            "interactions[1]",
            "the ratio of age and income",
        ),
        ({"dates": [{"column": "wen", "parts": ["year"]}]}, "dates[0]", "allowed: application_id"),
        # shapes
        (
            {"interactions": [{"ratios": ["age", "income"]}]},
            "interactions[0]",
            "an item with `ratio` or `cross`",
        ),
        (
            {"interactions": [{"ratio": ["age", "income"], "rar_share": 0.1}]},
            "interactions[0].rar_share",
            "did you mean rare_share?",
        ),
        ({"interactions": [{"ratio": ["age"]}]}, "interactions[0].ratio", "at least 2 items"),
        ({"numeric": [{"column": "age", "scal": "log"}]}, "numeric[0].scal", "unknown key"),
        ({"numeric": [{"column": "age", "scale": "logg"}]}, "numeric[0].scale", "'none', 'standard'"),
        ({"numeric": [3]}, "numeric[0]", "found 3"),
        ({"dates": [{"column": "born", "parts": ["week"]}]}, "dates[0].parts[0]", "'weekday'"),
        # options
        ({"numeric": [{"column": "age", "fill": 1, "impute": "mean"}]}, "numeric[0].fill", "one of the two"),
        ({"numeric": [{"column": "age", "fill": float("inf")}]}, "numeric[0].fill", "a finite number"),
        ({"outliers": {"by": "iqr"}}, "outliers.factor", "missing for `by: iqr`; allowed: factor"),
        ({"outliers": {**CLIP, "lower": 1}}, "outliers.lower", "found for `by: iqr`; allowed: factor"),
        ({"outliers": {"by": "bounds", "lower": 2, "upper": 1}}, "outliers.lower", "less than upper, 1"),
        ({"outliers": {"by": "quantiles", "lower": -1, "upper": 1}}, "outliers", "quantiles from 0 to 1"),
        (
            {"numeric": [{"column": "age", "outliers": {"by": "z_score"}}]},
            "numeric[0].outliers.factor",
            "missing",
        ),
        (
            {"categorical": [{"column": "region", "buckets": 8}]},
            "categorical[0].buckets",
            "found with `encode: one_hot`; allowed: with hash only",
        ),
        (
            {"categorical": [{"column": "region", "encode": "target", "order": ["north"]}]},
            "categorical[0].order",
            "allowed: with one_hot and ordinal only",
        ),
        (
            {"categorical": [{"column": "region", "order": ["north", "south", "east", "north"]}]},
            "categorical[0].order",
            "lacks west, which region may be",
        ),
        (
            {"categorical": [{"column": "region", "order": ["north", "south", "east", "west", "north"]}]},
            "categorical[0].order[4]",
            "north for the second time",
        ),
        (
            {"categorical": [{"column": "note", "buckets": 1}]},
            "categorical[0].buckets",
            "greater than or equal to 2",
        ),
        ({"bins": [{"column": "age"}]}, "bins[0]", "exactly one of them"),
        ({"bins": [{"column": "age", "count": 3, "edges": [1]}]}, "bins[0]", "exactly one of them"),
        ({"bins": [{"column": "age", "edges": [5, 4]}]}, "bins[0].edges", "each larger than the one before"),
        (
            {"bins": [{"column": "age", "count": 3, "order": ["a"]}]},
            "bins[0].order",
            "since they are in order",
        ),
        ({"dates": [{"column": "born", "parts": ["hour"]}]}, "dates[0].parts", "born is a date"),
        ({"dates": [{"column": "born", "parts": ["day", "day"]}]}, "dates[0].parts", "each part once"),
        (
            {"texts": [{"column": "note", "measures": ["words"] * 2}]},
            "texts[0].measures",
            "each measure once",
        ),
        # a flow
        ({"engine": "spark"}, "engine", "'processing' or 'data_wrangler'"),
        ({"flow": "loan_approval_features.flow"}, "flow", "allowed: with data_wrangler only"),
        ({"output_node": "encoded"}, "output_node", "allowed: with data_wrangler only"),
        ({**BY_A_FLOW, "numeric": ["age"]}, "numeric", "allowed: none, as the flow says"),
        ({**BY_A_FLOW, "select": {"top": 3}}, "select", "allowed: only what the flow does itself"),
        ({**BY_A_FLOW, "outliers": CLIP}, "outliers", "allowed: only what the flow does itself"),
        ({**BY_A_FLOW, "flow": None}, "flow", "allowed: census_income.flow"),
        ({**BY_A_FLOW, "flow": "loan_features.flow"}, "flow", "found loan_features.flow; allowed: "),
        ({**BY_A_FLOW, "output_node": "encodd"}, "output_node", "found encodd; allowed: "),
        ({**BY_A_FLOW, "flow": "loan_approval.flow"}, "flow", "allowed, since single records need it, too"),
        # selection and split
        ({"select": {"keep": ["ages"]}}, "select.keep[0]", "did you mean age?"),
        ({"select": {"keep": ["age", "income"], "top": 1}}, "select.top", "at least the 2 of `keep`"),
        ({"split": {"time": "age"}}, "split.time", "type timestamp or date"),
        ({"split": {"time": "moved"}}, "split.time", "a required column"),
        ({"split": {"time": "when"}}, "split.time", "found"),
        ({"split": {"train": 0.8}}, "split", "train, validation and test that sum to 1"),
    ],
)
def test_a_fault_is_told_with_its_place_and_what_is_allowed(
    features: dict[str, Any], path: str, says: str
) -> None:
    with pytest.raises(WorkflowInvalid) as caught:
        parsed(**features)
    line = rf"^(loan_approval|defaults)\.yaml:\d+: {re.escape(f'features.{path}')}: .*{re.escape(says)}"
    assert [each for each in caught.value.problems if re.search(line, each)], "\n".join(caught.value.problems)


def test_jobs_are_told_everything_written_out() -> None:
    """Shorthand and defaults are the file's matter: a job reads items only."""
    features = parsed(numeric=["age", "income"], interactions=[["age", "income"]]).resolved()["features"]
    assert features["numeric"][0] == {
        "column": "age",
        "impute": None,
        "fill": None,
        "indicator": False,
        "outliers": None,
        "scale": None,
    }
    assert features["interactions"] == [{"product": ["age", "income"]}]
    assert features["encoders"] == {"smoothing": 10.0, "folds": 5, "buckets": 32}
    assert features["select"] == {
        "minimum_variance": None,
        "maximum_correlation": None,
        "top": None,
        "keep": [],
    }
