"""What a record must look like. Limits and forms are AWS's (developer guide, "Feature Store quotas" and
"Data types"; sizes of a record and its identifier as the service documents them)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local_aws.services.sagemaker.feature_store.schema import Schema, iso_seconds, iso_text, unix_seconds
from local_aws.wire.errors import AwsError
from tests.support.feature_store import record

NOON = "2026-01-15T12:00:00Z"
# `date -u -d 2026-01-15T12:00:00Z +%s`
NOON_SECONDS = 1768478400.0


def schema(
    time_kind: str = "String", ttl: dict[str, Any] | None = None, **kinds: str | tuple[str, str]
) -> Schema:
    """A group with the features id (String), at and those given, as name=type or name=(collection, type)."""
    definitions: list[dict[str, Any]] = [
        {"FeatureName": "id", "FeatureType": "String"},
        {"FeatureName": "at", "FeatureType": time_kind},
    ]
    for name, kind in kinds.items():
        if isinstance(kind, str):
            definitions.append({"FeatureName": name, "FeatureType": kind})
            continue
        definition = {"FeatureName": name, "CollectionType": kind[0], "FeatureType": kind[1]}
        if kind[0] == "Vector":
            definition["CollectionConfig"] = {"VectorConfig": {"Dimension": 3}}  # type: ignore[assignment]
        definitions.append(definition)
    online: dict[str, Any] = {"EnableOnlineStore": True, **({"TtlDuration": ttl} if ttl else {})}
    return Schema(
        {
            "FeatureGroupName": "g",
            "FeatureGroupArn": "arn:aws:sagemaker:us-east-1:000000000000:feature-group/g",
            "StoreId": "s",
            "RecordIdentifierFeatureName": "id",
            "EventTimeFeatureName": "at",
            "FeatureDefinitions": definitions,
            "OnlineStoreConfig": online,
        }
    )


def refusal(of: Schema, **values: Any) -> str:
    with pytest.raises(AwsError) as caught:
        of.read(record(**({"id": "1", "at": NOON} | values)))
    assert caught.value.code == "ValidationError"
    return caught.value.message


# --- event times ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (NOON, NOON_SECONDS),
        ("2026-01-15T12:00:00.000Z", NOON_SECONDS),
        ("2026-01-15T12:00:00.250Z", NOON_SECONDS + 0.25),
        ("1969-12-31T23:59:59Z", -1.0),
        ("2024-02-29T00:00:00Z", 1709164800.0),
        ("2026-01-15T12:00:00", None),
        ("2026-01-15T12:00:00+00:00", None),
        ("2026-01-15T12:00:00+01:00", None),
        ("2026-01-15 12:00:00Z", None),
        ("2026-01-15T12:00Z", None),
        ("2026-01-15T12:00:00.25Z", None),
        ("2026-01-15T12:00:00.250000Z", None),
        ("2026-02-29T00:00:00Z", None),
        ("2026-01-15T24:00:01Z", None),
        ("20260115T120000Z", None),
        ("2026-01-15T12:00:00Z\n", None),
        ("٢٠٢٦-01-15T12:00:00Z", None),  # digits, but not those of ISO 8601
        ("", None),
    ],
)
def test_event_times_as_text(text: str, seconds: float | None) -> None:
    assert iso_seconds(text) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1768478400", NOON_SECONDS),
        ("1768478400.25", NOON_SECONDS + 0.25),
        ("1.7684784e9", NOON_SECONDS),
        ("-1", -1.0),
        ("253402300799", 253402300799.0),  # the last second of the year 9999
        ("253402300800", None),
        ("-62135596800", -62135596800.0),  # the first of the year 1
        ("-62135596801", None),
        ("1e999", None),
        ("nan", None),
        ("Infinity", None),
        (NOON, None),
        ("0x10", None),
        ("", None),
    ],
)
def test_event_times_as_seconds(text: str, seconds: float | None) -> None:
    assert unix_seconds(text) == seconds


@settings(deadline=None)
@given(st.datetimes(min_value=datetime.fromisoformat("1000-01-01"), timezones=st.just(UTC)))
def test_a_time_is_written_as_it_is_read(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    assert iso_seconds(iso_text(whole.timestamp())) == pytest.approx(whole.timestamp(), abs=0.0011)


def test_the_type_of_the_event_time_says_its_form() -> None:
    assert schema().read(record(id="1", at=NOON)).time == NOON_SECONDS
    assert schema("Fractional").read(record(id="1", at="1768478400.5")).time == NOON_SECONDS + 0.5
    assert "must be an ISO-8601 time" in refusal(schema(), at="1768478400")
    assert "must be a Unix time in seconds" in refusal(schema("Fractional"), at="253402300800")


# --- TTL --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "seconds"),
    [("Seconds", 1), ("Minutes", 60), ("Hours", 3600), ("Days", 86400), ("Weeks", 604800)],
)
def test_a_record_expires_its_ttl_after_its_event_time(unit: str, seconds: int) -> None:
    group = {"Unit": unit, "Value": 3}
    assert schema(ttl=group).expires(NOON_SECONDS, None) == NOON_SECONDS + 3 * seconds


def test_a_records_own_ttl_goes_before_the_groups() -> None:
    days = {"Unit": "Days", "Value": 1}
    assert schema(ttl=days).expires(0.0, {"Unit": "Seconds", "Value": 5}) == 5.0
    assert schema().expires(0.0, days) == 86400.0
    assert schema().expires(0.0, None) is None


# --- values -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "fine", "wrong"),
    [
        (
            "Integral",
            ["0", "-7", "+7", "007", "9223372036854775807", "-9223372036854775808"],
            ["", "1.0", "1e3", "9223372036854775808", "-9223372036854775809", "1,2", " 1", "1_000", "٣", "x"],
        ),
        (
            "Fractional",
            ["0", "-1.5", "+.5", "5.", "1e-7", "1E+7", "0.1234567890123456789"],
            ["", "nan", "inf", "-Infinity", "1e999", "1,5", "1.5,2.5", " 1.5", "1_0.5", "0x1p3", "x"],
        ),
    ],
)
def test_numbers(kind: str, fine: list[str], wrong: list[str]) -> None:
    """Alone and beside another feature of their type: the quick look joins the values of a type."""
    for of in (schema(x=kind), schema(x=kind, y=kind)):
        for text in fine:
            values = of.values_of(of.read(record(id="1", at=NOON, x=text)).body)
            assert values[2] == text  # as it was written, not as a number is
        for text in wrong:
            assert "Feature x is " + kind in refusal(of, x=text)
            if "y" in of.names:
                assert "Feature x is " + kind in refusal(of, x=text, y="1")


def test_a_record_is_kept_in_the_order_of_the_definitions() -> None:
    of = schema(a="Integral", b="String")
    assert of.values_of(of.read(record(b="x", at=NOON, id="1")).body) == ["1", NOON, None, "x"]
    longer = schema(a="Integral", b="String", c="String")
    assert longer.values_of(of.read(record(b="x", at=NOON, id="1")).body) == ["1", NOON, None, "x", None]


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"z": "1"}, "Feature z is not defined in feature group g"),
        ({"a": ["1"]}, "Feature a has one value: give ValueAsString"),
        ({"tags": "x"}, "Feature tags is a Set: give ValueAsStringList"),
        ({"tags": ["x", "x"]}, "Feature tags is a set, and an element was given twice"),
        ({"v": ["1", "2"]}, "Feature v is a vector of 3 numbers, and 2 were given"),
        ({"v": ["1", "2", "x"]}, "Feature v is Fractional, and 'x' is not"),
        ({"id": ""}, "no value for its record identifier feature id"),
        ({"id": ["1"]}, "no value for its record identifier feature id"),
    ],
)
def test_what_does_not_fit(values: dict[str, Any], says: str) -> None:
    assert says in refusal(schema(a="Integral", tags=("Set", "String"), v=("Vector", "Fractional")), **values)


def test_a_feature_twice() -> None:
    twice = [*record(id="1", at=NOON, a="1"), *record(a="2")]
    with pytest.raises(AwsError, match="Feature a stands in the record twice"):
        schema(a="Integral").read(twice)


def test_a_value_that_is_neither_text_nor_list() -> None:
    with pytest.raises(AwsError, match="give either ValueAsString or ValueAsStringList"):
        schema(a="Integral").read([*record(id="1", at=NOON), {"FeatureName": "a", "ValueAsString": None}])


# --- sizes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("letter", "size"), [("a", 1), ("é", 2), ("漢", 3), ("🙂", 4)])
def test_sizes_are_bytes(letter: str, size: int) -> None:
    """An identifier has at most 2 KB, a record 350 KB of values."""
    of = schema(text="String")
    longest = 2048 // size
    of.read(record(id=letter * longest, at=NOON))
    assert "at most 2048 are allowed" in refusal(of, id=letter * (longest + 1))
    rest = 350 * 1024 - len("1") - len(NOON)
    of.read(record(id="1", at=NOON, text=letter * (rest // size)))
    assert "at most 358400 are allowed" in refusal(of, text=letter * (rest // size + 1))


def test_records_that_come_alike_are_not_longer_either() -> None:
    """The pattern leaves what is empty, or comes near a limit, to those who count."""
    of = schema()
    of.learn([record(id="1", at=NOON)] * 2)
    for text, is_read in (("é", True), ("a" * 512, True), ("", False), ("a" * 2049, False)):
        entries = [{"FeatureGroupName": "g", "Record": record(id=text, at=NOON)}]
        rows = of.read_alike(json.dumps({"Entries": entries}, ensure_ascii=False))
        assert rows == ([(text, NOON_SECONDS, f'["{text}","{NOON}"]')] if is_read else None)


def test_an_identifier_to_delete_is_checked_too() -> None:
    of = schema()
    of.check_identifier("a" * 2048)
    for text, says in (("", "must not be empty"), ("a" * 2049, "at most 2048 are allowed")):
        with pytest.raises(AwsError, match=says):
            of.check_identifier(text)
