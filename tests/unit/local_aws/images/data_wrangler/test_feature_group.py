"""Which tables become records of a feature group, and what is said of the others."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest

from local_aws.images.data_wrangler.feature_group import FeatureGroup, check
from local_aws.images.data_wrangler.problems import CannotDo
from tests.support.data_wrangler import table

NOON = datetime.fromisoformat("2026-01-15T12:00:00")
FITS: dict[str, Any] = {"id": [1, 2], "at": [NOON, NOON], "share": [0.5, None], "note": ["a", None]}


def group(**changes: str) -> FeatureGroup:
    features = {"id": "Integral", "at": "String", "share": "Fractional", "note": "String", **changes}
    return FeatureGroup("g", features, "id", "at")


def problem(features: dict[str, str], columns: dict[str, Any]) -> str:
    with pytest.raises(CannotDo) as caught:
        check(table({name: values for name, values in (FITS | columns).items() if values}), group(**features))
    return str(caught.value)


@pytest.mark.parametrize(
    ("features", "columns"),
    [
        ({}, {}),
        ({}, {"share": [1, None]}),
        ({}, {"note": [True, None]}),
        ({}, {"note": [date(2026, 1, 15), None]}),
        ({}, {"note": [1.5, None]}),
        ({}, {"at": ["2026-01-15T12:00:00Z", "2026-01-15T12:00:00.250Z"]}),
        ({"at": "Fractional"}, {"at": [1768478400.25, 1768478400.0]}),
        ({"at": "Fractional"}, {"at": [1768478400, 1768478400]}),
        ({"id": "String"}, {"id": ["x", "y"]}),
    ],
)
def test_tables_that_fit(features: dict[str, str], columns: dict[str, Any]) -> None:
    check(table(FITS | columns), group(**features))


@pytest.mark.parametrize(
    ("features", "columns", "says"),
    [
        ({}, {"note": None}, "there is no column for the features note"),
        ({"score": "Integral"}, {}, "there is no column for the features score"),
        (
            {},
            {"nota": ["a", "b"]},
            "the columns nota are no features; the group has id, at, share, note (did",
        ),
        ({}, {"id": [1.5, 2.5]}, "feature 'id' is Integral and its column is float; allowed: long"),
        ({}, {"share": ["1.5", None]}, "feature 'share' is Fractional and its column is string; allowed:"),
        ({}, {"at": [date(2026, 1, 15)] * 2}, "event time feature 'at' is String and its column is date"),
        ({"at": "Fractional"}, {}, "event time feature 'at' is Fractional and its column is datetime"),
        ({}, {"id": [7, None]}, "the record identifier 'id' is missing in 1 rows, first in row 1"),
        ({}, {"at": [NOON, None]}, "the event time 'at' is missing in 1 rows, first in row 1"),
        (
            {"id": "String"},
            {"id": ["x", " "]},
            "the record identifier 'id' is missing in 1 rows, first in row 1",
        ),
        (
            {},
            {"at": ["2026-01-15T12:00:00Z", "2026-01-15 12:00:00"]},
            "the event time 'at' is no time like 2026-01-15T06:00:00Z in 1 rows, first in row 1:"
            " '2026-01-15 12:00:00'",
        ),
    ],
)
def test_tables_that_do_not(features: dict[str, str], columns: dict[str, Any], says: str) -> None:
    assert says in problem(features, columns)


def test_all_that_is_wrong_is_said_at_once() -> None:
    said = problem({}, {"note": None, "share": ["x", "y"], "id": [7, None]})
    assert said.count(";") >= 2
    for word in ("features note", "'share' is Fractional", "'id' is missing"):
        assert word in said
