"""Tables and targets: kinds of columns, problem types, folds, and data that cannot be learned from."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from local_aws.images.autopilot import table, target
from local_aws.images.autopilot.contract import BINARY, MULTICLASS, REGRESSION
from local_aws.images.autopilot.problems import Unusable

ROWS = 600


def frame(**columns: Any) -> pd.DataFrame:
    """A table as a CSV file gives it: texts."""
    made = {"x": np.linspace(0, 1, ROWS), "y": ["yes", "no"] * (ROWS // 2), **columns}
    return pd.DataFrame({name: pd.Series(values).astype(str) for name, values in made.items()})


def load(rows: pd.DataFrame, **options: Any) -> target.Data:
    features = rows.drop(columns=["y", "w"], errors="ignore")
    return target.load(rows, None, target="y", columns=table.columns_of(features, {}), **options)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, 2.5, "", 1e-9], "numeric"),
        (["2026-01-02", "2026-01-03T04:05:06Z", "2025-12-31", ""], "datetime"),
        (["a", "b", "a", "c"], "categorical"),
        (["a", "a", "", "a"], "categorical"),
        (["a", "a", "a", "a"], "dropped"),
        (["", "", "", ""], "dropped"),
        (["id1", "id2", "id3", "id4"], "dropped"),
        (["it is late", "so what then", "go to bed now", "why should I"], "text"),
    ],
)
def test_the_kind_of_a_column(values: list[Any], kind: str) -> None:
    assert table.kind_of(pd.Series([str(value) or None for value in values])) == kind


def test_a_date_becomes_numbers() -> None:
    rows = pd.DataFrame({"d": ["2026-03-04T05:00:00Z", None]})
    made = table.prepared(rows, [table.Column("d", "datetime")])
    # 2026-03-04 is a Wednesday, 20516 days after 1970-01-01 (date -d 2026-03-04 +%s divided by 86400).
    assert made.iloc[0].tolist() == [2026, 3, 4, 2, 5, pytest.approx(20516 + 5 / 24)]
    assert made.iloc[1].isna().all()


def test_the_problem_type_is_inferred_as_autogluon_does() -> None:
    """Two values; words; few whole numbers; many or broken numbers (infer_problem_type)."""
    draw = np.random.default_rng(1)
    cases = {
        BINARY: pd.Series([3.5, 4.5] * 300),
        MULTICLASS: pd.Series(draw.integers(0, 10, 600)),
        REGRESSION: pd.Series(draw.normal(size=600)),
    }
    for problem, values in cases.items():
        assert target.infer_problem(values.astype(str)) == problem
    assert target.infer_problem(pd.Series(["a", "b", "c"] * 200)) == MULTICLASS
    assert target.infer_problem(pd.Series(range(600)).astype(str)) == REGRESSION
    # 61 of 600 rows are more than a tenth.
    assert target.infer_problem(pd.Series(np.arange(600) % 61).astype(str)) == REGRESSION
    assert target.infer_problem(pd.Series(np.arange(600) % 60).astype(str)) == MULTICLASS
    assert target.infer_problem(pd.Series([0.5, 1.5, 2.5] * 200).astype(str)) == REGRESSION


def test_every_row_is_held_out_once() -> None:
    data = load(frame())
    assert data.classes == ["no", "yes"]
    assert len(data.folds) == 5
    assert sorted(data.measured) == list(range(ROWS))
    for learn, held in data.folds:
        assert not set(learn) & set(held)
        assert data.target[held].mean() == 0.5, "folds have the classes' shares"


def test_a_fraction_or_rows_of_their_own_are_held_out() -> None:
    ((learn, held),) = load(frame(), fraction=0.25).folds
    assert (len(learn), len(held)) == (450, 150)
    rows = frame()
    columns = table.columns_of(rows[["x"]], {})
    data = target.load(rows, rows.head(80), target="y", columns=columns)
    ((learn, held),) = data.folds
    assert (len(learn), list(held)) == (ROWS, list(range(ROWS, ROWS + 80)))


def test_classes_that_are_numbers_are_answered_as_the_file_has_them() -> None:
    data = load(frame(y=np.arange(ROWS) % 11))
    assert data.problem == MULTICLASS
    assert data.classes == [str(number) for number in range(11)], "in the order of numbers, not of texts"
    assert load(frame(y=np.arange(ROWS) % 2 * 1.0)).classes == ["0", "1"]


def test_rows_without_target_or_weight_do_not_count() -> None:
    rows = frame(w=[1.0, 2.0] * (ROWS // 2))
    rows.loc[:9, "y"] = None
    rows.loc[10:19, "w"] = "heavy"
    rows.loc[20:29, "w"] = "-1"
    data = load(rows, weights="w")
    assert data.weights is not None
    assert len(data.target) == len(data.weights) == ROWS - 30
    assert [column.name for column in data.columns] == ["x"]


UNUSABLE = {
    "ten rows": (frame().head(10), {}, "has 10 rows .*; a minimum of 500 rows is required"),
    "no positive label": (frame(y=["no"] * ROWS), {}, "'y' has the single value 'no' in all rows"),
    "one positive label": (
        frame(y=["yes"] + ["no"] * (ROWS - 1)),
        {},
        "'yes' of the target attribute 'y' stands in 1 row",
    ),
    "constant features": (frame(x=[7] * ROWS), {}, r"nothing to learn from: .* \(x\)"),
    "no target": (frame().rename(columns={"y": "z"}), {}, "'y' is not a column .*: x, z"),
    "no weights": (frame(), {"weights": "w"}, "sample weight attribute 'w' is not a column"),
    "a regression of words": (frame(), {"problem": REGRESSION}, "must be numeric; found 'yes'"),
    "three classes of two": (frame(y=["a", "b", "c"] * 200), {"problem": BINARY}, "has 3 different values"),
}


@pytest.mark.parametrize("case", UNUSABLE)
def test_what_cannot_be_learned_from_is_said(case: str) -> None:
    rows, options, words = UNUSABLE[case]
    with pytest.raises(Unusable, match=words):
        load(rows, **options)


def test_rows_of_a_class_that_stands_alone_are_left_out() -> None:
    data = load(frame(y=["a", "b", "c"] * 199 + ["a", "b", "once"]))
    assert data.classes == ["a", "b", "c"]
    assert len(data.target) == ROWS - 1
