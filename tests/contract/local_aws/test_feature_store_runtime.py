"""Records put, asked for and deleted: which store has what, by event time. Rules: AWS's API reference."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.feature_store import (
    DEFINITIONS,
    created,
    group_request,
    offline_rows,
    plain,
    record,
    settled,
    table_of,
    until,
    updated,
)
from tests.support.lake import Lake
from tests.support.stand_in import StandIn

AT_SIX, AT_SEVEN, AT_EIGHT = (f"2026-01-15T0{hour}:00:00Z" for hour in (6, 7, 8))


class Group:
    """One feature group of a test's own."""

    def __init__(self, aws: StandIn, lake: Lake, **changes: Any) -> None:
        self.aws, self.lake = aws, lake
        self.name = f"group-{uuid.uuid4().hex[:12]}"
        self.described = created(aws, group_request(self.name, lake.bucket, **changes))
        self.runtime = aws.client("sagemaker-featurestore-runtime")

    def put(
        self, *, target: list[str] | None = None, ttl: dict[str, Any] | None = None, **values: Any
    ) -> None:
        more: dict[str, Any] = {"TargetStores": target} if target else {}
        more |= {"TtlDuration": ttl} if ttl else {}
        self.runtime.put_record(FeatureGroupName=self.name, Record=record(**values), **more)

    def get(self, identifier: str = "1", **more: Any) -> dict[str, Any]:
        answer = self.runtime.get_record(
            FeatureGroupName=self.name, RecordIdentifierValueAsString=identifier, **more
        )
        return plain(answer.get("Record", []))

    def delete(self, event_time: str, mode: str = "SoftDelete", **more: Any) -> None:
        self.runtime.delete_record(
            FeatureGroupName=self.name,
            RecordIdentifierValueAsString="1",
            EventTime=event_time,
            DeletionMode=mode,
            **more,
        )

    def rows(self, count: int) -> list[dict[str, Any]]:
        return offline_rows(self.lake, self.described, count)


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Any:
    running = StandIn(tmp_path_factory.mktemp("aws"), "--offline-store-seconds", "0.05")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def lake(stand_in: StandIn) -> Lake:
    return Lake(stand_in)


@pytest.fixture
def group(stand_in: StandIn, lake: Lake) -> Group:
    return Group(stand_in, lake)


def refused(call: Callable[[], Any], code: str = "ValidationError") -> str:
    """The message of a call that must be refused."""
    with pytest.raises(ClientError) as caught:
        call()
    assert caught.value.response["Error"]["Code"] == code
    return str(caught.value.response["Error"]["Message"])


# --- event time -------------------------------------------------------------------------------------


def test_a_record_is_online_at_once_and_offline_soon(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1.5, City="Köln, Süd")
    assert group.get() == {"customer_id": "1", "event_time": AT_SIX, "income": "1.5", "City": "Köln, Süd"}
    [row] = group.rows(1)
    assert {key: row[key] for key in ("customer_id", "event_time", "income", "city", "is_deleted")} == {
        "customer_id": "1",
        "event_time": AT_SIX,
        "income": "1.5",
        "city": "Köln, Süd",
        "is_deleted": "false",
    }
    assert row["api_invocation_time"] <= row["write_time"]
    assert [row[key] for key in ("year", "month", "day", "hour")] == ["2026", "01", "15", "06"]


def test_newer_goes_to_both_older_to_the_offline_store_only(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SEVEN, income=7)
    group.put(customer_id=1, event_time=AT_SIX, income=6)
    assert group.get()["income"] == "7"
    group.put(customer_id=1, event_time=AT_EIGHT, income=8)
    assert group.get()["income"] == "8"
    assert [(row["event_time"], row["income"]) for row in group.rows(3)] == [
        (AT_SEVEN, "7.0"), (AT_SIX, "6.0"), (AT_EIGHT, "8.0"),
    ]  # fmt: skip


def test_an_equal_event_time_writes_over_the_whole_record(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1, City="Bonn")
    group.put(customer_id=1, event_time="2026-01-15T06:00:00.000Z", income=2)
    assert group.get() == {"customer_id": "1", "event_time": "2026-01-15T06:00:00.000Z", "income": "2"}
    assert len(group.rows(2)) == 2


def test_milliseconds_order_records(group: Group) -> None:
    group.put(customer_id=1, event_time="2026-01-15T06:00:00.002Z", income=2)
    group.put(customer_id=1, event_time="2026-01-15T06:00:00.001Z", income=1)
    assert group.get()["income"] == "2"


def test_target_stores(group: Group) -> None:
    group.put(target=["OnlineStore"], customer_id=1, event_time=AT_SIX)
    group.put(target=["OfflineStore"], customer_id=2, event_time=AT_SEVEN)
    assert group.get("1") != {}
    assert group.get("2") == {}
    assert [row["customer_id"] for row in group.rows(1)] == ["2"]


def test_a_store_that_the_group_lacks(stand_in: StandIn, lake: Lake) -> None:
    offline = Group(stand_in, lake, OnlineStoreConfig=None)
    message = refused(lambda: offline.put(target=["OnlineStore"], customer_id=1, event_time=AT_SIX))
    assert message.endswith("does not have; it has OfflineStore.")
    assert "has no online store" in refused(offline.get)
    offline.put(customer_id=1, event_time=AT_SIX)
    assert len(offline.rows(1)) == 1
    online = Group(stand_in, lake, OfflineStoreConfig=None, RoleArn=None)
    online.put(customer_id=1, event_time=AT_SIX)
    assert online.get() != {}
    assert "does not have" in refused(
        lambda: online.put(target=["OfflineStore"], customer_id=1, event_time=AT_SIX)
    )


def test_fractional_event_times_are_seconds(stand_in: StandIn, lake: Lake) -> None:
    definitions = [DEFINITIONS[0], {"FeatureName": "event_time", "FeatureType": "Fractional"}]
    group = Group(stand_in, lake, FeatureDefinitions=definitions)
    group.put(customer_id=1, event_time="1768456800.5")  # `date -u -d 2026-01-15T06:00:00 +%s` -> 1768456800
    group.put(customer_id=1, event_time="1768456800.25")
    assert group.get()["event_time"] == "1768456800.5"
    rows = group.rows(2)
    assert {row["hour"] for row in rows} == {"06"}
    assert [float(row["event_time"]) for row in rows] == [1768456800.5, 1768456800.25]
    assert "it must be a Unix time in seconds" in refused(
        lambda: group.put(customer_id=1, event_time="1768456800000")  # of milliseconds: the year 58011
    )
    assert "'soon' is not a finite decimal" in refused(lambda: group.put(customer_id=1, event_time="soon"))


# --- asking -----------------------------------------------------------------------------------------


def test_no_record_is_an_empty_answer(group: Group) -> None:
    answer = group.runtime.get_record(FeatureGroupName=group.name, RecordIdentifierValueAsString="9")
    assert "Record" not in answer


def test_chosen_features(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1.5)
    assert group.get(FeatureNames=["income", "customer_id"]) == {"income": "1.5", "customer_id": "1"}
    assert group.get(FeatureNames=["City"]) == {}
    assert "Feature town is not defined" in refused(lambda: group.get(FeatureNames=["town"]))


def test_identifiers_that_a_url_must_escape(stand_in: StandIn, lake: Lake) -> None:
    definitions = [{"FeatureName": "customer_id", "FeatureType": "String"}, DEFINITIONS[1]]
    group = Group(stand_in, lake, FeatureDefinitions=definitions)
    for identifier in ("a b/c?d=e&f%20+ü", "'; DROP TABLE feature_online; --"):
        group.put(customer_id=identifier, event_time=AT_SIX)
        assert group.get(identifier)["customer_id"] == identifier


def test_a_group_by_its_arn(group: Group) -> None:
    arn = group.described["FeatureGroupArn"]
    group.runtime.put_record(FeatureGroupName=arn, Record=record(customer_id=1, event_time=AT_SIX))
    answer = group.runtime.get_record(FeatureGroupName=arn, RecordIdentifierValueAsString="1")
    assert plain(answer["Record"])["customer_id"] == "1"
    foreign = arn.replace("000000000000", "111111111111")
    refused(
        lambda: group.runtime.get_record(FeatureGroupName=foreign, RecordIdentifierValueAsString="1"),
        "ResourceNotFound",
    )


def test_a_group_that_is_not_there(group: Group) -> None:
    runtime = group.runtime
    values = record(customer_id=1, event_time=AT_SIX)
    assert "can't find a FeatureGroup with name none" in refused(
        lambda: runtime.put_record(FeatureGroupName="none", Record=values)
    )
    refused(
        lambda: runtime.get_record(FeatureGroupName="none", RecordIdentifierValueAsString="1"),
        "ResourceNotFound",
    )


def test_batch_get(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1)
    group.put(customer_id=2, event_time=AT_SIX, income=2)
    wanted = {"FeatureGroupName": group.name, "RecordIdentifiersValueAsString": ["2", "3", "1"]}
    absent = {"FeatureGroupName": "none", "RecordIdentifiersValueAsString": ["5"]}
    answer = group.runtime.batch_get_record(Identifiers=[{**wanted, "FeatureNames": ["income"]}, absent])
    assert [(each["RecordIdentifierValueAsString"], plain(each["Record"])) for each in answer["Records"]] == [
        ("2", {"income": "2"}), ("1", {"income": "1"}),
    ]  # fmt: skip
    [error] = answer["Errors"]
    assert (error["FeatureGroupName"], error["ErrorCode"]) == ("none", "ResourceNotFound")
    assert answer["UnprocessedIdentifiers"] == []


def test_list_records_in_pages(group: Group) -> None:
    for number in range(7):
        group.put(customer_id=number, event_time=AT_SIX)
    group.runtime.delete_record(
        FeatureGroupName=group.name, RecordIdentifierValueAsString="3", EventTime=AT_SEVEN
    )

    def listed(**more: Any) -> list[list[str]]:
        pages, token = [], None
        while True:
            following = {"NextToken": token} if token else {}
            answer = group.runtime.list_records(
                FeatureGroupName=group.name, MaxResults=3, **following, **more
            )
            pages.append(answer["RecordIdentifiers"])
            token = answer.get("NextToken")
            if not token:
                return pages

    assert listed() == [["0", "1", "2"], ["4", "5", "6"]]
    assert listed(IncludeSoftDeletedRecords=True) == [["0", "1", "2"], ["3", "4", "5"], ["6"]]


# --- deleting ---------------------------------------------------------------------------------------


def test_soft_delete_hides_the_record_and_marks_it(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1)
    group.delete(AT_SEVEN)
    assert group.get() == {}
    marker = group.rows(2)[1]
    assert (marker["customer_id"], marker["event_time"], marker["is_deleted"]) == ("1", AT_SEVEN, "true")
    assert marker["income"] is None
    group.put(customer_id=1, event_time=AT_SIX, income=2)  # older than the deletion
    assert group.get() == {}
    group.put(customer_id=1, event_time=AT_EIGHT, income=3)
    assert group.get()["income"] == "3"


def test_a_soft_delete_that_is_older_marks_only(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SEVEN)
    group.delete(AT_SIX)
    assert group.get() != {}
    assert [row["is_deleted"] for row in group.rows(2)] == ["false", "true"]


def test_hard_delete(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SEVEN)
    assert "older than the record's own" in refused(lambda: group.delete(AT_SIX, "HardDelete"))
    assert group.get() != {}
    group.delete(AT_EIGHT, "HardDelete")
    assert group.get() == {}
    group.put(customer_id=1, event_time=AT_SIX)  # nothing is left that would be newer
    assert group.get() != {}
    assert [row["is_deleted"] for row in group.rows(3)] == ["false", "true", "false"]


# --- time to live -----------------------------------------------------------------------------------


def test_the_groups_ttl_and_the_records_own(stand_in: StandIn, lake: Lake) -> None:
    online = {"EnableOnlineStore": True, "TtlDuration": {"Unit": "Days", "Value": 36500}}
    group = Group(stand_in, lake, OnlineStoreConfig=online)

    def expires() -> str | None:
        answer = group.runtime.get_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString="1", ExpirationTimeResponse="Enabled"
        )
        found: str | None = answer.get("ExpiresAt")
        return found

    group.put(customer_id=1, event_time=AT_SIX)
    assert expires() == "2125-12-22T06:00:00.000Z"  # `date -u -d '2026-01-15T06:00:00Z + 36500 days'`
    group.put(customer_id=1, event_time=AT_SIX, ttl={"Unit": "Weeks", "Value": 5000})
    assert expires() == "2121-11-13T06:00:00.000Z"
    assert "ExpiresAt" not in group.runtime.get_record(
        FeatureGroupName=group.name, RecordIdentifierValueAsString="1"
    )
    updated(stand_in, group.name, OnlineStoreConfig={"TtlDuration": {"Unit": "Hours", "Value": 1}})
    assert expires() == "2121-11-13T06:00:00.000Z"  # only records from now on
    group.put(customer_id=1, event_time=AT_SEVEN)
    assert group.get() == {}  # expired at eight on that day
    group.put(customer_id=1, event_time=AT_SIX, ttl={"Unit": "Weeks", "Value": 5000})
    assert group.get() != {}  # what has expired is no newer record
    assert len(group.rows(4)) == 4


# --- records that do not fit ------------------------------------------------------------------------

WRONG = {
    "a whole number": ({"customer_id": "1.5"}, "customer_id is Integral, and '1.5' is not a whole number"),
    "64 bits": ({"customer_id": "9223372036854775808"}, "is not a whole number of 64 bits"),
    "a comma": ({"customer_id": "1,2"}, "is not a whole number"),
    "underscores": ({"customer_id": "1_000"}, "is not a whole number"),
    "a decimal number": ({"income": "much"}, "income is Fractional, and 'much' is not a finite decimal"),
    "a finite number": ({"income": "1e999"}, "is not a finite decimal number"),
    "not a number": ({"income": "NaN"}, "is not a finite decimal number"),
    "an empty number": ({"income": ""}, "is not a finite decimal number"),
    "unknown": ({"age": "5"}, "Feature age is not defined in feature group"),
    "another case": ({"city": "Bonn"}, "Feature city is not defined in feature group"),
    "no zone": ({"event_time": "2026-01-15T06:00:00"}, "it must be an ISO-8601 time in UTC"),
    "another zone": ({"event_time": "2026-01-15T06:00:00+01:00"}, "it must be an ISO-8601 time in UTC"),
    "no such day": ({"event_time": "2026-02-30T06:00:00Z"}, "it must be an ISO-8601 time in UTC"),
    "a date": ({"event_time": "2026-01-15"}, "it must be an ISO-8601 time in UTC"),
    "microseconds": ({"event_time": "2026-01-15T06:00:00.000000Z"}, "it must be an ISO-8601 time in UTC"),
    "a list": ({"City": ["Bonn"]}, "Feature City has one value: give ValueAsString."),
    "too large": ({"City": "x" * 350_000, "income": "0." + "1" * 9_000}, "at most 358400 are allowed"),
}


@pytest.mark.parametrize(("change", "words"), WRONG.values(), ids=WRONG)
def test_a_record_that_does_not_fit(
    stand_in: StandIn, lake: Lake, one_group: Group, change: dict[str, Any], words: str
) -> None:
    values = {"customer_id": "1", "event_time": AT_SIX} | change
    assert words in refused(lambda: one_group.put(**values))
    assert one_group.get() == {}


@pytest.fixture(scope="module")
def one_group(stand_in: StandIn, lake: Lake) -> Group:
    return Group(stand_in, lake)


@pytest.mark.parametrize("missing", ["customer_id", "event_time"])
def test_a_record_without_its_name_or_time(one_group: Group, missing: str) -> None:
    values = {"customer_id": 1, "event_time": AT_SIX, "income": 1}
    del values[missing]
    assert f"has no value for its {'record identifier' if missing == 'customer_id' else 'event time'} " in (
        refused(lambda: one_group.put(**values))
    )


def test_a_feature_twice_and_a_feature_without_value(one_group: Group) -> None:
    values = record(customer_id=1, event_time=AT_SIX)
    put = one_group.runtime.put_record
    twice = [*values, *record(income=1), *record(income=2)]
    assert "income stands in the record twice" in refused(
        lambda: put(FeatureGroupName=one_group.name, Record=twice)
    )
    empty = [*values, {"FeatureName": "income"}]
    assert "Leave the feature out where it has no value" in refused(
        lambda: put(FeatureGroupName=one_group.name, Record=empty)
    )


def test_a_text_and_a_list_for_one_feature(one_group: Group) -> None:
    values = [*record(customer_id=1, event_time=AT_SIX)]
    values.append({"FeatureName": "income", "ValueAsString": "1", "ValueAsStringList": ["1"]})
    assert "give either ValueAsString or ValueAsStringList" in refused(
        lambda: one_group.runtime.put_record(FeatureGroupName=one_group.name, Record=values)
    )


def test_a_line_break_in_a_value(one_group: Group) -> None:
    """The model's pattern for values is ".*", which a line break does not match."""
    assert "regular expression pattern: .*" in refused(
        lambda: one_group.put(customer_id=1, event_time=AT_SIX, City="two\nlines")
    )


def test_an_identifier_that_is_too_long(stand_in: StandIn, lake: Lake) -> None:
    definitions = [{"FeatureName": "customer_id", "FeatureType": "String"}, DEFINITIONS[1]]
    group = Group(stand_in, lake, FeatureDefinitions=definitions)
    assert "at most 2048 are allowed" in refused(lambda: group.put(customer_id="ü" * 1025, event_time=AT_SIX))
    group.put(customer_id="ü" * 1024, event_time=AT_SIX)
    assert "must not be empty" in refused(
        lambda: group.runtime.delete_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString="", EventTime=AT_SIX
        )
    )


def test_numbers_that_are_written_in_other_ways(group: Group) -> None:
    group.put(customer_id="+0000000000000000000000000000007", event_time=AT_SIX, income="1.")
    group.put(customer_id="-9223372036854775808", event_time=AT_SIX, income="-.5e-3")
    assert [(row["customer_id"], float(row["income"])) for row in group.rows(2)] == [
        ("7", 1.0), ("-9223372036854775808", -0.0005),
    ]  # fmt: skip


def test_a_batch_writes_what_fits_and_tells_what_does_not(group: Group) -> None:
    entries = [
        {"FeatureGroupName": group.name, "Record": record(customer_id=number, event_time=AT_SIX)}
        for number in (1, "two", 3)
    ]
    answer = group.runtime.batch_write_record(Entries=entries)
    [error] = answer["Errors"]
    assert error["Entry"] == entries[1]
    assert (error["ErrorCode"], answer["UnprocessedEntries"]) == ("ValidationError", [])
    assert "'two' is not a whole number" in error["ErrorMessage"]
    assert sorted(row["customer_id"] for row in group.rows(2)) == ["1", "3"]


def test_a_batch_for_a_group_that_is_not_there_writes_nothing(group: Group) -> None:
    values = record(customer_id=1, event_time=AT_SIX)
    entries = [{"FeatureGroupName": name, "Record": values} for name in (group.name, "none")]
    refused(lambda: group.runtime.batch_write_record(Entries=entries), "ResourceNotFound")
    assert group.get() == {}


def test_the_ttl_of_a_batch_and_of_its_entries(group: Group) -> None:
    longer, shorter = {"Unit": "Weeks", "Value": 5000}, {"Unit": "Seconds", "Value": 1}
    entries = [
        {"FeatureGroupName": group.name, "Record": record(customer_id=1, event_time=AT_SIX)},
        {
            "FeatureGroupName": group.name,
            "Record": record(customer_id=2, event_time=AT_SIX),
            "TtlDuration": shorter,
        },
    ]
    assert group.runtime.batch_write_record(Entries=entries, TtlDuration=longer)["Errors"] == []
    assert group.get("1") != {}
    assert group.get("2") == {}


def test_faults_of_form_are_told_as_the_model_words_them(one_group: Group) -> None:
    """What fast reading does not take must be refused as everything else is."""
    client = one_group.aws.client("sagemaker-featurestore-runtime", config=_unchecked())
    name = one_group.name
    message = refused(lambda: client.put_record(FeatureGroupName=name, Record=[]))
    assert "Value null at 'record' failed to satisfy constraint: Member must not be null" in message
    bad = [{"FeatureName": "no spaces", "ValueAsString": "1"}]
    assert "at 'record.1.member.featureName' failed to satisfy constraint" in refused(
        lambda: client.put_record(FeatureGroupName=name, Record=bad)
    )
    values = record(customer_id=1, event_time=AT_SIX)
    assert "enum value set: [OnlineStore, OfflineStore]" in refused(
        lambda: client.put_record(FeatureGroupName=name, Record=values, TargetStores=["Both"])
    )
    entry = {"FeatureGroupName": name, "Record": values}
    assert "Member must have length less than or equal to 25" in refused(
        lambda: client.batch_write_record(Entries=[entry] * 26)
    )
    assert "ttlDuration.value" in refused(
        lambda: client.put_record(
            FeatureGroupName=name, Record=values, TtlDuration={"Unit": "Days", "Value": 0}
        )
    )
    assert one_group.get() == {}


def _unchecked() -> Any:
    from botocore.config import Config

    return Config(parameter_validation=False, retries={"total_max_attempts": 1})


# --- collections ------------------------------------------------------------------------------------

COLLECTIONS = [
    *DEFINITIONS[:2],
    {"FeatureName": "tags", "FeatureType": "String", "CollectionType": "Set"},
    {"FeatureName": "counts", "FeatureType": "Integral", "CollectionType": "List"},
    {
        "FeatureName": "embedding",
        "FeatureType": "Fractional",
        "CollectionType": "Vector",
        "CollectionConfig": {"VectorConfig": {"Dimension": 2}},
    },
]


def test_collections(stand_in: StandIn, lake: Lake) -> None:
    online = {"EnableOnlineStore": True, "StorageType": "InMemory"}
    group = Group(stand_in, lake, OnlineStoreConfig=online, FeatureDefinitions=COLLECTIONS)
    values = {"tags": ["a", "b"], "counts": ["1", "1", "2"], "embedding": ["0.5", "-1"]}
    group.put(customer_id=1, event_time=AT_SIX, **values)
    assert group.get() == {"customer_id": "1", "event_time": AT_SIX, **values}
    [row] = group.rows(1)
    assert (row["tags"], row["counts"], row["embedding"]) == ("[a, b]", "[1, 1, 2]", "[0.5, -1.0]")
    sums = lake.sql(f"SELECT reduce(counts, 0, (s, x) -> s + x, s -> s) FROM {table_of(group.described)}")  # noqa: S608
    assert sums == [["4"]]
    for wrong, words in (
        ({"tags": ["a", "a"]}, "is a set, and an element was given twice"),
        ({"counts": ["x"]}, "counts is Integral, and 'x' is not"),
        ({"embedding": ["1"]}, "a vector of 2 numbers, and 1 were given"),
        ({"counts": "1"}, "is a List: give ValueAsStringList"),
    ):
        assert words in refused(lambda wrong=wrong: group.put(customer_id=1, event_time=AT_SIX, **wrong))  # type: ignore[misc]


# --- updating ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second_version(stand_in: StandIn, lake: Lake) -> Group:
    return Group(stand_in, lake, OnlineStoreConfig={"EnableOnlineStore": True, "StorageType": "Standard_V2"})


def test_an_update_keeps_what_it_does_not_name(second_version: Group) -> None:
    group = second_version

    def update(**values: Any) -> None:
        group.runtime.update_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString="1", Features=record(**values)
        )

    refused(lambda: update(income=2), "ResourceNotFound")
    group.put(customer_id=1, event_time=AT_SEVEN, income=1, City="Bonn")
    update(income=2)
    assert group.get() == {"customer_id": "1", "event_time": AT_SEVEN, "income": "2", "City": "Bonn"}
    refused(lambda: update(income=3, event_time=AT_SIX), "ConflictException")
    update(income=4, event_time=AT_EIGHT)
    assert group.get()["income"] == "4"
    assert "cannot be changed" in refused(lambda: update(customer_id=2))
    assert "'x' is not a finite" in refused(lambda: update(income="x"))
    assert [row["income"] for row in group.rows(3)] == ["1.0", "2.0", "4.0"]
    group.delete("2026-01-15T09:00:00Z")
    refused(lambda: update(income=2), "ResourceNotFound")


def test_an_update_needs_the_newer_storage(group: Group) -> None:
    message = refused(
        lambda: group.runtime.update_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString="1", Features=record(income=2)
        )
    )
    assert "needs an online store with StorageType Standard_V2 or InMemory" in message
    updated(group.aws, group.name, OnlineStoreConfig={"StorageType": "Standard_V2"})
    refused(
        lambda: group.runtime.update_record(
            FeatureGroupName=group.name, RecordIdentifierValueAsString="1", Features=record(income=2)
        ),
        "ResourceNotFound",
    )


# --- the offline store ------------------------------------------------------------------------------


def test_the_layout_is_aws_s(group: Group, lake: Lake) -> None:
    """Developer guide, "Amazon SageMaker Feature Store offline store data format"."""
    times = ["2026-01-15T06:10:00Z", "2026-01-15T06:30:59.999Z", AT_SEVEN]
    entries = [
        {"FeatureGroupName": group.name, "Record": record(customer_id=number, event_time=time)}
        for number, time in enumerate(times)
    ]
    group.runtime.batch_write_record(Entries=entries)
    group.rows(3)
    resolved = group.described["OfflineStoreConfig"]["S3StorageConfig"]["ResolvedOutputS3Uri"]
    epoch = int(group.described["CreationTime"].timestamp())
    place = f"features/000000000000/sagemaker/us-east-1/offline-store/{group.name}-{epoch}/data"
    assert resolved == f"s3://{lake.bucket}/{place}"
    first, second = lake.keys(f"{place}/")
    folder, _, name = first.rpartition("/")
    assert folder == f"{place}/year=2026/month=01/day=15/hour=06"
    latest, _, random = name.removesuffix(".parquet").partition("_")
    assert latest == "20260115T063059Z"
    assert len(random) == 16
    assert random.isalnum()
    assert "/hour=07/20260115T070000Z_" in second


def test_a_feature_that_is_added_is_null_in_older_files(group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX, income=1)
    group.rows(1)
    described = updated(
        group.aws, group.name, FeatureAdditions=[{"FeatureName": "age", "FeatureType": "Integral"}]
    )
    assert described["LastUpdateStatus"] == {"Status": "Successful"}
    group.put(customer_id=1, event_time=AT_SEVEN, age=44)
    assert group.get() == {"customer_id": "1", "event_time": AT_SEVEN, "age": "44"}
    assert [(row["income"], row["age"]) for row in group.rows(2)] == [("1.0", None), (None, "44")]


def test_records_wait_while_the_bucket_is_gone(stand_in: StandIn) -> None:
    lake = Lake(stand_in)
    group = Group(stand_in, lake)
    lake.s3.delete_bucket(Bucket=lake.bucket)
    group.put(customer_id=1, event_time=AT_SIX)
    blocked = until(
        lambda: stand_in.client("sagemaker").describe_feature_group(FeatureGroupName=group.name),
        lambda answer: answer["OfflineStoreStatus"]["Status"] == "Blocked",
        "the offline store",
    )
    assert blocked["OfflineStoreStatus"]["BlockedReason"] == f"The bucket {lake.bucket} does not exist."
    assert group.get() != {}
    lake.s3.create_bucket(Bucket=lake.bucket)
    assert len(group.rows(1)) == 1
    until(
        lambda: settled(stand_in, group.name),
        lambda answer: answer["OfflineStoreStatus"] == {"Status": "Active"},
        "the offline store",
    )


def test_the_glue_table_is_the_groups(group: Group) -> None:
    where = group.described["OfflineStoreConfig"]["DataCatalogConfig"]
    assert where["Database"] == "sagemaker_featurestore"
    table = group.lake.glue.get_table(DatabaseName=where["Database"], Name=where["TableName"])["Table"]
    assert [(column["Name"], column["Type"]) for column in table["StorageDescriptor"]["Columns"]] == [
        ("customer_id", "bigint"),
        ("event_time", "string"),
        ("income", "double"),
        ("city", "string"),
        ("api_invocation_time", "timestamp"),
        ("write_time", "timestamp"),
        ("is_deleted", "boolean"),
    ]
    assert [key["Name"] for key in table["PartitionKeys"]] == ["year", "month", "day", "hour"]
    assert json.dumps(where)  # all of it is plain text


# --- the server -------------------------------------------------------------------------------------


def test_calls_of_one_connection_are_answered_in_their_order(stand_in: StandIn, group: Group) -> None:
    """A client may send the next call before it has the answer; each sees what the one before did."""
    path = f"/FeatureGroup/{group.name}"
    calls, expected = [], []
    for number in range(20):
        body = json.dumps({"Record": record(customer_id=1, event_time=AT_SIX, income=number)})
        calls += [raw(stand_in, "PUT", path, body), raw(stand_in, "GET", f"{path}?{ASKED}=1")]
        expected += [{}, {"customer_id": "1", "event_time": AT_SIX, "income": str(number)}]
    with opened(stand_in) as connection:
        connection.sendall(b"".join(calls))
        with connection.makefile("rb") as stream:
            assert [plain(answered(stream).get("Record", [])) for _ in calls] == expected


def test_a_small_answer_comes_in_one_piece(stand_in: StandIn, group: Group) -> None:
    group.put(customer_id=1, event_time=AT_SIX)
    call = raw(stand_in, "GET", f"/FeatureGroup/{group.name}?{ASKED}=1")
    with opened(stand_in) as connection:
        for _ in range(50):
            connection.sendall(call)
            head, _, body = connection.recv(1 << 16).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            assert plain(json.loads(body)["Record"]) == {"customer_id": "1", "event_time": AT_SIX}


def test_who_fetches_no_answers_keeps_nobody_waiting(start_stand_in: Any) -> None:
    """Its answers are more than the server holds for it: one thread waits, and not one that others need."""
    aws = start_stand_in()
    request = group_request("g")
    aws.client("sagemaker").create_feature_group(**request)
    settled(aws, "g")
    runtime = aws.client("sagemaker-featurestore-runtime")
    long = record(customer_id=1, event_time=AT_SIX, City="x" * 300_000)
    runtime.put_record(FeatureGroupName="g", Record=long)
    call = raw(aws, "GET", f"/FeatureGroup/g?{ASKED}=1")
    with opened(aws) as idle:
        idle.sendall(call * 100)  # 30 MB of answers; the server holds 16
        idle.recv(1)
        for number in range(2, 52):
            runtime.put_record(FeatureGroupName="g", Record=record(customer_id=number, event_time=AT_SIX))
            found = runtime.get_record(FeatureGroupName="g", RecordIdentifierValueAsString=str(number))
            assert plain(found["Record"])["customer_id"] == str(number)


ASKED = "RecordIdentifierValueAsString"


def raw(aws: StandIn, method: str, path: str, body: str = "") -> bytes:
    """A signed call as it goes over the wire."""
    sent = AWSRequest(method, f"{aws.endpoint_url}{path}", data=body.encode())
    SigV4Auth(Credentials(aws.access_key, aws.secret_key), "sagemaker", aws.region).add_auth(sent)
    host = urlsplit(aws.endpoint_url).netloc
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {len(body.encode())}"]
    lines += [f"{name}: {value}" for name, value in sent.headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def opened(aws: StandIn) -> socket.socket:
    """A connection of a test's own."""
    address = urlsplit(aws.endpoint_url)
    return socket.create_connection((address.hostname, address.port), timeout=30)


def answered(stream: Any) -> dict[str, Any]:
    """The next answer of a connection."""
    assert stream.readline().startswith(b"HTTP/1.1 200")
    length = 0
    while line := stream.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    found: dict[str, Any] = json.loads(stream.read(length) or b"{}")
    return found
