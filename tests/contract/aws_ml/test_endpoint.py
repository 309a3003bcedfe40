"""From archive to answering endpoint: what is created once, what is updated, what is honestly a failure."""

from __future__ import annotations

import asyncio
import io
import json
import tarfile
import uuid
from typing import Any

import pytest
from airflow.sdk.exceptions import TaskDeferred
from botocore.exceptions import ClientError

from aws_ml.exceptions import EndpointAnswersWrongly, RemoteJobFailed, ReportInvalid, ReportMissing
from aws_ml.operators.endpoint import EndpointOperator
from aws_ml.operators.endpoint_config import EndpointConfigOperator
from aws_ml.operators.model import ModelOperator
from aws_ml.operators.smoke_test import SmokeTestOperator
from tests.contract.aws_ml.conftest import BUCKET, ROLE, SCIKIT_LEARN, TaskInstance, first_event
from tests.support.feature_store import created, group_request, record
from tests.support.stand_in import StandIn

pytestmark = pytest.mark.usefixtures("aws")

INFERENCE = """\
import json
def model_fn(model_dir): return {score}
def input_fn(body, content_type): return json.loads(body)["records"]
def predict_fn(records, model): return [dict(score=model + record["x"]) for record in records]
def output_fn(predictions, accept): return json.dumps(dict(predictions=predictions)), accept
"""

# The same, which knows two entities by their name alone.
ENTITIES = INFERENCE.replace('record["x"]', 'record.get("x", {{"a": 0.25, "b": 0.5}}.get(record.get("id")))')


def archive(aws: StandIn, key: str, program: str) -> str:
    """A model archive whose program is all there is to it."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        entry = tarfile.TarInfo("code/inference.py")
        entry.size = len(program)
        tar.addfile(entry, io.BytesIO(program.encode()))
    aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=buffer.getvalue())
    return f"s3://{BUCKET}/{key}"


@pytest.fixture
def name() -> str:
    return f"endpoint-{uuid.uuid4().hex[:8]}"


def make_model(name: str, uri: str) -> dict[str, str]:
    config = {
        "ModelName": name,
        "ExecutionRoleArn": ROLE,
        "PrimaryContainer": {
            "Image": SCIKIT_LEARN,
            "ModelDataUrl": uri,
            "Environment": {
                "SAGEMAKER_PROGRAM": "inference.py",
                "SAGEMAKER_SUBMIT_DIRECTORY": "/opt/ml/model/code",
            },
        },
        "Tags": [{"Key": "run", "Value": uuid.uuid4().hex}],
    }
    made: dict[str, str] = ModelOperator(task_id="model", config=config).execute(TaskInstance().context())
    return made


def make_config(name: str, model: dict[str, str]) -> dict[str, str]:
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": model["name"],
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    operator = EndpointConfigOperator(task_id="config", config=config)
    made: dict[str, str] = operator.execute(TaskInstance().context())
    return made


def operator(name: str, config: str, **arguments: Any) -> EndpointOperator:
    return EndpointOperator(
        task_id="endpoint",
        config={"EndpointName": name, "EndpointConfigName": config, "Tags": [{"Key": "a", "Value": "b"}]},
        **{"deferrable": False, **arguments},
    )


def deploy(name: str, config: str, task: TaskInstance | None = None) -> Any:
    return operator(name, config).execute((task or TaskInstance()).context())


def serve(aws: StandIn, name: str, score: float, program: str = INFERENCE) -> str:
    """Deploy an endpoint that answers `score` + x; the configuration's name."""
    uri = archive(aws, f"{name}/{score}.tar.gz", program.format(score=score))
    config = make_config(name, make_model(name, uri))["name"]
    deploy(name, config)
    return config


def broken_config(aws: StandIn, name: str) -> str:
    uri = archive(aws, f"{name}/broken.tar.gz", "raise ValueError('this model cannot load')")
    return make_config(name, make_model(name, uri))["name"]


def ask(aws: StandIn, name: str, x: float) -> float:
    body = json.dumps({"records": [{"x": x}]})
    answer = aws.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=name, ContentType="application/json", Body=body
    )
    return float(json.loads(answer["Body"].read())["predictions"][0]["score"])


def served(aws: StandIn, name: str) -> tuple[str, str]:
    endpoint = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    return endpoint["EndpointStatus"], endpoint["EndpointConfigName"]


class TestModel:
    def test_the_same_content_is_the_same_model(self, aws: StandIn, name: str) -> None:
        uri = archive(aws, f"{name}.tar.gz", "pass")
        first = make_model(name, uri)
        assert make_model(name, uri) == first
        assert first["name"].startswith(f"{name}-")
        assert first["arn"].endswith(first["name"])

    def test_an_archive_that_was_made_anew_is_another_model(self, aws: StandIn, name: str) -> None:
        first = make_model(name, archive(aws, f"{name}.tar.gz", "pass"))
        second = make_model(name, archive(aws, f"{name}.tar.gz", "pass  # trained again"))
        assert first["name"] != second["name"]

    def test_a_missing_archive_is_told_before_anything_is_made(self, name: str) -> None:
        with pytest.raises(ClientError, match="Not Found"):
            make_model(name, f"s3://{BUCKET}/nothing.tar.gz")

    def test_a_configuration_follows_its_model(self, aws: StandIn, name: str) -> None:
        first = make_model(name, archive(aws, f"{name}.tar.gz", "pass"))
        config = make_config(name, first)
        assert make_config(name, first) == config
        second = make_model(name, archive(aws, f"{name}.tar.gz", "pass  # trained again"))
        assert make_config(name, second) != config


class TestDeploy:
    def test_an_endpoint_is_created_then_updated_then_left_alone(self, aws: StandIn, name: str) -> None:
        serve(aws, name, 1)
        assert ask(aws, name, 0.5) == 1.5
        config = serve(aws, name, 2)
        assert ask(aws, name, 0.5) == 2.5
        before = aws.client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"]
        result = deploy(name, config)
        assert result == {"name": name, "arn": result["arn"], "config": config}
        after = aws.client("sagemaker").describe_endpoint(EndpointName=name)["LastModifiedTime"]
        assert after == before

    def test_a_creation_that_fails_says_why(self, aws: StandIn, name: str) -> None:
        with pytest.raises(RemoteJobFailed) as caught:
            deploy(name, broken_config(aws, name))
        assert f"SageMaker endpoint {name} is Failed" in str(caught.value)
        assert f"/aws/sagemaker/Endpoints/{name}" in str(caught.value)

    def test_a_retry_replaces_an_endpoint_whose_creation_failed(
        self, aws: StandIn, name: str, task: TaskInstance
    ) -> None:
        with pytest.raises(RemoteJobFailed):
            deploy(name, broken_config(aws, name), task)
        uri = archive(aws, f"{name}/good.tar.gz", INFERENCE.format(score=3))
        config = make_config(name, make_model(name, uri))["name"]
        assert deploy(name, config, task)["config"] == config
        assert ask(aws, name, 0) == 3

    def test_a_rolled_back_update_is_a_failure_and_the_old_one_serves_on(
        self, aws: StandIn, name: str
    ) -> None:
        good = serve(aws, name, 1)
        with pytest.raises(RemoteJobFailed) as caught:
            deploy(name, broken_config(aws, name))
        assert "rolled back" in str(caught.value)
        assert good in str(caught.value)
        assert "AWS gives no reason" not in str(caught.value)
        assert served(aws, name) == ("InService", good)
        assert ask(aws, name, 0) == 1

    def test_a_rolled_back_update_is_tried_again_by_a_retry(
        self, aws: StandIn, name: str, task: TaskInstance
    ) -> None:
        serve(aws, name, 1)
        broken = broken_config(aws, name)
        for _ in range(2):
            with pytest.raises(RemoteJobFailed, match="rolled back"):
                deploy(name, broken, task)

    def test_a_worker_that_dies_while_it_waits_leaves_an_update_to_take_up(
        self, aws: StandIn, name: str, task: TaskInstance
    ) -> None:
        """The retry waits for the update that was sent, and judges it: it doesn't send a second one."""
        serve(aws, name, 1)
        broken = broken_config(aws, name)
        with pytest.raises(TaskDeferred):
            operator(name, broken, deferrable=True).execute(task.context())
        with pytest.raises(RemoteJobFailed, match="rolled back"):
            deploy(name, broken, task)

    def test_a_deferred_deployment_is_judged_like_any_other(
        self, aws: StandIn, name: str, task: TaskInstance
    ) -> None:
        uri = archive(aws, f"{name}.tar.gz", INFERENCE.format(score=1))
        config = make_config(name, make_model(name, uri))["name"]
        with pytest.raises(TaskDeferred) as deferred:
            operator(name, config, deferrable=True).execute(task.context())
        event = asyncio.run(first_event(deferred.value.trigger))
        result = operator(name, config, deferrable=True).resume_execution(
            "resume", {**(deferred.value.kwargs or {}), "event": event}, task.context()
        )
        assert result["config"] == config

    def test_killing_the_task_leaves_the_endpoint_alone(self, aws: StandIn, name: str) -> None:
        config = serve(aws, name, 1)
        killed = operator(name, config)
        killed.execute(TaskInstance().context())
        killed.on_kill()
        assert served(aws, name) == ("InService", config)


def smoke(name: str, records: str, **arguments: Any) -> dict[str, Any]:
    result: dict[str, Any] = SmokeTestOperator(
        task_id="smoke",
        bucket=BUCKET,
        records_key=records,
        endpoint_name=name,
        deployment_key=f"{name}/deployment.json",
        config_name="config",
        model_name="model",
        **arguments,
    ).execute(TaskInstance().context())
    return result


@pytest.fixture(scope="module")
def endpoint(aws: StandIn) -> str:
    name = f"endpoint-{uuid.uuid4().hex[:8]}"
    serve(aws, name, 0.5, ENTITIES)
    return name


class TestSmoke:
    def put(self, aws: StandIn, records: Any) -> str:
        key = f"{uuid.uuid4().hex}.json"
        aws.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(records).encode())
        return key

    def report(self, aws: StandIn, endpoint: str) -> Any:
        return json.load(
            aws.client("s3").get_object(Bucket=BUCKET, Key=f"{endpoint}/deployment.json")["Body"]
        )

    def test_the_evaluated_scores_are_expected_of_the_endpoint(self, aws: StandIn, endpoint: str) -> None:
        records = [
            {"key": "a", "record": {"x": 0.25}, "label": 1, "score": 0.75},
            {"key": "b", "record": {"x": 0.1}, "label": 0, "score": 0.6},
        ]
        result = smoke(endpoint, self.put(aws, records))
        uri = f"s3://{BUCKET}/{endpoint}/deployment.json"
        assert result == {"endpoint": endpoint, "records": 2, "by_entity": 0, "uri": uri}
        report = self.report(aws, endpoint)
        assert report["status"] == "InService"
        assert [record["equal"] for record in report["records"]] == [True, True]
        assert report["records"][0]["response"] == {"score": 0.75}

    def test_another_score_fails_with_both_numbers_and_leaves_the_report(
        self, aws: StandIn, endpoint: str
    ) -> None:
        with pytest.raises(EndpointAnswersWrongly, match=r"record a: 0.75, evaluated as 0.7501"):
            smoke(endpoint, self.put(aws, [{"key": "a", "record": {"x": 0.25}, "score": 0.7501}]))
        assert self.report(aws, endpoint)["records"][0]["equal"] is False

    def test_a_model_that_chokes_on_a_record_is_quoted(self, aws: StandIn, endpoint: str) -> None:
        with pytest.raises(EndpointAnswersWrongly, match="ModelError"):
            smoke(endpoint, self.put(aws, [{"key": "a", "record": {}, "score": 0.75}]))

    def test_an_endpoint_that_is_not_there_is_named(self, aws: StandIn) -> None:
        with pytest.raises(EndpointAnswersWrongly, match="nowhere"):
            smoke("nowhere", self.put(aws, [{"key": "a", "record": {"x": 1}, "score": 1}]))

    def test_without_records_nothing_is_proven(self, aws: StandIn, endpoint: str) -> None:
        with pytest.raises(ReportInvalid, match="holds no record"):
            smoke(endpoint, self.put(aws, []))
        with pytest.raises(ReportMissing):
            smoke(endpoint, "nothing.json")


class TestSmokeByEntity:
    """The endpoint under test knows `a` with x = 0.25 and `b` with x = 0.5, and adds 0.5."""

    AT = 1_768_521_599.5

    @pytest.fixture
    def group(self, aws: StandIn) -> str:
        """An online feature group of entities."""
        name = f"g{uuid.uuid4().hex[:8]}"
        definitions = [("id", "String"), ("at", "Fractional"), ("x", "Fractional")]
        request = group_request(
            name,
            RecordIdentifierFeatureName="id",
            EventTimeFeatureName="at",
            FeatureDefinitions=[{"FeatureName": each, "FeatureType": kind} for each, kind in definitions],
        )
        created(aws, request)
        return name

    def put(self, aws: StandIn, group: str, entity: str, at: float) -> None:
        aws.client("sagemaker-featurestore-runtime").put_record(
            FeatureGroupName=group, Record=record(id=entity, at=at, x=0.25)
        )

    def smoke(self, aws: StandIn, endpoint: str, group: str, **xs: float) -> dict[str, Any]:
        wanted = [
            {
                "key": entity,
                "entity": {"id": entity},
                "feature_time": self.AT,
                "record": {"x": x},
                "score": 0.5 + x,
            }
            for entity, x in xs.items()
        ]
        return smoke(
            endpoint,
            TestSmoke().put(aws, wanted),
            online_store={"group": group, "event_time": "at"},
        )

    def test_it_answers_the_same_for_an_entity_alone(self, aws: StandIn, endpoint: str, group: str) -> None:
        self.put(aws, group, "a", self.AT)
        self.put(aws, group, "b", self.AT)
        assert self.smoke(aws, endpoint, group, a=0.25, b=0.5)["by_entity"] == 2
        asked = TestSmoke().report(aws, endpoint)["by_entity"]
        assert [(each["request"], each["score"], each["equal"]) for each in asked] == [
            ({"id": "a"}, 0.75, True),
            ({"id": "b"}, 1.0, True),
        ]

    def test_another_answer_for_an_entity_fails_with_both_numbers(
        self, aws: StandIn, endpoint: str, group: str
    ) -> None:
        """By the record it answers as evaluated, by the entity it does not."""
        self.put(aws, group, "b", self.AT)
        with pytest.raises(EndpointAnswersWrongly, match=r"record b: 1\.0, evaluated as 0\.625"):
            self.smoke(aws, endpoint, group, b=0.125)
        report = TestSmoke().report(aws, endpoint)
        assert [report[part][0]["equal"] for part in ("records", "by_entity")] == [True, False]

    def test_who_has_other_features_by_now_or_none_is_not_asked_for(
        self, aws: StandIn, endpoint: str, group: str
    ) -> None:
        """A row of an earlier day cannot know them."""
        self.put(aws, group, "a", self.AT + 1)
        told = self.smoke(aws, endpoint, group, a=0.125, b=0.125)
        assert (told["records"], told["by_entity"]) == (2, 0)
