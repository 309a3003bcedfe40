"""What lies on S3 and is decided on: published code, bias reports, features, quality."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, TaskDeferred

from aws_ml.exceptions import RemoteJobFailed, RemoteJobUnreachable, ReportInvalid
from aws_ml.operators.check_features import CheckFeaturesOperator
from aws_ml.operators.check_quality import CheckQualityOperator
from aws_ml.operators.publish_code import PublishCodeOperator
from aws_ml.operators.put_json import PutJsonOperator
from aws_ml.sensors.clarify_bias_report import ClarifyBiasReportSensor
from aws_ml.sensors.landing import LandingSensor
from tests.contract.aws_ml.conftest import (
    BUCKET,
    Gate,
    TaskInstance,
    first_event,
    in_background,
    processing_job,
    until,
)
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")


def analysis(**values: float | None) -> dict[str, Any]:
    metrics = [{"name": name, "description": name, "value": value} for name, value in values.items()]
    facets = {"sex": [{"value_or_threshold": "female", "metrics": metrics}]}
    return {
        "version": "1.0",
        "pre_training_bias_metrics": {"label": "y", "facets": facets, "label_value_or_threshold": "1"},
    }


@pytest.fixture
def key() -> str:
    return f"{uuid.uuid4().hex}.json"


def put(aws: StandIn, key: str, document: Any) -> None:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def read(aws: StandIn, key: str) -> Any:
    return json.load(aws.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"])


class TestPublishCode:
    def publish(self, **config: Any) -> Any:
        operator = PublishCodeOperator(task_id="publish", bucket=BUCKET, prefix="w/code/", config=config)
        return operator.execute(TaskInstance().context())

    def keys(self, aws: StandIn, prefix: str) -> dict[str, str]:
        pages = aws.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {
            item["Key"].removeprefix(prefix): item["LastModified"]
            for page in pages
            for item in page.get("Contents", [])
        }

    def test_the_jobs_and_the_workflow_lie_under_their_digest(self, aws: StandIn) -> None:
        made = self.publish(name="w")
        assert made["prefix"] == f"w/code/{made['digest']}/"
        assert made["uri"] == f"s3://{BUCKET}/{made['prefix']}"
        assert read(aws, made["config_key"]) == {"name": "w"}
        assert {"jobs/__init__.py", "jobs/glue/clean.py", "config.json"} <= set(
            self.keys(aws, made["prefix"])
        )

    def test_the_same_code_is_uploaded_once(self, aws: StandIn) -> None:
        made = self.publish(name="once")
        before = self.keys(aws, made["prefix"])
        assert self.publish(name="once") == made
        assert self.keys(aws, made["prefix"]) == before

    def test_a_publication_that_broke_off_is_completed(self, aws: StandIn) -> None:
        made = self.publish(name="broken-off")
        aws.client("s3").delete_object(Bucket=BUCKET, Key=f"{made['prefix']}jobs/glue/clean.py")
        self.publish(name="broken-off")
        assert "jobs/glue/clean.py" in self.keys(aws, made["prefix"])

    def test_another_workflow_is_another_tree(self) -> None:
        assert self.publish(name="a")["digest"] != self.publish(name="b")["digest"]


def test_a_document_is_written_as_given(aws: StandIn, key: str) -> None:
    operator = PutJsonOperator(task_id="put", bucket=BUCKET, key=key, document={"b": 1, "a": "ü"})
    assert operator.execute(TaskInstance().context()) == {"uri": f"s3://{BUCKET}/{key}"}
    assert read(aws, key) == {"b": 1, "a": "ü"}


class TestCheckQuality:
    def check(self, key: str) -> Any:
        operator = CheckQualityOperator(task_id="q", bucket=BUCKET, key=key, metric="auc", minimum=0.75)
        return operator.execute(TaskInstance().context())

    def test_a_good_model_passes_with_its_number(self, aws: StandIn, key: str) -> None:
        put(aws, key, {"metrics": {"auc": 0.75}, "rows": 100})
        assert self.check(key) == {"metric": "auc", "value": 0.75, "minimum": 0.75}

    @pytest.mark.parametrize(
        ("document", "said"),
        [
            ({"metrics": {"auc": 0.7499}, "rows": 100}, "auc is 0.7499, the minimum is 0.75"),
            ({"metrics": {"auc": None}}, "could not be computed: None"),
            ({"metrics": {"auc": True}}, "could not be computed: True"),
            ({"metrics": {"f1": 0.9}}, "no metric 'auc'; it has: f1"),
            ([], "no metric 'auc'"),
        ],
    )
    def test_anything_else_fails_for_good(self, aws: StandIn, key: str, document: Any, said: str) -> None:
        put(aws, key, document)
        with pytest.raises(AirflowFailException, match=said):
            self.check(key)


FEATURES = {
    "rows_in": 30,
    "splits": {name: {"rows": 10, "positives": 5} for name in ("train", "validation", "test")},
    "columns": ["a", "b"],
    "weighted": False,
    "transformer_digest": "d1",
    "alerts": [],
}


class TestCheckFeatures:
    def check(self, key: str) -> Any:
        operator = CheckFeaturesOperator(task_id="f", bucket=BUCKET, key=key)
        return operator.execute(TaskInstance().context())

    def test_good_datasets_pass_with_their_numbers(self, aws: StandIn, key: str) -> None:
        put(aws, key, FEATURES | {"alerts": [{"kind": "constant", "says": "b is the same in every row"}]})
        rows = {"train": 10, "validation": 10, "test": 10}
        small = {"rows": rows, "columns": 2, "weighted": False, "transformer_digest": "d1"}
        assert self.check(key) == {**small, "alerts": ["b is the same in every row"]}

    def test_lost_rows_fail_for_good(self, aws: StandIn, key: str) -> None:
        put(aws, key, FEATURES | {"rows_in": 31})
        with pytest.raises(AirflowFailException, match="31 rows came in, 30 are in the splits"):
            self.check(key)

    def test_another_kind_of_report_is_refused(self, aws: StandIn, key: str) -> None:
        put(aws, key, {"rows_in": 31})
        with pytest.raises(AirflowFailException, match=key):
            self.check(key)


# What triggers of other tasks say, and what says nothing.
STRAY_EVENTS: list[Any] = [
    {},
    {"status": "success"},
    {"phase": "succeeded", "state": "Completed"},
    {"error": "somebody else's"},
    ("airflow.providers.standard.triggers.external_task.DagStateTrigger", {"dag_id": "other"}),
    True,
    None,
]


class TestLanding:
    def sensor(self, prefix: str) -> LandingSensor:
        return LandingSensor(
            task_id="wait",
            bucket_name=BUCKET,
            bucket_key=f"{prefix}/*",
            wildcard_match=True,
            deferrable=True,
            poke_interval=0.1,
        )

    @pytest.mark.parametrize("event", [*STRAY_EVENTS, {"status": "error", "message": "x"}], ids=str)
    def test_only_files_end_the_wait(self, aws: StandIn, key: str, task: TaskInstance, event: Any) -> None:
        """Whatever event wakes the task, it waits on while nothing is there, and goes on when there is."""
        with pytest.raises(TaskDeferred):
            self.sensor(key).execute_complete(task.context(), event)
        put(aws, f"{key}/file.csv", b"a,b\n")
        self.sensor(key).execute_complete(task.context(), event)


class TestSensor:
    def sensor(self, key: str, job: str, **arguments: Any) -> ClarifyBiasReportSensor:
        return ClarifyBiasReportSensor(
            task_id="wait", bucket=BUCKET, key=key, job_name=job, **{"deferrable": False, **arguments}
        )

    def job(self, aws: StandIn, task: TaskInstance, program: str) -> str:
        aws.client("sagemaker").create_processing_job(**processing_job(task.base_name, program))
        return task.base_name

    def until_completed(self, aws: StandIn, job: str) -> None:
        describe = aws.client("sagemaker").describe_processing_job
        until(lambda: describe(ProcessingJobName=job)["ProcessingJobStatus"] == "Completed")

    def test_the_report_is_waited_for_and_given_in_small(
        self, aws: StandIn, key: str, task: TaskInstance, gate: Gate
    ) -> None:
        put(aws, key, analysis(DPL=0.9))  # an earlier run's, at the same place
        job = self.job(aws, task, gate.program)
        future = in_background(lambda: self.sensor(key, job).execute(task.context()))
        put(aws, key, analysis(DPL=0.1, KL=None))
        assert not future.done()
        gate.open()
        facets = {"sex=female": {"DPL": 0.1, "KL": None}}
        assert future.result(30) == {"uri": f"s3://{BUCKET}/{key}", "facets": facets}

    def test_a_failed_job_is_not_waited_out(self, aws: StandIn, key: str, task: TaskInstance) -> None:
        job = self.job(aws, task, "import sys; sys.exit(3)")
        with pytest.raises(RemoteJobFailed, match=task.base_name):
            self.sensor(key, job).execute(task.context())

    def test_the_trigger_waits_and_the_sensor_judges(
        self, aws: StandIn, key: str, task: TaskInstance, gate: Gate
    ) -> None:
        job = self.job(aws, task, gate.program)
        with pytest.raises(TaskDeferred) as deferred:
            self.sensor(key, job, deferrable=True).execute(task.context())
        put(aws, key, analysis(DPL=0.1))
        gate.open()
        event = asyncio.run(first_event(deferred.value.trigger))
        result = self.sensor(key, job, deferrable=True).execute_complete(task.context(), event)
        assert result["facets"] == {"sex=female": {"DPL": 0.1}}

    def test_the_trigger_tells_a_failed_job_too(
        self, aws: StandIn, key: str, task: TaskInstance, gate: Gate
    ) -> None:
        job = self.job(aws, task, f"{gate.program}\nimport sys; sys.exit(3)")
        with pytest.raises(TaskDeferred) as deferred:
            self.sensor(key, job, deferrable=True).execute(task.context())
        gate.open()
        event = asyncio.run(first_event(deferred.value.trigger))
        with pytest.raises(RemoteJobFailed):
            self.sensor(key, job, deferrable=True).execute_complete(task.context(), event)

    def test_another_tasks_event_ends_no_wait(
        self, aws: StandIn, key: str, task: TaskInstance, gate: Gate
    ) -> None:
        """Airflow on SQLite may deliver it; here the job still runs, and an old report lies there."""
        put(aws, key, analysis(DPL=0.9))
        job = self.job(aws, task, gate.program)
        for event in STRAY_EVENTS:
            with pytest.raises(TaskDeferred):
                self.sensor(key, job, deferrable=True).execute_complete(task.context(), event)
        gate.open()
        self.until_completed(aws, job)

    def test_when_aws_is_silent_here_too_the_trigger_is_believed(
        self, key: str, task: TaskInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Nothing listens at the connection's address; asking on for ever would hide that."""
        connection = json.loads(os.environ["AIRFLOW_CONN_AWS_DEFAULT"])
        connection["extra"] |= {
            "endpoint_url": "http://127.0.0.1:9",
            "config_kwargs": {"retries": {"total_max_attempts": 1}},
        }
        monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
        sensor = self.sensor(key, "job", deferrable=True)
        with pytest.raises(RemoteJobUnreachable):
            sensor.execute_complete(task.context(), {"error": "no answer for an hour"})

    def test_an_invalid_report_is_refused(self, aws: StandIn, key: str, task: TaskInstance) -> None:
        job = self.job(aws, task, "print()")
        put(aws, key, {"version": "1.0"})
        self.until_completed(aws, job)
        with pytest.raises(ReportInvalid, match=key):
            self.sensor(key, job).execute(task.context())
