"""Ratios, dates, lengths, crosses and bins: by hand, and with what is absent."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest

from jobs.features.columns import FeatureError
from jobs.features.sources import Bins, Cross
from tests.support.features import declared, fit

TYPES = {
    "debt": "number",
    "income": "number",
    "at": "timestamp",
    "born": "date",
    "note": "string",
    "job": "string",
    "town": "string",
}
ROWS = pd.DataFrame(
    {
        "debt": [10.0, 0.0, 30.0, None],
        "income": [100.0, 50.0, 0.0, 10.0],
        "at": pd.to_datetime(["2026-01-31 23:59:59", "2026-12-25 06:00:00", None, "2024-02-29 00:00:00"]),
        "born": [pd.Timestamp("1990-05-01").date()] * 4,
        "note": ["two words", "", None, "año 2026"],
        "job": ["clerk", "cook", "clerk", None],
        "town": ["Bonn", "Bonn", None, "Kiel"],
    }
)


def made(rows: pd.DataFrame = ROWS, **parts: Any) -> dict[str, list[float]]:
    transformer = fit(ROWS, declared(scale="none", **parts), TYPES).transformer
    table = transformer.transform(rows)
    return {name: table[:, place].tolist() for place, name in enumerate(transformer.outputs)}


def test_a_ratio_without_a_divisor_is_absent_and_imputed():
    """10/100 and 0/50 can be told; 30/0 and nothing/10 take their median, 0.05."""
    assert made(interactions=[{"ratio": ["debt", "income"]}]) == {
        "debt/income": pytest.approx([0.1, 0.0, 0.05, 0.05])
    }


def test_parts_of_a_date():
    parts = ["year", "quarter", "month", "day", "day_of_year", "weekday", "weekend", "hour"]
    table = made(dates=[{"column": "at", "parts": parts, "impute": "most_frequent"}])
    assert {name: values[:2] for name, values in table.items()} == {
        "at.year": [2026, 2026],
        "at.quarter": [1, 4],
        "at.month": [1, 12],
        "at.day": [31, 25],
        "at.day_of_year": [31, 359],
        "at.weekday": [5, 4],  # a Saturday and a Friday
        "at.weekend": [1, 0],
        "at.hour": [23, 6],
    }
    assert table["at.weekday"][3] == 3  # 29 February 2024 was a Thursday


def test_a_cycle_has_no_end():
    table = made(dates=[{"column": "at", "parts": ["month", "year"], "cyclic": True}])
    assert list(table) == ["at.month.sin", "at.month.cos", "at.year"]
    assert table["at.month.cos"][1] == pytest.approx(math.cos(2 * math.pi * 11 / 12))
    january, december = (
        np.array([table[f"at.month.{turn}"][place] for turn in ("sin", "cos")]) for place in (0, 1)
    )
    assert np.linalg.norm(january - december) == pytest.approx(2 * math.sin(math.pi / 12))


def test_a_time_is_the_same_from_parquet_and_from_json():
    parts = [{"column": "at", "parts": ["month", "hour"]}, {"column": "born", "parts": ["year"]}]
    rows = pd.DataFrame(
        [
            {"at": "2026-01-31T23:59:59", "born": "1990-05-01"},
            {"at": "2026-02-01T01:59:59+02:00", "born": "1990-05-01"},  # the same moment, elsewhere
        ],
        dtype=object,
    )
    table = made(rows, dates=parts)
    assert table == {"at.month": [1, 1], "at.hour": [23, 23], "born.year": [1990, 1990]}


def test_what_is_no_time_is_refused():
    rows = pd.DataFrame([{"at": "31.01.2026"}], dtype=object)
    with pytest.raises(FeatureError, match="at: expected ISO 8601 dates or times"):
        made(rows, dates=[{"column": "at", "parts": ["month"]}])


def test_lengths_of_texts():
    table = made(texts=[{"column": "note", "measures": ["characters", "words", "digits"], "fill": -1.0}])
    assert table == {
        "note.characters": [9, 0, -1, 8],
        "note.words": [2, 0, -1, 2],
        "note.digits": [0, 0, -1, 4],
    }


def test_a_cross_is_absent_where_one_column_is():
    table = made(interactions=[{"cross": ["job", "town"]}])
    assert table == {
        "job&town=clerk&Bonn": [1, 0, 0, 0],
        "job&town=cook&Bonn": [0, 1, 0, 0],
        "job&town=missing": [0, 0, 1, 1],
    }
    unseen = pd.DataFrame([{"job": "cook", "town": "Kiel"}])
    assert sum(column[0] for column in made(unseen, interactions=[{"cross": ["job", "town"]}]).values()) == 0


def test_a_cross_of_three_columns_counts_each_triple():
    draw = np.random.default_rng(1)
    rows = pd.DataFrame({name: draw.choice(["x", "y", None], 300) for name in ("debt", "job", "town")})
    texts = Cross(("debt", "job", "town")).texts(rows, {**TYPES, "debt": "string"})
    expected = [None if row.isna().any() else "&".join(row) for _, row in rows.iterrows()]
    assert [texts.values[code] if code >= 0 else None for code in texts.codes] == expected


def test_pairs_that_read_alike_are_one_category():
    rows = pd.DataFrame({"job": ["a&b", "a"], "town": ["c", "b&c"]})
    texts = Cross(("job", "town")).texts(rows, TYPES)
    assert (texts.codes.tolist(), texts.values) == ([0, 0], ["a&b&c"])


def test_bins_with_declared_edges():
    table = made(bins=[{"column": "income", "edges": [10.0, 100.0]}])
    assert table == {
        "income.bin=<10": [0, 0, 1, 0],
        "income.bin=10..100": [0, 1, 0, 1],  # an edge begins its bin
        "income.bin=>=100": [1, 0, 0, 0],
    }


def test_bins_in_order():
    table = made(bins=[{"column": "income", "edges": [10.0, 100.0], "encode": "ordinal"}])
    assert table == {"income.bin.order": [2, 1, 0, 1]}


def test_bins_by_quantile_hold_equally_many_training_rows():
    rows = pd.DataFrame({"income": np.random.default_rng(2).lognormal(8, 1, 4000)})
    asked = declared(bins=[{"column": "income", "count": 4}])
    learned = fit(rows, asked, TYPES)
    assert learned.train.sum(axis=0).tolist() == [1000] * 4
    edges = learned.transformer.categorical[0].source.edges
    assert edges == pytest.approx(np.percentile(rows["income"], [25, 50, 75]))


def test_bins_by_width_are_equally_wide():
    asked = declared(bins=[{"column": "income", "count": 4, "by": "width"}])
    assert fit(ROWS, asked, TYPES).transformer.categorical[0].source.edges == (25, 50, 75)


def test_bins_of_one_value_are_refused():
    with pytest.raises(FeatureError, match="income: 4 bins of values that are all 7; there is no edge"):
        fit(ROWS.assign(income=7.0), declared(bins=[{"column": "income", "count": 4}]), TYPES)


def test_edges_that_need_more_digits_are_told_whole():
    assert Bins("income", (0.1 + 0.2,)).values == ["<0.30000000000000004", ">=0.30000000000000004"]
