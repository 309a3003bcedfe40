"""What is written as a text reads back the same; Python's own parsers are the judges."""

from __future__ import annotations

import json
import math
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.feature_store.ingest import member
from jobs.feature_store.records import FROM_TEXT
from jobs.feature_store.texts import as_text


def texts(values: list[Any], kind: str, type_: pa.DataType) -> list[str | None]:
    found: list[str | None] = as_text(pa.chunked_array([pa.array(values, type_)]), kind).to_pylist()
    return found


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_read_back_to_the_last_bit(values: list[float]) -> None:
    for value, text in zip(values, texts(values, "number", pa.float64()), strict=True):
        assert text is not None
        assert math.copysign(1, FROM_TEXT["number"](text)) == math.copysign(1, value)
        assert FROM_TEXT["number"](text) == value


@given(st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_integers(values: list[int]) -> None:
    assert texts(values, "integer", pa.int64()) == [str(value) for value in values]


@given(st.lists(st.datetimes(), min_size=1))
def test_times_are_as_python_writes_them(values: list[datetime]) -> None:
    assert texts(values, "timestamp", pa.timestamp("us")) == [value.isoformat() for value in values]


@given(st.lists(st.dates(), min_size=1))
def test_dates_are_as_python_writes_them(values: list[date]) -> None:
    assert texts(values, "date", pa.date32()) == [value.isoformat() for value in values]


@pytest.mark.parametrize(
    ("values", "kind", "type_", "expected"),
    [
        ([True, False, None], "boolean", pa.bool_(), ["1", "0", None]),
        ([float("nan"), float("inf"), None, 0.5], "number", pa.float64(), [None, None, None, "0.5"]),
        ([3, None], "number", pa.int64(), ["3", None]),
        (
            [None, datetime.fromisoformat("2026-01-15T10:00:00")],
            "timestamp",
            pa.timestamp("ns"),
            [None, "2026-01-15T10:00:00"],
        ),
        (["", None, "x"], "string", pa.string(), ["", None, "x"]),
    ],
)
def test_what_has_no_value_has_no_text(
    values: list[Any], kind: str, type_: pa.DataType, expected: list[str | None]
) -> None:
    assert texts(values, kind, type_) == expected


@given(st.lists(st.none() | st.text(st.characters(codec="utf-8"))))
def test_every_text_is_json(values: list[str | None]) -> None:
    """Quotes, backslashes, control characters and whatever else there is."""
    parts = member('na"me', pa.chunked_array([pa.array(values, pa.string())]), "").to_pylist()
    for value, part in zip(values, parts, strict=True):
        if value is None:
            assert part == ""
        else:
            assert json.loads(part) == {"FeatureName": 'na"me', "ValueAsString": value}
