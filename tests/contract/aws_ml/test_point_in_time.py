"""A run learns from what was known at each row's own time, however late it runs."""

from __future__ import annotations

import io
import uuid
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed
from aws_ml.feature_store import definitions
from aws_ml.operators.join_features import JoinFeaturesOperator
from aws_ml.operators.register_accepted import RegisterAcceptedOperator
from aws_ml.requests import glue_partition, glue_table, point_in_time
from aws_ml.schema import Workflow
from aws_ml.sensors.offline_store import OfflineStoreSensor
from aws_ml.workflow import load_workflow
from tests.contract.aws_ml.conftest import TaskInstance, WorkerDied, die_after
from tests.support.offline_store import OfflineStore
from tests.support.stand_in import StandIn
from tests.unit.aws_ml.rendering import XCOMS, rendered

DAY = "2026-01-15"
# Everything a row may be, in the types of a workflow file.
COLUMNS = [
    {"name": "loan", "type": "string", "required": True},
    {"name": "customer", "type": "string", "required": True},
    {"name": "at", "type": "timestamp", "required": True},
    {"name": "income", "type": "number"},
    {"name": "loans", "type": "integer"},
    {"name": "owner", "type": "boolean"},
    {"name": "since", "type": "date"},
    {"name": "seen", "type": "timestamp"},
    {"name": "city", "type": "string"},
    {"name": "paid", "type": "integer", "required": True, "allowed": [0, 1]},
]
ARROW = {
    "string": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


NOON = seconds(f"{DAY}T12:00")
INGESTED = seconds("2026-01-16T06:00")


class World:
    """A workflow of loans and customers: its tables, its store, and a run of one day."""

    def __init__(self, aws: StandIn, folder: Path, **store: Any) -> None:
        self.aws = aws
        self.name = f"w{uuid.uuid4().hex[:10]}"
        document = {
            "name": self.name,
            "description": "d",
            "owner": "o",
            "schedule": {"cron": None},
            "data": {"key": "loan", "columns": COLUMNS, "label": {"column": "paid", "positive": [1]}},
            "bias": {"facets": [{"column": "city", "values": ["x"]}], "metrics": ["CI"], "thresholds": {}},
            "feature_store": {"entity": "customer", "event_time": "at", **store},
            "features": {"numeric": ["income"], "categorical": []},
            "training": {"hyperparameters": {"num_round": 1}},
            "evaluation": {"minimum": 0.5},
            "deployment": {"endpoint": self.name},
        }
        file = folder / f"{self.name}.yaml"
        file.write_text(yaml.safe_dump(document, sort_keys=False))
        self.workflow: Workflow = load_workflow(file)
        self.glue = aws.client("glue")
        self.glue.create_database(DatabaseInput={"Name": self.name})
        table = self.render(glue_table.create_accepted(self.workflow))
        table["TableInput"]["Name"] = "curated"
        self.glue.create_table(**table)
        self.storage = table["TableInput"]["StorageDescriptor"]
        self.make_store()

    def make_store(self) -> None:
        """An offline store that the test writes by hand."""
        self.table = f"{self.name}_1768471200"
        self.store = OfflineStore(
            self.aws,
            "local-ml",
            database="sagemaker_featurestore",
            table=self.table,
            definitions=definitions(self.workflow),
            event_time=self.workflow.event_time,
        )

    def render(self, value: Any, day: str = DAY) -> Any:
        return rendered(self.workflow, value, partition=day)

    def curated(self, *rows: dict[str, Any], day: str = DAY) -> str:
        """The day's clean rows; a column that is not named has no value."""
        uri = self.put(f"{self.name}/curated/dt={day}/", rows)
        self.glue.create_partition(
            DatabaseName=self.name,
            TableName="curated",
            PartitionInput={"Values": [day], "StorageDescriptor": {**self.storage, "Location": uri}},
        )
        return uri

    def put(self, prefix: str, rows: Any) -> str:
        arrays = {
            column["name"]: pa.array([row.get(column["name"]) for row in rows], ARROW[str(column["type"])])
            for column in COLUMNS
        }
        if any("sample_weight" in row for row in rows):
            arrays["sample_weight"] = pa.array([row["sample_weight"] for row in rows], pa.float64())
        buffer = io.BytesIO()
        pq.write_table(pa.table(arrays), buffer)
        s3 = self.aws.client("s3")
        s3.put_object(Bucket="local-ml", Key=f"{prefix}part-00000.parquet", Body=buffer.getvalue())
        return f"s3://local-ml/{prefix}"

    def accept(self, uri: str, *, day: str = DAY, weighted: bool = False) -> dict[str, Any]:
        """What `register_accepted` does for the rows at `uri`."""
        XCOMS["read_decision"] = {"uri": uri, "mitigation": "none", "weighted": weighted}
        told: dict[str, Any] = RegisterAcceptedOperator(
            task_id="register_accepted",
            table=self.render(glue_table.create_accepted(self.workflow), day),
            partition=self.render(glue_partition.accepted_partition(self.workflow), day),
            window_days=self.workflow.feature_store.window_days,
        ).execute(TaskInstance().context())
        XCOMS["register_accepted"] = told
        return told

    def waiting(
        self,
        *,
        started: float = INGESTED,
        ended: float = INGESTED + 60,
        day: str = DAY,
        **arguments: Any,
    ) -> OfflineStoreSensor:
        XCOMS["define_features"] |= {"table": self.table}
        XCOMS["ingest_features"] = {"started": started}
        return OfflineStoreSensor(
            task_id="wait_for_offline_store",
            config=self.render(point_in_time.count_known(self.workflow), day),
            run_key=day,
            ingestion_ended=str(ended),
            bucket="local-ml",
            report_key=self.render(self.workflow.paths.offline_store_report, day),
            patience_minutes=30,
            **{"deferrable": False, **arguments},
        )

    def joining(self, day: str = DAY) -> JoinFeaturesOperator:
        XCOMS["define_features"] |= {"table": self.table}
        return JoinFeaturesOperator(
            task_id="join_features",
            config=self.render(point_in_time.join_features(self.workflow), day),
            bucket="local-ml",
            prefix=self.render(self.workflow.paths.joined, day),
            parts=["training", "curated"],
            deferrable=False,
        )

    def joined(self, day: str = DAY, part: str = "curated") -> list[dict[str, Any]]:
        """The joined rows in the order of their loans."""
        return self.rows(self.joining(day).execute(TaskInstance().context())[part])

    def rows(self, uri: str) -> list[dict[str, Any]]:
        s3, prefix = self.aws.client("s3"), uri.removeprefix("s3://local-ml/")
        found = s3.list_objects_v2(Bucket="local-ml", Prefix=prefix)["Contents"]
        bodies = [s3.get_object(Bucket="local-ml", Key=each["Key"])["Body"].read() for each in found]
        rows = [row for body in bodies for row in pq.ParquetFile(io.BytesIO(body)).read().to_pylist()]
        return sorted(rows, key=lambda row: str(row["loan"]))


@pytest.fixture(scope="module")
def furnished(aws: StandIn) -> StandIn:
    aws.client("s3").create_bucket(Bucket="local-ml")
    aws.client("glue").create_database(DatabaseInput={"Name": "sagemaker_featurestore"})
    return aws


@pytest.fixture(autouse=True)
def xcoms() -> Any:
    """What earlier tasks said is a test's own."""
    before = {task: dict(told) for task, told in XCOMS.items()}
    yield
    XCOMS.clear()
    XCOMS.update(before)


@pytest.fixture
def world(furnished: StandIn, tmp_path: Path) -> World:
    return World(furnished, tmp_path)


def loan(name: str, customer: str = "C1", at: str = f"{DAY}T12:00:00", **more: Any) -> dict[str, Any]:
    return {"loan": name, "customer": customer, "at": datetime.fromisoformat(at), "paid": 1, **more}


def record(at: float, customer: str = "C1", **features: Any) -> dict[str, Any]:
    return {"customer": customer, "at": at, **features}


class TestWhatIsKnown:
    def test_the_newest_record_before_the_row_counts(self, world: World) -> None:
        """Of 11:00, 12:00 and 12:00:01 the one of 12:00: a record is known from its own moment on."""
        world.accept(world.curated(loan("A")))
        world.store.write(
            record(NOON - 3600, income=1.0), record(NOON, income=2.0), record(NOON + 1, income=3.0)
        )
        (row,) = world.joined()
        assert row["income"] == 2.0

    def test_a_late_record_counts_by_its_event_time(self, world: World) -> None:
        """What arrives in June about January was true in January."""
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON - 7200, income=1.0))
        world.store.write(record(NOON - 3600, income=2.0), called="2026-06-01T00:00:00")
        assert world.joined()[0]["income"] == 2.0

    def test_a_correction_counts_from_its_own_event_time_on(self, world: World) -> None:
        """A backfilled run of January does not see what was found out in March, a run of March does."""
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON, income=1.0))
        world.store.write(record(seconds("2026-03-01T00:00"), income=9.0), called="2026-03-01T00:00:00")
        assert world.joined()[0]["income"] == 1.0
        march = "2026-03-02"
        world.accept(world.curated(loan("B", at=f"{march}T08:00:00"), day=march), day=march)
        assert world.joined(march)[0]["income"] == 9.0

    def test_nothing_from_after_the_runs_day_is_known(self, world: World) -> None:
        """Not even to a row that says it is of the next day."""
        world.accept(world.curated(loan("A", at="2026-01-16T09:00:00")))
        midnight = seconds("2026-01-16T00:00")
        world.store.write(record(midnight, income=1.0), record(midnight + 1, income=2.0))
        assert world.joined()[0]["income"] == 1.0

    def test_of_one_event_time_the_last_call_counts_then_the_last_write(self, world: World) -> None:
        world.accept(world.curated(loan("A")))
        world.store.write(
            record(NOON, income=2.0), called="2026-01-16T07:00:00", written="2026-01-16T07:00:01"
        )
        world.store.write(
            record(NOON, income=3.0), called="2026-01-16T07:00:00", written="2026-01-16T07:09:00"
        )
        world.store.write(
            record(NOON, income=1.0), called="2026-01-16T06:00:00", written="2026-01-16T09:00:00"
        )
        assert world.joined()[0]["income"] == 3.0

    def test_each_row_has_its_own_time(self, world: World) -> None:
        world.accept(world.curated(loan("A", at=f"{DAY}T09:00:00"), loan("B"), loan("C", "C2")))
        world.store.write(record(NOON - 86400, income=1.0), record(NOON - 60, income=2.0))
        world.store.write(record(NOON - 10, "C2", income=7.0))
        rows = world.joined()
        assert [row["income"] for row in rows] == [1.0, 2.0, 7.0]
        assert [row["feature_time"] - NOON for row in rows] == [-86400, -60, -10]

    def test_a_value_that_became_unknown_is_unknown(self, world: World) -> None:
        """A record is overwritten as a whole: an earlier value does not shine through."""
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON - 60, income=1.0, city="x"), record(NOON, city="y"))
        (row,) = world.joined()
        assert (row["income"], row["city"]) == (None, "y")


class TestDeletedEntities:
    def test_a_row_of_an_entity_deleted_before_it_fails_the_run(self, world: World) -> None:
        world.accept(world.curated(loan("A"), loan("B", "C2")))
        world.store.write(record(NOON - 60, income=1.0), record(NOON - 60, "C2", income=2.0))
        world.store.write(record(NOON - 30, "C2"), deleted=True)
        with pytest.raises(RemoteJobFailed, match="no features of C2"):
            world.joined()

    def test_a_later_deletion_was_not_known(self, world: World) -> None:
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON, income=1.0))
        world.store.write(record(NOON + 60), called="2026-02-01T00:00:00", deleted=True)
        assert world.joined()[0]["income"] == 1.0


class TestJoinedRows:
    def test_features_come_from_the_store_in_their_types_and_the_rest_from_the_row(
        self, world: World
    ) -> None:
        """To the last bit: 0.1 + 0.2 is 0.30000000000000004. What the row says of features does not count."""
        world.accept(world.curated(loan("A", income=-1.0, city="elsewhere")))
        world.store.write(
            record(
                NOON,
                income=0.1 + 0.2,
                loans=2**53 + 1,
                owner=1,
                since="2020-02-29",
                seen="2026-01-14T23:59:59.999000",
                city="O'Brien's",
            )
        )
        (row,) = world.joined()
        times = [row.pop(name).replace(tzinfo=None).isoformat() for name in ("at", "seen")]
        assert times == ["2026-01-15T12:00:00", "2026-01-14T23:59:59.999000"]
        assert row == {
            "loan": "A",
            "customer": "C1",
            "income": 0.30000000000000004,
            "loans": 9007199254740993,
            "owner": True,
            "since": date(2020, 2, 29),
            "city": "O'Brien's",
            "paid": 1,
            "feature_time": NOON,
        }

    def test_columns_are_in_the_curated_order(self, world: World) -> None:
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON))
        (row,) = world.joined()
        assert list(row) == [*(column["name"] for column in COLUMNS), "feature_time"]

    def test_weights_and_repeated_rows_survive(self, world: World) -> None:
        """Reweighed rows keep their weights, resampled ones their copies; rows to judge by have neither."""
        world.curated(loan("A"), loan("B", "C2"))
        weighed = [
            loan("A", sample_weight=0.5),
            loan("A", sample_weight=0.5),
            loan("B", "C2", sample_weight=2.0),
        ]
        uri = world.put(f"{world.name}/mitigated/", weighed)
        assert world.accept(uri, weighted=True) == {"days": [DAY], "weighted": True}
        world.store.write(record(NOON, income=1.0), record(NOON, "C2", income=2.0))
        told = world.joining().execute(TaskInstance().context())
        learned = [(row["loan"], row["income"], row["sample_weight"]) for row in world.rows(told["training"])]
        assert learned == [("A", 1.0, 0.5), ("A", 1.0, 0.5), ("B", 2.0, 2.0)]
        judged = [(row["loan"], row["income"], row["sample_weight"]) for row in world.rows(told["curated"])]
        assert judged == [("A", 1.0, None), ("B", 2.0, None)]

    def test_a_row_without_a_record_fails_the_run_and_is_named(self, world: World) -> None:
        world.accept(world.curated(loan("A"), loan("B", "C2")))
        world.store.write(record(NOON))
        with pytest.raises(RemoteJobFailed, match="no features of C2"):
            world.joined()


class TestWindow:
    @pytest.fixture
    def world(self, furnished: StandIn, tmp_path: Path) -> World:
        return World(furnished, tmp_path, window_days=3)

    def test_only_accepted_days_within_it_count(self, world: World) -> None:
        """Of the 11th (too old), the 13th, the 14th (not accepted) and the 15th: two. One has weights."""
        for day in ("2026-01-11", "2026-01-13", "2026-01-14", DAY):
            uri = world.curated(loan(f"L{day}", at=f"{day}T12:00:00"), day=day)
            world.store.write(record(seconds(f"{day}T12:00"), income=float(day[-2:])))
            if day == "2026-01-13":
                weighed = loan(f"L{day}", at=f"{day}T12:00:00", sample_weight=0.25)
                uri = world.put(f"{world.name}/mitigated/", [weighed])
            if day != "2026-01-14":
                told = world.accept(uri, day=day, weighted=day == "2026-01-13")
        assert told == {"days": ["2026-01-13", DAY], "weighted": True}
        assert [(row["loan"], row["income"]) for row in world.joined()] == [
            ("L2026-01-13", 13.0),
            ("L2026-01-15", 15.0),
        ]
        # What has no weight counts for one.
        assert [row["sample_weight"] for row in world.joined(part="training")] == [0.25, 1.0]

    def test_a_day_that_is_accepted_anew_is_pointed_anew(self, world: World) -> None:
        uri = world.curated(loan("A"), loan("B"))
        world.accept(uri)
        world.accept(world.put(f"{world.name}/mitigated/", [loan("B")]))
        world.store.write(record(NOON, income=1.0))
        assert [row["loan"] for row in world.joined(part="training")] == ["B"]
        assert [row["loan"] for row in world.joined(part="curated")] == ["A", "B"]

    def test_a_day_that_was_never_ingested_is_named_at_once(self, world: World) -> None:
        world.accept(
            world.curated(loan("O", "C9", at="2026-01-14T12:00:00"), day="2026-01-14"), day="2026-01-14"
        )
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON, income=1.0))
        with pytest.raises(
            AirflowFailException, match=r"2 of 2 rows of 2026-01-14 have no record .* C9, C9; run"
        ):
            world.waiting().execute(TaskInstance().context())


class TestTheDaysEnd:
    """Where no column says when, a row's features are those known when its day is over."""

    @pytest.fixture
    def world(self, furnished: StandIn, tmp_path: Path) -> World:
        return World(furnished, tmp_path, event_time=None)

    def test_the_next_days_record_is_not_known(self, world: World) -> None:
        world.accept(world.curated(loan("A")))
        midnight = seconds("2026-01-16T00:00")
        early, late = ({"customer": "C1", "event_time": at} for at in (midnight, midnight + 1))
        world.store.write({**early, "income": 1.0}, {**late, "income": 2.0})
        assert world.joined()[0]["income"] == 1.0


class TestWaiting:
    def test_all_arrived(self, world: World) -> None:
        world.accept(world.curated(loan("A"), loan("B", "C2")))
        world.store.write(record(NOON), record(NOON, "C2"))
        assert world.waiting().execute(TaskInstance().context()) == {"rows": {DAY: 4}}

    def test_a_record_on_its_way_is_waited_for_on_the_triggerer(self, world: World) -> None:
        """Neither a record of yesterday's nor one that an earlier run wrote is the run's own."""
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON - 86400))
        world.store.write(record(NOON), called="2026-01-16T05:59:59")
        task, sensor = TaskInstance(), world.waiting(deferrable=True, ended=INGESTED + 10**9)
        with pytest.raises(TaskDeferred) as deferred:
            sensor.execute(task.context())
        assert deferred.value.method_name == "execute_complete"
        world.store.write(record(NOON))
        again = world.waiting(deferrable=True)
        assert again.execute_complete(task.context(), event=None) == {"rows": {DAY: 2}}

    def test_a_lost_record_is_told_with_its_entity(self, world: World) -> None:
        world.accept(world.curated(loan("A"), loan("B", "C2")))
        world.store.write(record(NOON))
        with pytest.raises(AirflowFailException) as failed:
            world.waiting(ended=INGESTED).execute(TaskInstance().context())
        assert str(failed.value).splitlines() == [
            "Records that were written did not arrive in the offline store.",
            "  2 of 4 rows of 2026-01-15 lack the record that was written for them: C2, C2",
            "  The ingestion ended at 2026-01-16T06:00:00+00:00; 30 minutes are allowed.",
        ]

    def test_no_waiting_brings_back_a_deleted_entity(self, world: World) -> None:
        world.accept(world.curated(loan("A", "C3")))
        world.store.write(record(NOON, "C3"))
        world.store.write(record(NOON, "C3"), called="2026-01-16T07:00:00", deleted=True)
        with pytest.raises(
            AirflowFailException, match="2 of 2 rows of 2026-01-15 are of entities that were del"
        ):
            world.waiting(ended=INGESTED + 10**9).execute(TaskInstance().context())


class TestAttempts:
    def test_a_cleared_task_leaves_one_result(self, world: World) -> None:
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON, income=1.0))
        first = world.joining().execute(TaskInstance().context())
        second = world.joining().execute(TaskInstance().context())
        assert first["curated"] != second["curated"]
        listed = world.aws.client("s3").list_objects_v2(
            Bucket="local-ml", Prefix=world.render(world.workflow.paths.joined)
        )
        folders = {key["Key"].rpartition("part=")[0] for key in listed["Contents"]}
        assert folders == {second["curated"].removeprefix("s3://local-ml/").removesuffix("part=curated/")}

    def test_a_killed_workers_query_is_adopted_with_what_it_wrote(self, world: World) -> None:
        """The retry repeats the start with the same token, and gets the same query and the same folder."""
        world.accept(world.curated(loan("A")))
        world.store.write(record(NOON, income=1.0))
        task = TaskInstance()
        first = world.joining()
        die_after(first, "create")
        with pytest.raises(WorkerDied):
            first.execute(task.context())
        told = world.joining().execute(task.context())
        assert [row["income"] for row in world.rows(told["curated"])] == [1.0]
