"""The buffer's rows as columns: the fast reading and the other one find the same."""

from __future__ import annotations

from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from local_aws.services.sagemaker.feature_store.offline import _plain_texts, _texts
from local_aws.services.sagemaker.feature_store.schema import Schema, _encode

NAMES = ("id", "at", "x", "y")
SCHEMA = Schema(
    {
        "FeatureGroupName": "g",
        "FeatureGroupArn": "arn",
        "StoreId": "s",
        "RecordIdentifierFeatureName": "id",
        "EventTimeFeatureName": "at",
        "FeatureDefinitions": [{"FeatureName": name, "FeatureType": "String"} for name in NAMES],
    }
)
VALUE = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.sampled_from(
        ["", "null", "NA", " ", ",", '"', '""', "],[", "]", "[", "\\", "\n", "\r", "\u2028", "1,2", "'"]
    ),
)
ROWS = st.lists(st.lists(VALUE, min_size=4, max_size=4), min_size=1, max_size=6)


@settings(max_examples=400, deadline=None)
@given(ROWS)
@example([["1", "t", None, None]])
@example([["1", "t", "", "null"], ["2", "u", None, "],["]])
def test_both_ways_of_reading_find_what_was_written(rows: list[list[Any]]) -> None:
    text = "\n".join(map(_encode, rows))
    expected = {name: [row[place] for row in rows] for place, name in enumerate(NAMES)}
    for found in (_texts(SCHEMA, text), _plain_texts(SCHEMA, text)):
        if found is not None:
            assert {name: column.to_pylist() for name, column in found.items()} == expected


def test_plain_rows_are_read_the_fast_way() -> None:
    found = _plain_texts(SCHEMA, '["1","t","],[",null]\n["2","u","","ü, x"]')
    assert found is not None
    assert {name: column.to_pylist() for name, column in found.items()} == {
        "id": ["1", "2"], "at": ["t", "u"], "x": ["],[", ""], "y": [None, "ü, x"],
    }  # fmt: skip


def test_rows_from_before_features_were_added() -> None:
    text = '["1","t"]\n["2","u","a","b"]'
    assert _plain_texts(SCHEMA, text) is None
    assert _texts(SCHEMA, text)["y"].to_pylist() == [None, "b"]
