"""A feature group's task, against what AWS may answer: a server of a few lines keeps one group.

It can be slow, fail, and lose answers, which the stand-in does not do on demand.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from copy import deepcopy
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.operators.feature_group import FeatureGroupOperator
from aws_ml.preload import share_models

ARN = "arn:aws:sagemaker:us-east-1:000000000000:feature-group/loans"
CONFIG: dict[str, Any] = {
    "FeatureGroupName": "loans",
    "RecordIdentifierFeatureName": "id",
    "EventTimeFeatureName": "at",
    "FeatureDefinitions": [
        {"FeatureName": "id", "FeatureType": "String"},
        {"FeatureName": "at", "FeatureType": "Fractional"},
        {"FeatureName": "age", "FeatureType": "Fractional"},
    ],
    "OnlineStoreConfig": {"EnableOnlineStore": True},
    "OfflineStoreConfig": {"S3StorageConfig": {"S3Uri": "s3://bucket/store"}},
    "RoleArn": "arn:aws:iam::000000000000:role/r",
}
METADATA = [{"FeatureGroupName": "loans", "FeatureName": "age", "Description": "In years."}]


class Aws(HTTPServer):
    """One feature group, or none."""

    def __init__(self) -> None:
        self.group: dict[str, Any] | None = None
        self.asked: list[str] = []
        self.tags: dict[str, str] = {}
        self.described: dict[str, str] = {}
        self.becomes = "Created"  # after a look at Creating
        self.update_becomes: dict[str, Any] = {"Status": "Successful"}
        self.page = 2  # features a page
        self.throttled = 0  # so many calls of UpdateFeatureMetadata are
        self.lost = 0  # so many answers to CreateFeatureGroup get lost
        self.written: dict[str, Any] = {}  # documents in S3
        super().__init__(("127.0.0.1", 0), Handler)

    def make(self, body: dict[str, Any], status: str = "Creating") -> None:
        group = deepcopy(body)
        group |= {"FeatureGroupArn": ARN, "CreationTime": 1.0, "FeatureGroupStatus": status}
        offline = group["OfflineStoreConfig"]
        offline["DataCatalogConfig"] = {
            "Catalog": "AwsDataCatalog", "Database": "sagemaker_featurestore", "TableName": "loans_1",
        }  # fmt: skip
        offline["S3StorageConfig"]["ResolvedOutputS3Uri"] = "s3://bucket/store/data"
        self.group = group

    def answer(self, operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append(operation)
        return getattr(self, operation)(body)  # type: ignore[no-any-return]

    def DescribeFeatureGroup(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if self.group is None:
            return 400, {"__type": "ResourceNotFound", "message": "Resource Not Found"}
        answer = deepcopy(self.group)
        start = int(body.get("NextToken") or 0)
        answer["FeatureDefinitions"] = self.group["FeatureDefinitions"][start : start + self.page]
        more = start + self.page < len(self.group["FeatureDefinitions"])
        answer["NextToken"] = str(start + self.page) if more else ""
        if self.group["FeatureGroupStatus"] == "Creating":
            self.group["FeatureGroupStatus"] = self.becomes
        if self.group.get("LastUpdateStatus", {}).get("Status") == "InProgress":
            self.group["LastUpdateStatus"] = self.update_becomes
            if self.update_becomes["Status"] == "Successful":
                self.group["FeatureDefinitions"] += self.added
        return 200, answer

    def CreateFeatureGroup(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if self.group is not None:
            return 400, {"__type": "ResourceInUse", "message": "Resource Already Exists: loans"}
        self.make(body)
        if self.lost:
            self.lost -= 1
            return 503, {"__type": "ServiceUnavailable", "message": "Try again"}
        return 200, {"FeatureGroupArn": ARN}

    def UpdateFeatureGroup(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        assert self.group is not None
        self.added = body.get("FeatureAdditions", [])
        self.group["LastUpdateStatus"] = {"Status": "InProgress"}
        if "OnlineStoreConfig" in body:
            self.group["OnlineStoreConfig"] |= body["OnlineStoreConfig"]
        return 200, {"FeatureGroupArn": ARN}

    def DeleteFeatureGroup(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self.group = None
        return 200, {}

    def UpdateFeatureMetadata(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        if self.throttled:
            self.throttled -= 1
            return 400, {"__type": "ThrottlingException", "message": "Rate exceeded"}
        self.described[body["FeatureName"]] = body["Description"]
        return 200, {}

    def ListTags(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        return 200, {"Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]}

    def AddTags(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:  # noqa: N802
        self.tags |= {tag["Key"]: tag["Value"] for tag in body["Tags"]}
        return 200, {"Tags": body["Tags"]}


class Handler(BaseHTTPRequestHandler):
    server: Aws

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        status, document = self.server.answer(self.headers["X-Amz-Target"].rpartition(".")[2], body)
        text = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def do_GET(self) -> None:
        document = self.server.written.get(self.path.partition("?")[0])
        missing = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
        text = missing if document is None else json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Last-Modified", "Thu, 15 Jan 2026 12:00:00 GMT")
        self.end_headers()
        self.wfile.write(text)

    def do_PUT(self) -> None:
        text = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.written[self.path] = json.loads(text)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module", autouse=True)
def models() -> None:
    """Read AWS's models once, as Airflow's processes do; else every operator's clients read them again."""
    share_models()


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    server = Aws()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    extra = {"region_name": "us-east-1", "endpoint_url": f"http://127.0.0.1:{server.server_port}"}
    connection = {"conn_type": "aws", "login": "key", "password": "secret", "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    monkeypatch.setenv("AWS_ML_POLL_SECONDS", "0.02")
    monkeypatch.setenv("AWS_RETRY_MODE", "standard")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Store:
    """Airflow's task state store."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.values[key]) if key in self.values else None

    def set(self, key: str, value: Any) -> None:
        self.values[key] = json.dumps(value)

    def delete(self, key: str) -> None:
        self.values.pop(key, None)


def define(run_id: str = "r", store: Store | None = None, **changes: Any) -> dict[str, Any]:
    """One try of the task."""
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id=run_id, map_index=-1, try_number=1)
    context: Any = {"ti": ti, "task_state_store": store or Store()}
    result: dict[str, Any] = FeatureGroupOperator(
        task_id="define_features",
        config={**deepcopy(CONFIG), **changes},
        metadata=METADATA,
        bucket="bucket",
        report_key="runs/feature_group.json",
        deferrable=False,
    ).execute(context)
    return result


def with_features(*more: tuple[str, str]) -> list[dict[str, str]]:
    return [
        *CONFIG["FeatureDefinitions"],
        *({"FeatureName": name, "FeatureType": kind} for name, kind in more),
    ]


def test_a_group_is_made_described_and_waited_for(aws: Aws) -> None:
    assert define() == {
        "name": "loans",
        "arn": ARN,
        "created_at": "1970-01-01T00:00:01+00:00",
        "database": "sagemaker_featurestore",
        "table": "loans_1",
        "offline_uri": "s3://bucket/store/data",
        "features": 3,
        "created": True,
        "added": [],
        "left": [],
    }
    assert aws.described == {"age": "In years."}


def test_a_throttled_description_is_told_again(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each feature is a call, and AWS takes a few a second; botocore gives one up after some tries."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    aws.throttled = 5
    define()
    assert aws.described == {"age": "In years."}
    assert aws.asked.count("UpdateFeatureMetadata") == 6


def test_what_the_group_is_is_written_for_people(aws: Aws) -> None:
    aws.tags = {"run_key": "2026-01-14", "ingest_job": "the day before"}
    define(OnlineStoreConfig={"EnableOnlineStore": True, "TtlDuration": {"Unit": "Hours", "Value": 24}})
    assert aws.written == {
        "/bucket/runs/feature_group.json": {
            "run_id": "r",
            "name": "loans",
            "arn": ARN,
            "created": True,
            "created_at": "1970-01-01T00:00:01+00:00",
            "changed_at": None,
            "features_before": None,
            "added": [],
            "left": [],
            "entity": "id",
            "event_time": "at",
            "online": True,
            "time_to_live": {"Unit": "Hours", "Value": 24},
            "offline_uri": "s3://bucket/store/data",
            "database": "sagemaker_featurestore",
            "table": "loans_1",
            "console": "",
            "tags": {"run_key": "2026-01-14", "ingest_job": "the day before"},
            "features": [
                {"name": "id", "type": "String", "collection": None, "description": ""},
                {"name": "at", "type": "Fractional", "collection": None, "description": ""},
                {"name": "age", "type": "Fractional", "collection": None, "description": "In years."},
            ],
            "time_to_live_changed": False,
        }
    }


def test_what_was_added_and_what_is_left_is_written_too(aws: Aws) -> None:
    aws.make({**CONFIG, "FeatureDefinitions": with_features(("old", "String"))}, "Created")
    define(FeatureDefinitions=with_features(("new", "Integral")))
    (report,) = aws.written.values()
    assert (report["created"], report["features_before"]) == (False, 4)
    assert (report["added"], report["left"]) == (["new"], ["old"])
    assert [each["name"] for each in report["features"]] == ["id", "at", "age", "old", "new"]


def test_a_refused_group_leaves_no_document(aws: Aws) -> None:
    aws.make({**CONFIG, "FeatureDefinitions": with_features(("loans", "String"))}, "Created")
    with pytest.raises(AirflowFailException):
        define(FeatureDefinitions=with_features(("loans", "Integral")))
    assert aws.written == {}


def test_a_cleared_task_still_tells_what_it_did(aws: Aws) -> None:
    """The group is its run's, and so is what was added; another run of the day has done nothing."""
    wanted = with_features(("new", "Integral"))
    define()
    define(FeatureDefinitions=wanted)
    (before,) = aws.written.values()
    assert (before["created"], before["added"]) == (True, ["new"])
    result = define(FeatureDefinitions=wanted)
    assert (result["created"], result["added"]) == (True, ["new"])
    (report,) = aws.written.values()
    assert report == before
    define("another run", FeatureDefinitions=wanted)
    (report,) = aws.written.values()
    assert (report["created"], report["added"], report["features_before"]) == (False, [], 4)


class WorkerDied(BaseException):
    """What no operator catches."""


@pytest.mark.parametrize("before", ["_wait_on", "_tell"])
def test_a_retry_tells_what_the_try_did_whose_worker_died(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, before: str
) -> None:
    """Right after AWS was told, or before it was written down."""

    def die(*_: Any) -> None:
        raise WorkerDied

    aws.make({**CONFIG, "FeatureDefinitions": with_features(("old", "String"))}, "Created")
    wanted, store = with_features(("new", "Integral")), Store()
    with monkeypatch.context() as patch:
        patch.setattr(FeatureGroupOperator, before, die)
        with pytest.raises(WorkerDied):
            define(store=store, FeatureDefinitions=wanted)
    assert aws.asked.count("UpdateFeatureGroup") == 1
    assert aws.written == {}
    assert define(store=store, FeatureDefinitions=wanted)["added"] == ["new"]
    assert aws.asked.count("UpdateFeatureGroup") == 1
    (report,) = aws.written.values()
    assert (report["created"], report["added"], report["features_before"]) == (False, ["new"], 4)


def test_the_same_again_changes_nothing(aws: Aws) -> None:
    define()
    aws.asked.clear()
    again = define("another run")
    assert (again["created"], again["added"]) == (False, [])
    assert set(aws.asked) == {"DescribeFeatureGroup", "ListTags"}


def test_a_create_call_whose_answer_got_lost_is_not_a_failure(aws: Aws) -> None:
    """botocore repeats it, and the group is there already."""
    aws.lost = 1
    assert define()["created"] is True


def test_new_features_are_added_a_hundred_at_a_time(aws: Aws) -> None:
    """150 new ones: two updates, each awaited. All pages of the group's features count."""
    define()
    new = [(f"f{number}", "Integral") for number in range(150)]
    aws.asked.clear()
    result = define(FeatureDefinitions=with_features(*new))
    assert result["added"] == [name for name, _ in new]
    assert aws.asked.count("UpdateFeatureGroup") == 2
    assert aws.group is not None
    assert len(aws.group["FeatureDefinitions"]) == 153
    assert define("another run", FeatureDefinitions=with_features(*new))["added"] == []


def test_a_feature_that_is_gone_stays_in_the_group(aws: Aws) -> None:
    aws.make({**CONFIG, "FeatureDefinitions": with_features(("old", "String"))}, "Created")
    assert define()["left"] == ["old"]


def test_a_changed_type_is_refused_with_both_and_nothing_is_touched(aws: Aws) -> None:
    aws.make({**CONFIG, "FeatureDefinitions": with_features(("loans", "String"))}, "Created")
    wanted = with_features(("loans", "Integral"), ("new", "String"))
    with pytest.raises(AirflowFailException) as failed:
        define(FeatureDefinitions=wanted)
    assert "its feature loans is String, wanted is Integral" in str(failed.value)
    assert "Give `feature_store.group` another name." in str(failed.value)
    assert set(aws.asked) == {"DescribeFeatureGroup"}


def test_a_time_to_live_is_brought_to_the_wanted_one(aws: Aws) -> None:
    define()
    ttl = {"Unit": "Hours", "Value": 24}
    define(OnlineStoreConfig={"EnableOnlineStore": True, "TtlDuration": ttl})
    assert aws.group is not None
    assert aws.group["OnlineStoreConfig"]["TtlDuration"] == ttl
    (report,) = aws.written.values()
    assert (report["time_to_live"], report["time_to_live_changed"]) == (ttl, True)
    define()  # none is wanted: records would go on expiring
    assert aws.group["OnlineStoreConfig"]["TtlDuration"] == {}
    (report,) = aws.written.values()
    assert report["time_to_live"] is None
    asked = len(aws.asked)
    define()
    assert "UpdateFeatureGroup" not in aws.asked[asked:]


def test_a_group_that_could_not_be_made_fails_with_awss_words(aws: Aws) -> None:
    aws.becomes = "CreateFailed"
    with pytest.raises(RemoteJobFailed, match="feature group loans is CreateFailed"):
        define()


def test_a_failed_group_holds_nothing_and_is_made_anew(aws: Aws) -> None:
    aws.make(CONFIG, "CreateFailed")
    assert define()["created"] is True
    assert "DeleteFeatureGroup" in aws.asked


def test_a_failed_update_is_told_and_not_repeated_for_ever(aws: Aws) -> None:
    define()
    aws.update_becomes = {"Status": "Failed", "FailureReason": "no capacity"}
    with pytest.raises(RemoteJobFailed, match="Failed on update: no capacity"):
        define(FeatureDefinitions=with_features(("new", "String")))
    assert aws.asked.count("UpdateFeatureGroup") == 1


def test_a_blocked_offline_store_is_no_success(aws: Aws) -> None:
    aws.make(CONFIG, "Created")
    assert aws.group is not None
    aws.group["OfflineStoreStatus"] = {"Status": "Blocked", "BlockedReason": "no access to the bucket"}
    with pytest.raises(RemoteJobFailed, match="blocked offline: no access to the bucket"):
        define()
