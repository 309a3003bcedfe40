"""What is written as a text reads back the same; Python's own parsers are the judges."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobs.feature_store import ingest as job_module
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
        ([3.0, None, float("nan"), -0.0], "integer", pa.float64(), ["3", None, None, "0"]),
        ([None, None], "integer", pa.null(), [None, None]),
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


# --- whole records ----------------------------------------------------------------------------------

KINDS = {
    "text": ("string", pa.string(), st.text(st.characters(codec="utf-8"))),
    "whole": ("integer", pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "gappy": ("integer", pa.float64(), st.integers(-(2**53), 2**53).map(float)),
    "pay": ("number", pa.float64(), st.floats(allow_nan=False, allow_infinity=False)),
    "small": ("number", pa.float32(), st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "owner": ("boolean", pa.bool_(), st.booleans()),
    "seen": ("timestamp", pa.timestamp("us"), st.datetimes()),
    "since": ("date", pa.date32(), st.dates()),
}
READ_BACK: dict[str, Callable[[str], Any]] = {
    **FROM_TEXT, "timestamp": datetime.fromisoformat, "date": date.fromisoformat
}  # fmt: skip
# What Feature Store takes, and nothing around it.
STORED = {"integer": r"-?[0-9]+", "number": r"-?[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?", "boolean": "[01]"}
AWKWARD = {
    "text": '"\\\n\u2028\x00', "whole": -(2**63), "gappy": 1e15, "pay": 1e22, "small": 2.0**-149,
    "owner": False, "seen": datetime.fromisoformat("0001-01-01T00:00:00.000001"), "since": date(1, 1, 1),
}  # fmt: skip


@st.composite
def rows_of_all_kinds(draw: st.DrawFn) -> list[dict[str, Any]]:
    row = st.fixed_dictionaries({name: st.none() | values for name, (_, _, values) in KINDS.items()})
    return draw(st.lists(row, min_size=1, max_size=8))


@given(rows_of_all_kinds(), st.integers(1, 4))
@example([AWKWARD, dict.fromkeys(KINDS), AWKWARD | {"pay": -0.0, "gappy": -0.0, "text": ""}], 2)
@example([AWKWARD | {"pay": 5e-324}, AWKWARD | {"pay": 1.7976931348623157e308, "text": "\U0001f600"}], 1)
def test_a_record_is_what_its_row_is_value_by_value(rows: list[dict[str, Any]], piece: int) -> None:
    """Made column by column, read one by one: the same values to the last bit, none where none was."""
    config = {
        "data": {
            "key": "id",
            "columns": [{"name": name, "type": kind} for name, (kind, _, _) in KINDS.items()],
            "label": {"column": "paid"},
        },
        "feature_store": {"entity": None, "event_time": None, "features": None},
    }
    columns = {name: pa.array([row[name] for row in rows], type_) for name, (_, type_, _) in KINDS.items()}
    table = pa.table({"id": [f"A{number}" for number in range(len(rows))], **columns})
    times = pa.chunked_array([[1_768_521_600_000 + number for number in range(len(rows))]])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(job_module, "RECORDS_A_PIECE", piece)
        made = [json.loads(record) for record in job_module.records(table, times, config)]
    assert len(made) == len(rows)
    for number, (row, record) in enumerate(zip(rows, made, strict=True)):
        texts = {each["FeatureName"]: each["ValueAsString"] for each in record}
        assert len(texts) == len(record)
        assert texts.pop("id") == f"A{number}"
        assert float(texts.pop("event_time")) == 1_768_521_600 + number / 1000
        for name, value in row.items():
            kind = KINDS[name][0]
            if value is None:
                assert name not in texts
                continue
            text = texts.pop(name)
            assert re.fullmatch(STORED.get(kind, "(?s).*"), text), text
            read = READ_BACK[kind](text)
            assert read == value
            if name == "pay":
                assert math.copysign(1, read) == math.copysign(1, value)
        assert texts == {}
