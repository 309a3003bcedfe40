"""Examples of processing and training jobs."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example
from tests.support.sagemaker_jobs import (
    channel,
    csv_rows,
    ended_processing,
    ended_training,
    processing_output,
    processing_request,
    training_request,
)

FOR_EVER = ["python3", "-c", "import signal; signal.pause()"]


def _processing(world: World, *, program: list[str] | None = None) -> Request:
    request = processing_request(world.name("job"))
    request["AppSpecification"]["ContainerEntrypoint"] = program or [
        "python3",
        "-c",
        "open('/opt/ml/output/message', 'w').write('well done')",
    ]
    output = processing_output("result", f"s3://{world.bucket()}/result")
    return request | {"ProcessingOutputConfig": {"Outputs": [output]}}


def _training(world: World) -> Request:
    bucket = world.bucket()
    world.client("s3").put_object(Bucket=bucket, Key="train/a.csv", Body=csv_rows(100))
    return training_request(
        world.name("job"),
        bucket,
        HyperParameters={"num_round": "2", "objective": "binary:logistic"},
        InputDataConfig=[channel("train", f"s3://{bucket}/train/")],
    )


def _created_processing(world: World, request: Request, *, ended: bool) -> Request:
    client = world.client("sagemaker")
    client.create_processing_job(**request)
    if ended:
        ended_processing(client, request["ProcessingJobName"])
    return {"ProcessingJobName": request["ProcessingJobName"]}


def _created_training(world: World, request: Request, *, ended: bool) -> Request:
    client = world.client("sagemaker")
    client.create_training_job(**request)
    if ended:
        ended_training(client, request["TrainingJobName"])
    return {"TrainingJobName": request["TrainingJobName"]}


@example("sagemaker", "CreateProcessingJob")
def create_processing_job(world: World) -> Request:
    return _processing(world)


@example("sagemaker", "DescribeProcessingJob")
def describe_processing_job(world: World) -> Request:
    return _created_processing(world, _processing(world), ended=True)


@example("sagemaker", "ListProcessingJobs")
def list_processing_jobs(world: World) -> Request:
    name = _created_processing(world, _processing(world), ended=True)["ProcessingJobName"]
    return {"NameContains": name, "SortBy": "Status", "StatusEquals": "Completed"}


@example("sagemaker", "StopProcessingJob")
def stop_processing_job(world: World) -> Request:
    return _created_processing(world, _processing(world, program=FOR_EVER), ended=False)


@example("sagemaker", "DeleteProcessingJob")
def delete_processing_job(world: World) -> Request:
    return _created_processing(world, _processing(world), ended=True)


@example("sagemaker", "CreateTrainingJob")
def create_training_job(world: World) -> Request:
    return _training(world)


@example("sagemaker", "DescribeTrainingJob")
def describe_training_job(world: World) -> Request:
    return _created_training(world, _training(world), ended=True)


@example("sagemaker", "ListTrainingJobs")
def list_training_jobs(world: World) -> Request:
    name = _created_training(world, _training(world), ended=True)["TrainingJobName"]
    return {"NameContains": name, "SortOrder": "Descending", "StatusEquals": "Completed"}


@example("sagemaker", "StopTrainingJob")
def stop_training_job(world: World) -> Request:
    request = _training(world)
    request["AlgorithmSpecification"]["ContainerEntrypoint"] = FOR_EVER
    return _created_training(world, request, ended=False)


@example("sagemaker", "DeleteTrainingJob")
def delete_training_job(world: World) -> Request:
    return _created_training(world, _training(world), ended=True)
