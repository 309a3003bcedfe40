"""The life of an endpoint, with real workers: create, update, roll back, kill, restart, delete."""

from __future__ import annotations

import io
import os
import shutil
import signal
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy
import pytest
import xgboost
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import (
    ROLE,
    SCIKIT_LEARN,
    XGBOOST,
    channel,
    csv_rows,
    ended_training,
    training_request,
)
from tests.support.serving import EVALUATE, Serving, archive, script
from tests.support.stand_in import StandIn

DIES = script("def model_fn(model_dir):\n    raise RuntimeError('no such model')\n")
SLEEP_IN_A_SESSION_OF_ITS_OWN = "__import__('subprocess').Popen(['sleep', '600'], start_new_session=True).pid"
ROWS = numpy.array([[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0], [0.3, -0.2, 0.1]])
ROWS_AS_CSV = "\n".join(",".join(map(str, row)) for row in ROWS)


@pytest.fixture(scope="module")
def serving(stand_in: StandIn) -> Serving:
    return Serving(stand_in)


@pytest.fixture(scope="module")
def evaluating(serving: Serving) -> Iterator[str]:
    """An endpoint that evaluates expressions; for tests that leave it as it was."""
    name = serving.endpoint(serving.config(serving.model()))
    yield name
    serving.sagemaker.delete_endpoint(EndpointName=name)


def booster(seed: int) -> xgboost.Booster:
    random = numpy.random.default_rng(seed)
    x = random.normal(size=(200, 3))
    data = xgboost.DMatrix(x, (x[:, 0] + random.normal(size=200) > 0).astype(int))
    return xgboost.train({"objective": "binary:logistic", "max_depth": 2, "nthread": 1}, data, 5)


def xgboost_archive(model: xgboost.Booster) -> bytes:
    return archive({"xgboost-model": bytes(model.save_raw("ubj"))})


def expected(model: xgboost.Booster) -> str:
    return ",".join(map(str, model.predict(xgboost.DMatrix(ROWS)).tolist()))


def refused(call: Callable[[], object]) -> tuple[str, str]:
    """Code and message of the error that a call is answered with."""
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def exists(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone(pid: int, seconds: float = 20) -> bool:
    """Wait for the end of a process that is not ours to wait for."""
    deadline = time.monotonic() + seconds
    while exists(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not exists(pid)


def test_from_create_to_delete(serving: Serving) -> None:
    """A trained XGBoost model answers exactly as it does in this process; the name is free afterwards."""
    model = booster(1)
    config = serving.config(serving.model(xgboost_archive(model), XGBOOST))
    name = serving.name("endpoint")
    arn = serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    first = serving.describe(name)
    assert first["EndpointStatus"] == "Creating"
    assert first["EndpointArn"] == arn
    assert refused(lambda: serving.ask(name, ROWS_AS_CSV))[0] == "ValidationError"
    serving.sagemaker.get_waiter("endpoint_in_service").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    found = serving.describe(name)
    assert found["EndpointConfigName"] == config
    assert "FailureReason" not in found
    [variant] = found["ProductionVariants"]
    assert variant["DeployedImages"][0]["SpecifiedImage"] == XGBOOST
    assert {k: v for k, v in variant.items() if k != "DeployedImages"} == {
        "VariantName": "AllTraffic",
        "CurrentWeight": 1.0,
        "DesiredWeight": 1.0,
        "CurrentInstanceCount": 1,
        "DesiredInstanceCount": 1,
    }
    assert serving.ask(name, ROWS_AS_CSV) == expected(model)

    serving.sagemaker.delete_endpoint(EndpointName=name)
    serving.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert refused(lambda: serving.ask(name, ROWS_AS_CSV)) == (
        "ValidationError",
        f"Endpoint {name} of account 000000000000 not found.",
    )
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert serving.settled(name) == "InService"
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_delete_kills_the_worker(serving: Serving) -> None:
    name = serving.endpoint(serving.config(serving.model()))
    pid = int(serving.ask(name, "os.getpid()"))
    serving.sagemaker.delete_endpoint(EndpointName=name)
    assert gone(pid)
    serving.sagemaker.get_waiter("endpoint_deleted").wait(
        EndpointName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    assert not (serving.stand_in.data_dir / "endpoints" / name).exists()


def test_a_model_that_does_not_load(serving: Serving) -> None:
    """Failed, with the reason and the traceback in the log; it can be deleted, not updated."""
    name = serving.name("endpoint")
    good, bad = serving.config(serving.model()), serving.config(serving.model(DIES))
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=bad)
    assert serving.settled(name) == "Failed"
    reason = serving.describe(name)["FailureReason"]
    assert reason.startswith(
        "The primary container for production variant AllTraffic did not pass the ping health check."
    )
    assert "RuntimeError: no such model" in reason
    assert serving.until_logged(name, "in model_fn")
    assert refused(lambda: serving.ask(name, "1"))[0] == "ValidationError"
    code, message = refused(
        lambda: serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=good)
    )
    assert (code, "status Failed" in message) == ("ValidationException", True)
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_model_data_that_has_gone(serving: Serving) -> None:
    """CreateModel saw it; it was deleted before the endpoint was created."""
    model = serving.model()
    uri = serving.lose_archive(model)
    name = serving.name("endpoint")
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=serving.config(model))
    assert serving.settled(name) == "Failed"
    reason = serving.describe(name)["FailureReason"]
    assert reason.startswith(f'Failed to download model data from URL "{uri}".')


def test_model_data_that_is_no_archive(serving: Serving) -> None:
    name = serving.name("endpoint")
    config = serving.config(serving.model(b"not an archive"))
    serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    assert serving.settled(name) == "Failed"
    assert serving.describe(name)["FailureReason"].startswith("Failed to extract model data archive from URL")


def test_update_moves_the_traffic(serving: Serving) -> None:
    """Blue/green: the old workers answer until the new ones are up, then they go."""
    old, new = booster(1), booster(2)
    assert expected(old) != expected(new)
    name = serving.endpoint(serving.config(serving.model(xgboost_archive(old), XGBOOST)))
    config = serving.config(serving.model(xgboost_archive(new), XGBOOST))
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    found = serving.describe(name)
    assert found["EndpointStatus"] == "Updating"
    assert found["PendingDeploymentSummary"]["EndpointConfigName"] == config
    answers = set()
    while serving.describe(name)["EndpointStatus"] == "Updating":
        answers.add(serving.ask(name, ROWS_AS_CSV))
    assert answers <= {expected(old), expected(new)}
    assert expected(old) in answers
    found = serving.describe(name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", config)
    assert "PendingDeploymentSummary" not in found
    assert serving.ask(name, ROWS_AS_CSV) == expected(new)
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_requests_that_run_during_an_update_are_answered(serving: Serving) -> None:
    """In-flight requests finish on the old worker, whose process goes afterwards; none fails."""
    name = serving.endpoint(serving.config(serving.model()))
    before = int(serving.ask(name, "os.getpid()"))
    answers: list[str] = []
    slow = threading.Thread(target=lambda: answers.append(serving.ask(name, "time.sleep(4) or os.getpid()")))
    slow.start()
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=serving.config(serving.model()))
    assert serving.settled(name) == "InService"
    assert int(serving.ask(name, "os.getpid()")) != before
    assert exists(before)
    slow.join()
    assert answers == [str(before)]
    assert gone(before)
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_traffic_never_fails_while_models_change(serving: Serving) -> None:
    name = serving.endpoint(serving.config(serving.model()))
    failures: list[Exception] = []
    enough = threading.Event()

    def hammer() -> None:
        while not enough.is_set():
            try:
                serving.ask(name, "1 + 1")
            except ClientError as error:
                failures.append(error)

    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(2):
        config = serving.config(serving.model())
        serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
        assert serving.settled(name) == "InService"
    enough.set()
    for thread in threads:
        thread.join()
    assert failures == []
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_a_broken_update_rolls_back(serving: Serving) -> None:
    """InService with the OLD configuration and a FailureReason; the same worker goes on answering."""
    good, bad = serving.config(serving.model()), serving.config(serving.model(DIES))
    name = serving.endpoint(good)
    pid = serving.ask(name, "os.getpid()")
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=bad)
    seen = serving.statuses(name)
    assert seen[0] == "Updating"
    assert set(seen) <= {"Updating", "RollingBack", "InService"}
    found = serving.describe(name)
    assert (found["EndpointStatus"], found["EndpointConfigName"]) == ("InService", good)
    assert "did not pass the ping health check" in found["FailureReason"]
    assert "PendingDeploymentSummary" not in found
    assert serving.ask(name, "os.getpid()") == pid
    better = serving.config(serving.model())
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=better)
    assert serving.settled(name) == "InService"
    found = serving.describe(name)
    assert found["EndpointConfigName"] == better
    assert "FailureReason" not in found
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_a_killed_worker_is_started_again(serving: Serving, evaluating: str) -> None:
    before = int(serving.ask(evaluating, "os.getpid()"))
    os.kill(before, signal.SIGKILL)
    assert gone(before)
    assert int(serving.ask_until(evaluating, "os.getpid()")) != before
    assert serving.describe(evaluating)["EndpointStatus"] == "InService"
    assert serving.until_logged(evaluating, "starting it again")


def test_no_changes_while_it_changes(serving: Serving) -> None:
    """Neither update nor delete, in AWS's words."""
    name = serving.name("endpoint")
    config = serving.config(serving.model(script("import time; time.sleep(1)\n" + EVALUATE)))
    arn = serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)["EndpointArn"]
    in_progress = ("ValidationException", f'Cannot update in-progress endpoint "{arn}".')
    sagemaker = serving.sagemaker
    assert refused(lambda: sagemaker.delete_endpoint(EndpointName=name)) == in_progress
    assert (
        refused(lambda: sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config))
        == in_progress
    )
    assert serving.settled(name) == "InService"
    sagemaker.delete_endpoint(EndpointName=name)


def test_names_that_are_taken_or_missing(serving: Serving, evaluating: str) -> None:
    found = serving.describe(evaluating)
    sagemaker, config = serving.sagemaker, found["EndpointConfigName"]
    assert refused(lambda: sagemaker.create_endpoint(EndpointName=evaluating, EndpointConfigName=config)) == (
        "ValidationException",
        f'Cannot create already existing endpoint "{found["EndpointArn"]}".',
    )
    missing = found["EndpointArn"].replace(evaluating, "nobody")
    for call in (
        lambda: sagemaker.describe_endpoint(EndpointName="nobody"),
        lambda: sagemaker.delete_endpoint(EndpointName="nobody"),
        lambda: sagemaker.update_endpoint(EndpointName="nobody", EndpointConfigName=config),
    ):
        assert refused(call) == ("ValidationException", f'Could not find endpoint "{missing}".')
    code, message = refused(
        lambda: sagemaker.create_endpoint(EndpointName="other", EndpointConfigName="nobody")
    )
    assert (code, message.startswith("Could not find endpoint configuration")) == (
        "ValidationException",
        True,
    )


def test_list(serving: Serving) -> None:
    """Filters, orders and pages."""
    prefix = serving.name("list")
    config = serving.config(serving.model(DIES))
    names = [f"{prefix}-{letter}" for letter in "bac"]
    for name in names:
        serving.sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config)
    for name in names:
        serving.settled(name)

    def listed(**more: object) -> list[str]:
        pages = serving.sagemaker.get_paginator("list_endpoints").paginate(NameContains=prefix, **more)
        return [e["EndpointName"].removeprefix(f"{prefix}-") for page in pages for e in page["Endpoints"]]

    assert listed() == ["c", "a", "b"]
    assert listed(SortBy="CreationTime", SortOrder="Ascending") == ["b", "a", "c"]
    assert listed(SortBy="Name", SortOrder="Ascending", MaxResults=1) == ["a", "b", "c"]
    assert listed(SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 2}) == ["c", "b", "a"]
    assert sorted(listed(StatusEquals="Failed", SortBy="Status")) == ["a", "b", "c"]
    assert listed(StatusEquals="InService") == []
    # boto3 sends whole seconds, so bounds between the three would say nothing.
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    assert listed(CreationTimeAfter=an_hour_ago, LastModifiedTimeAfter=an_hour_ago) == ["c", "a", "b"]
    assert listed(CreationTimeBefore=an_hour_ago) == []
    assert listed(LastModifiedTimeBefore=an_hour_ago) == []
    for name in names:
        serving.sagemaker.delete_endpoint(EndpointName=name)


def test_weights_and_capacities(serving: Serving) -> None:
    """A variant of weight 0 gets no traffic but can be addressed."""
    one, two = (script(EVALUATE.replace("'a model'", repr(name))) for name in ("one", "two"))
    config = serving.config(serving.model(one), serving.model(two), weights=(1.0, 0.0))
    name = serving.endpoint(config)
    assert {serving.ask(name, "model") for _ in range(10)} == {"one"}
    assert serving.ask(name, "model", TargetVariant="v2") == "two"
    serving.sagemaker.update_endpoint_weights_and_capacities(
        EndpointName=name,
        DesiredWeightsAndCapacities=[
            {"VariantName": "v1", "DesiredWeight": 0.0},
            {"VariantName": "v2", "DesiredWeight": 1.0, "DesiredInstanceCount": 2},
        ],
    )
    assert serving.settled(name) == "InService"
    assert {serving.ask(name, "model") for _ in range(10)} == {"two"}
    v1, v2 = serving.describe(name)["ProductionVariants"]
    assert (v1["CurrentWeight"], v2["CurrentWeight"], v2["CurrentInstanceCount"]) == (0.0, 1.0, 2)

    serving.sagemaker.update_endpoint(
        EndpointName=name, EndpointConfigName=config, RetainAllVariantProperties=True
    )
    assert serving.settled(name) == "InService"
    v1, v2 = serving.describe(name)["ProductionVariants"]
    assert (v1["CurrentWeight"], v2["CurrentWeight"], v2["CurrentInstanceCount"]) == (0.0, 1.0, 2)
    serving.sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config)
    assert serving.settled(name) == "InService"
    assert {serving.ask(name, "model") for _ in range(10)} == {"one"}

    code, message = refused(
        lambda: serving.sagemaker.update_endpoint_weights_and_capacities(
            EndpointName=name, DesiredWeightsAndCapacities=[{"VariantName": "v3", "DesiredWeight": 1.0}]
        )
    )
    assert (code, "v3" in message) == ("ValidationException", True)
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_deployment_policies(serving: Serving, evaluating: str) -> None:
    """All at once is what happens anyway; what needs time or alarms is refused by name."""
    config = serving.describe(evaluating)["EndpointConfigName"]

    def update(policy: Mapping[str, object]) -> None:
        serving.sagemaker.update_endpoint(
            EndpointName=evaluating, EndpointConfigName=config, DeploymentConfig=policy
        )

    canary = {"Type": "CANARY", "WaitIntervalInSeconds": 60}
    code, message = refused(
        lambda: update({"BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": canary}})
    )
    assert (code, "CANARY" in message) == ("NotImplemented", True)
    all_at_once = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 0}
        }
    }
    update(all_at_once)
    assert serving.settled(evaluating) == "InService"
    assert serving.describe(evaluating)["LastDeploymentConfig"] == all_at_once


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_endpoints_survive_the_stand_in(start_stand_in: Callable[..., StandIn], how: str) -> None:
    """After SIGKILL or an orderly stop: no worker is left, and the same endpoint answers after the start.

    Even when its model, configuration and archive are gone: what was deployed is the endpoint's own.
    """
    running = start_stand_in()
    serving = Serving(running)
    model = serving.model()
    config = serving.config(model)
    name = serving.endpoint(config)
    failed = serving.name("endpoint")
    serving.sagemaker.create_endpoint(
        EndpointName=failed, EndpointConfigName=serving.config(serving.model(DIES))
    )
    assert serving.settled(failed) == "Failed"
    serving.lose_archive(model)
    serving.sagemaker.delete_endpoint_config(EndpointConfigName=config)
    serving.sagemaker.delete_model(ModelName=model)
    before = int(serving.ask(name, "os.getpid()"))
    stray = int(serving.ask(name, SLEEP_IN_A_SESSION_OF_ITS_OWN))

    getattr(running, how)()
    assert gone(before)
    running.start()
    assert gone(stray)

    assert serving.describe(name)["EndpointStatus"] == "InService"
    assert int(serving.ask(name, "os.getpid()")) != before
    assert serving.describe(failed)["EndpointStatus"] == "Failed"
    serving.sagemaker.delete_endpoint(EndpointName=name)


def test_an_endpoint_whose_model_was_lost_meanwhile(start_stand_in: Callable[..., StandIn]) -> None:
    """It fails with the reason; the others come back."""
    running = start_stand_in()
    serving = Serving(running)
    model = serving.model()
    lost, kept = serving.endpoint(serving.config(model)), serving.endpoint(serving.config(serving.model()))
    running.stop()
    shutil.rmtree(running.data_dir / "endpoints")
    running.start()
    assert serving.ask(lost, "model") == "a model"  # S3 still has it
    serving.lose_archive(model)
    running.stop()
    shutil.rmtree(running.data_dir / "endpoints" / lost)
    running.start()
    assert serving.settled(lost) == "Failed"
    assert "Failed to download model data" in serving.describe(lost)["FailureReason"]
    assert serving.ask(kept, "model") == "a model"


def test_what_was_under_way_is_taken_up_again(start_stand_in: Callable[..., StandIn]) -> None:
    """SIGKILL in the middle of a create and of an update: both come to their end after the start."""
    running = start_stand_in()
    serving = Serving(running)
    slow = "import time; time.sleep(2)\n" + EVALUATE
    updated = serving.endpoint(serving.config(serving.model()))
    created = serving.name("endpoint")
    new = serving.config(serving.model(script(slow.replace("'a model'", "'new'"))))
    serving.sagemaker.create_endpoint(EndpointName=created, EndpointConfigName=new)
    serving.sagemaker.update_endpoint(EndpointName=updated, EndpointConfigName=new)
    assert serving.describe(created)["EndpointStatus"] == "Creating"
    assert serving.describe(updated)["EndpointStatus"] == "Updating"
    running.kill()
    running.start()
    assert serving.describe(updated)["EndpointStatus"] == "Updating"
    assert serving.ask(updated, "model") == "a model"
    for name in (created, updated):
        assert serving.settled(name) == "InService"
        assert serving.ask(name, "model") == "new"
    running.restart()
    rooms = [room.name for room in (running.data_dir / "endpoints").glob("*/*")]
    assert len(rooms) == 2, "deployments that were cut off leave nothing behind"


def test_what_training_made_is_served(serving: Serving) -> None:
    """From a training job's archive to an endpoint, without touching it: the scores are the model's own."""
    s3, name = serving.stand_in.client("s3"), serving.name("job")
    s3.put_object(Bucket=serving.bucket, Key="train/part-0.csv", Body=csv_rows(300))
    serving.sagemaker.create_training_job(
        **training_request(
            name,
            serving.bucket,
            HyperParameters={"objective": "binary:logistic", "num_round": "5"},
            InputDataConfig=[channel("train", f"s3://{serving.bucket}/train/")],
        )
    )
    job = ended_training(serving.sagemaker, name)
    assert job["TrainingJobStatus"] == "Completed", job
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    serving.sagemaker.create_model(
        ModelName=name, PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": uri}, ExecutionRoleArn=ROLE
    )
    endpoint = serving.endpoint(serving.config(name))
    rows = csv_rows(20, seed=9).decode().splitlines()
    answer = serving.ask(endpoint, "\n".join(row.partition(",")[2] for row in rows))

    archive_body = s3.get_object(Bucket=serving.bucket, Key=uri.partition(f"{serving.bucket}/")[2])["Body"]
    with tarfile.open(fileobj=io.BytesIO(archive_body.read())) as tar:
        file = tar.extractfile("xgboost-model")
        assert file is not None
        model = xgboost.Booster(model_file=bytearray(file.read()))
    features = numpy.array([[float(cell) for cell in row.split(",")[1:]] for row in rows])
    assert answer == ",".join(map(str, model.predict(xgboost.DMatrix(features)).tolist()))
    serving.sagemaker.delete_endpoint(EndpointName=endpoint)


def test_a_serial_inference_pipeline(serving: Serving) -> None:
    """Each container's answer is the next one's request; a fault names its container."""
    first = "def model_fn(model_dir): return 1\ndef transform_fn(model, body, content_type, accept):\n"
    double = script(first + "    return str(int(body) * 2), 'text/csv'\n")
    show = script(first + "    return f'{body} as {content_type} for {accept}', accept\n")
    model = serving.name("model")
    serving.sagemaker.create_model(
        ModelName=model,
        Containers=[
            {"Image": SCIKIT_LEARN, "ModelDataUrl": serving.upload(double)},
            {"Image": SCIKIT_LEARN, "ModelDataUrl": serving.upload(show), "ContainerHostname": "show"},
        ],
        ExecutionRoleArn=ROLE,
    )
    name = serving.endpoint(serving.config(model))
    assert serving.ask(name, "21", Accept="text/plain") == "42 as text/csv for text/plain"
    code, message = refused(lambda: serving.ask(name, "x"))
    assert (code, "from container-1 with message" in message) == ("ModelError", True)
    serving.sagemaker.delete_endpoint(EndpointName=name)
