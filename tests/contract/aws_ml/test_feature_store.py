"""A workflow's feature group on the stand-in: made, written by the job, awaited, joined, read online."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from aws_ml.exceptions import RemoteJobFailed, RemoteJobStopped
from aws_ml.operators.feature_group import FeatureGroupOperator
from aws_ml.operators.ingest_features import IngestFeaturesOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.requests import feature_group, processing_job
from tests.contract.aws_ml.conftest import ROLE, TaskInstance
from tests.contract.aws_ml.test_point_in_time import DAY, NOON, World, loan, seconds, xcoms  # noqa: F401
from tests.support.feature_store import until
from tests.support.gate import HELD, gate_before
from tests.support.lake import Lake
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import XCOMS


class Kept(World):
    """The same with the service's own feature group."""

    def make_store(self) -> None:
        self.table = ""  # known when the group is there

    def render(self, value: Any, day: str = DAY) -> Any:
        """With the role and the bucket that are there."""
        text = json.dumps(super().render(value, day))
        return json.loads(text.replace("arn:aws:iam::000000000000:role/aws-ml-workflow", ROLE))

    def define(self, **changes: Any) -> dict[str, Any]:
        told: dict[str, Any] = FeatureGroupOperator(
            task_id="define_features",
            config={**self.render(feature_group.create_feature_group(self.workflow)), **changes},
            metadata=self.render(feature_group.update_feature_metadata(self.workflow)),
            bucket="local-ml",
            report_key=self.render(self.workflow.paths.feature_group_report),
            deferrable=False,
        ).execute(TaskInstance().context())
        XCOMS["define_features"] = told
        self.table = told["table"]
        return told

    def ingest(self, day: str = DAY, task: TaskInstance | None = None, **environment: str) -> dict[str, Any]:
        """The job itself, in a process of its own, with the code that is published."""
        task = task or TaskInstance()
        XCOMS["publish_code"] = PublishCodeOperator(
            task_id="publish_code",
            bucket="local-ml",
            prefix=self.workflow.paths.table("code"),
            config=self.workflow.resolved(),
        ).execute(task.context())
        config = self.render(processing_job.ingest_features(self.workflow), day)
        config["Environment"] |= environment
        told: dict[str, Any] = IngestFeaturesOperator(
            task_id="ingest_features",
            config={**config, "ProcessingJobName": task.base_name},
            bucket="local-ml",
            report_key=self.render(self.workflow.paths.ingestion_report, day),
            group_arn=XCOMS["define_features"]["arn"],
            lineage=self.render(feature_group.lineage(self.workflow), day),
            deferrable=False,
        ).execute(task.context())
        XCOMS["ingest_features"] = told
        return told

    def wait(self, day: str = DAY) -> Any:
        told = XCOMS["ingest_features"]
        sensor = self.waiting(day=day, started=told["started"], ended=told["ended"])
        XCOMS["ingest_features"] = told
        return sensor.execute(TaskInstance().context())

    def stored(self, what: str) -> list[list[str | None]]:
        """What Athena reads in the offline store."""
        told = XCOMS["define_features"]
        return Lake(self.aws).sql(f'SELECT {what} FROM "{told["database"]}"."{told["table"]}"')  # noqa: S608

    def document(self, key: str) -> Any:
        """What a task left for people."""
        body = self.aws.client("s3").get_object(Bucket="local-ml", Key=self.render(key))["Body"]
        return json.loads(body.read())

    def run(self, *rows: dict[str, Any], day: str = DAY) -> None:
        """A day up to its join."""
        self.accept(self.curated(*rows, day=day), day=day)
        self.define()
        self.ingest(day)

    @property
    def runtime(self) -> Any:
        return self.aws.client("sagemaker-featurestore-runtime")

    def put_record(self, **values: Any) -> None:
        self.runtime.put_record(
            FeatureGroupName=self.workflow.feature_group,
            Record=[{"FeatureName": name, "ValueAsString": str(value)} for name, value in values.items()],
        )

    def online(self, entity: str) -> dict[str, str]:
        answer = self.runtime.get_record(
            FeatureGroupName=self.workflow.feature_group, RecordIdentifierValueAsString=entity
        )
        return {each["FeatureName"]: each["ValueAsString"] for each in answer.get("Record", [])}


@pytest.fixture(scope="module")
def furnished(aws: StandIn) -> StandIn:
    aws.client("s3").create_bucket(Bucket="local-ml")
    return aws


@pytest.fixture
def world(furnished: StandIn, tmp_path: Path) -> Kept:
    return Kept(furnished, tmp_path)


def test_a_group_is_made_described_and_found_in_the_catalog(world: Kept) -> None:
    told = world.define()
    assert (told["created"], told["added"], told["left"]) == (True, [], [])
    table = world.glue.get_table(DatabaseName=told["database"], Name=told["table"])["Table"]
    types = {column["Name"]: column["Type"] for column in table["StorageDescriptor"]["Columns"]}
    assert (types["customer"], types["at"], types["loans"], types["seen"]) == (
        "string",
        "double",
        "bigint",
        "string",
    )
    described = world.aws.client("sagemaker").describe_feature_metadata(
        FeatureGroupName=told["name"], FeatureName="income"
    )
    assert described["Description"] == "From number column income."
    assert {"Key": "owner", "Value": "o"} in described["Parameters"]
    report = world.document(world.workflow.paths.feature_group_report)
    assert (report["created"], report["features_before"]) == (True, None)
    assert (report["entity"], report["event_time"], report["online"]) == ("customer", "at", True)
    assert (report["database"], report["table"]) == (told["database"], told["table"])
    assert {
        "name": "income",
        "type": "Fractional",
        "collection": None,
        "description": "From number column income.",
    } in report["features"]
    assert world.define()["created"] is False


def test_a_group_evolves_and_refuses_what_it_cannot(world: Kept) -> None:
    """A new feature is added; a changed type is refused with both types, and the group is as it was."""
    world.define()
    definitions = world.render(feature_group.create_feature_group(world.workflow))["FeatureDefinitions"]
    told = world.define(FeatureDefinitions=[*definitions, {"FeatureName": "new", "FeatureType": "Integral"}])
    assert (told["added"], told["left"]) == (["new"], [])
    report = world.document(world.workflow.paths.feature_group_report)
    assert (report["added"], report["features_before"]) == (["new"], len(definitions))
    assert report["features"][-1]["name"] == "new"
    assert world.define()["left"] == ["new"]
    changed = deepcopy(definitions)
    changed[2]["FeatureType"] = "String"
    changed.append({"FeatureName": "newer", "FeatureType": "String"})
    with pytest.raises(AirflowFailException, match="its feature income is Fractional, wanted is String"):
        world.define(FeatureDefinitions=changed)
    group = world.aws.client("sagemaker").describe_feature_group(FeatureGroupName=told["name"])
    assert "newer" not in [each["FeatureName"] for each in group["FeatureDefinitions"]]


def test_a_day_from_the_curated_rows_to_the_joined_ones(world: Kept) -> None:
    """What comes out of the store is what went in, to the last bit."""
    rows = [
        loan(
            f"L{number}",
            f"C{number}",
            income=number / 3,
            loans=number,
            owner=number % 2 == 0,
            seen=datetime.fromisoformat("2026-01-14T01:02:03.004"),
            city=None if number % 5 == 0 else f"c{number}",
        )
        for number in range(60)
    ]
    world.run(*rows)
    told = XCOMS["ingest_features"]
    assert (told["records"], told["written"]) == (60, 60)
    assert world.wait() == {"rows": {DAY: 120}}
    awaited = world.document(world.workflow.paths.offline_store_report)
    assert awaited["rows"] == {DAY: 120}
    assert awaited["ingestion_ended"] <= awaited["complete"]
    joined = world.joined()
    assert len(joined) == 60
    by_loan = {row["loan"]: row for row in joined}
    for row in rows:
        found = by_loan[row["loan"]]
        assert {name: found[name] for name in ("customer", "income", "loans", "owner", "city")} == {
            name: row.get(name) for name in ("customer", "income", "loans", "owner", "city")
        }
        assert found["seen"].replace(tzinfo=None) == row["seen"]


def test_the_same_day_twice_leaves_one_current_record_a_key(world: Kept) -> None:
    rows = [loan(f"L{number}", f"C{number}", income=1.0) for number in range(30)]
    world.run(*rows)
    before = {f"C{number}": world.online(f"C{number}") for number in range(30)}
    world.ingest()
    assert world.wait() == {"rows": {DAY: 60}}
    assert {entity: world.online(entity) for entity in before} == before
    assert [row["income"] for row in world.joined()] == [1.0] * 30


def test_a_stopped_ingestion_goes_on_and_none_of_its_records_is_late(
    furnished: StandIn, tmp_path: Path
) -> None:
    """12 batches of 5: five acknowledged, two heard and not answered, which the retry sends with the rest.

    The retry begins in a later second than the first job's last record, so a wait that asked for what was
    written since the retry began would miss them.
    """
    world = Kept(furnished, tmp_path, batch_size=5, parallel=2)
    world.accept(world.curated(*(loan(f"L{n:02}", f"C{n:02}", income=float(n)) for n in range(60))))
    world.define()
    task = TaskInstance()
    ways = dict.fromkeys((1, 2, 3, 4, 5)) | dict.fromkeys((6, 7), HELD)
    with (
        gate_before(furnished, lambda call: ways.get(call, "ServiceUnavailable")) as gate,
        ThreadPoolExecutor() as pool,
    ):
        to = {"AWS_ENDPOINT_URL_SAGEMAKER_FEATURESTORE_RUNTIME": gate.url}
        first = pool.submit(world.ingest, task=task, **to)
        until(lambda: gate.held, lambda held: held == 2, "the calls on their way")
        last = time.time()
        sagemaker = furnished.client("sagemaker")
        sagemaker.stop_processing_job(ProcessingJobName=f"{task.base_name}-1")
        gate.over.set()
        with pytest.raises(RemoteJobStopped):
            first.result()
    until(time.time, lambda now: int(now) > int(last), "another second")

    told = world.ingest(task=task)
    assert told["name"] == f"{task.base_name}-2"
    assert (told["records"], told["resumed"], told["written"]) == (60, 25, 35)
    names = [f"{task.base_name}-{attempt}" for attempt in (1, 2)]
    jobs = [sagemaker.describe_processing_job(ProcessingJobName=name) for name in names]
    began, again = (int(job["ProcessingStartTime"].timestamp()) for job in jobs)
    assert began <= told["started"] <= int(last) < again
    assert world.wait() == {"rows": {DAY: 120}}
    assert [row["income"] for row in world.joined()] == [float(n) for n in range(60)]
    (counts,) = world.stored("count(*), count(DISTINCT customer), count_if(is_deleted)")
    assert counts == ["70", "60", "0"]  # the ten that were heard and not answered are there twice
    assert {entity: float(world.online(entity)["income"]) for entity in ("C00", "C27", "C59")} == {
        "C00": 0.0,
        "C27": 27.0,
        "C59": 59.0,
    }


def test_the_group_says_what_was_written_last(world: Kept) -> None:
    world.run(loan("A"))
    arn, name = XCOMS["define_features"]["arn"], XCOMS["ingest_features"]["name"]
    tags = {
        tag["Key"]: tag["Value"] for tag in world.aws.client("sagemaker").list_tags(ResourceArn=arn)["Tags"]
    }
    assert tags["workflow"] == world.name
    assert tags["run_key"] == DAY
    assert tags["ingest_job"] == name
    assert tags["source"] == f"s3://local-ml/{world.name}/curated/dt={DAY}/"
    world.define()
    assert world.document(world.workflow.paths.feature_group_report)["tags"]["ingest_job"] == name


def test_a_backfilled_run_sees_only_what_was_known(world: Kept) -> None:
    """A record that is late, one that corrects, one of the future, and a deletion afterwards."""
    world.run(loan("A", "C1", income=1.0), loan("B", "C2", at=f"{DAY}T13:00:00", income=5.0))
    world.put_record(customer="C1", at=NOON - 3600, income=0.5)  # late, and older than the row's own
    world.put_record(customer="C1", at=seconds("2026-03-01T00:00"), income=9.0)
    world.runtime.delete_record(
        FeatureGroupName=world.workflow.feature_group,
        RecordIdentifierValueAsString="C2",
        EventTime=str(seconds("2026-03-01T00:00")),
    )
    assert world.online("C2") == {}
    world.wait()
    assert [row["income"] for row in world.joined()] == [1.0, 5.0]
    march = "2026-03-02"
    world.run(loan("C", "C1", at=f"{march}T08:00:00", income=7.0), day=march)
    world.wait(march)
    assert [row["income"] for row in world.joined(march)] == [7.0]


def test_a_refused_day_writes_nothing_and_is_not_tried_again(world: Kept) -> None:
    world.define()
    world.curated(loan("A"), loan("B", "C2", at="2026-01-16T00:00:01"))
    with pytest.raises(
        RemoteJobFailed, match=r"Refused: 1 rows have a at in the future.*C2\. Nothing was written"
    ):
        world.ingest()
    assert world.online("C1") == {}


def test_a_group_of_another_schema_is_told_before_a_job_is_paid(world: Kept) -> None:
    body = world.render(feature_group.create_feature_group(world.workflow))
    for definition in body["FeatureDefinitions"]:
        if definition["FeatureName"] == "at":
            definition["FeatureType"] = "String"  # an event time in the other format
    world.aws.client("sagemaker").create_feature_group(**body)
    with pytest.raises(AirflowFailException, match="its feature at is String, wanted is Fractional"):
        world.define()


def online_store(world: Kept) -> dict[str, Any]:
    group = world.aws.client("sagemaker").describe_feature_group(
        FeatureGroupName=world.workflow.feature_group
    )
    told: dict[str, Any] = group["OnlineStoreConfig"]
    return told


def test_a_time_to_live_comes_and_goes(world: Kept) -> None:
    world.define()
    for ttl in ({"Unit": "Hours", "Value": 24}, {"Unit": "Hours", "Value": 48}, None):
        wanted = {"EnableOnlineStore": True} | ({"TtlDuration": ttl} if ttl else {})
        world.define(OnlineStoreConfig=wanted)
        assert online_store(world).get("TtlDuration") == ttl


def no_offline_store(body: dict[str, Any]) -> None:
    del body["OfflineStoreConfig"], body["RoleArn"]


def no_table(body: dict[str, Any]) -> None:
    body["OfflineStoreConfig"]["DisableGlueTableCreation"] = True


def no_online_store(body: dict[str, Any]) -> None:
    del body["OnlineStoreConfig"]


def another_entity(body: dict[str, Any]) -> None:
    body["RecordIdentifierFeatureName"] = "city"


def another_event_time(body: dict[str, Any]) -> None:
    body["FeatureDefinitions"].append({"FeatureName": "moved", "FeatureType": "Fractional"})
    body["EventTimeFeatureName"] = "moved"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (no_offline_store, "it has no offline store, wanted is one"),
        (no_table, "its offline store has no table in the Glue catalog, wanted is one"),
        (no_online_store, "it has no online store, wanted is one"),
        (another_entity, "its entity is city, wanted is customer"),
        (another_event_time, "its event time is moved, wanted is at"),
    ],
)
def test_a_group_that_cannot_become_the_wanted_one_is_left_alone(
    world: Kept, other: Callable[[dict[str, Any]], None], says: str
) -> None:
    """What could be added is not: the group is as it was."""
    body = world.render(feature_group.create_feature_group(world.workflow))
    added = {"FeatureName": "new", "FeatureType": "Integral"}
    wanted = [*body["FeatureDefinitions"], added]
    other(body)
    client = world.aws.client("sagemaker")
    client.create_feature_group(**body)
    with pytest.raises(AirflowFailException, match=says):
        world.define(FeatureDefinitions=wanted)
    group = client.describe_feature_group(FeatureGroupName=body["FeatureGroupName"])
    assert group["FeatureDefinitions"] == body["FeatureDefinitions"]
    assert group["FeatureGroupStatus"] == "Created"
    assert "LastUpdateStatus" not in group
