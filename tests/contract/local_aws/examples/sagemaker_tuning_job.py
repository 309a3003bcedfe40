"""Examples of tuning jobs. Most have no bucket for their models, so that no training job costs anything."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example
from tests.support.tuning_jobs import definition, ended_tuning, tuning_request, upload_rows


def _tuning(world: World, *, trains: bool = False) -> Request:
    bucket = world.bucket()
    upload_rows(world.client("s3"), bucket)
    training = definition(bucket)
    if not trains:
        training["OutputDataConfig"] = {"S3OutputPath": "s3://there-is-no-such-bucket/models"}
    return tuning_request(world.name("tune"), training)


def _created(world: World, *, trains: bool = False, ended: bool = True) -> Request:
    client = world.client("sagemaker")
    request = _tuning(world, trains=trains)
    client.create_hyper_parameter_tuning_job(**request)
    name = request["HyperParameterTuningJobName"]
    if ended:
        ended_tuning(client, name)
    return {"HyperParameterTuningJobName": name}


@example("sagemaker", "CreateHyperParameterTuningJob")
def create_hyper_parameter_tuning_job(world: World) -> Request:
    return _tuning(world)


@example("sagemaker", "DescribeHyperParameterTuningJob")
def describe_hyper_parameter_tuning_job(world: World) -> Request:
    return _created(world, trains=True)


@example("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(world: World) -> Request:
    return {"NameContains": _created(world)["HyperParameterTuningJobName"]}


@example("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_hyper_parameter_tuning_job(world: World) -> Request:
    return _created(world)


@example("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(world: World) -> Request:
    return _created(world, trains=True, ended=False)


@example("sagemaker", "DeleteHyperParameterTuningJob")
def delete_hyper_parameter_tuning_job(world: World) -> Request:
    return _created(world)
