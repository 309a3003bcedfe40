"""Examples of AutoML jobs."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.contract.local_aws.examples import Request, World, example
from tests.support.auto_ml import TARGET, csv_table, ended, job_request
from tests.support.sagemaker_jobs import ROLE
from tests.support.stand_in import StandIn


def _data(world: World) -> str:
    bucket = world.bucket()
    world.client("s3").put_object(Bucket=bucket, Key="data/a.csv", Body=csv_table(520).encode())
    return f"s3://{bucket}"


def _first_version(world: World, **changes: Any) -> Request:
    place = _data(world)
    source = {"S3DataType": "S3Prefix", "S3Uri": f"{place}/data/"}
    return {
        "AutoMLJobName": world.name("auto"),
        "RoleArn": ROLE,
        "InputDataConfig": [{"DataSource": {"S3DataSource": source}, "TargetAttributeName": TARGET}],
        "OutputDataConfig": {"S3OutputPath": f"{place}/out"},
        **changes,
    }


@cache
def _done(stand_in: StandIn) -> str:
    """One small job that has ended, for all examples that look at one."""
    world = World(stand_in)
    config = {
        "Mode": "ENSEMBLING",
        "CompletionCriteria": {"MaxCandidates": 1},
        "CandidateGenerationConfig": {"AlgorithmsConfig": [{"AutoMLAlgorithms": ["linear-learner"]}]},
    }
    request = _first_version(world, AutoMLJobConfig=config)
    world.client("sagemaker").create_auto_ml_job(**request)
    answer = ended(world.client("sagemaker"), request["AutoMLJobName"])
    assert answer["AutoMLJobStatus"] == "Completed", answer
    return str(request["AutoMLJobName"])


@example("sagemaker", "CreateAutoMLJob")
def create_auto_ml_job(world: World) -> Request:
    return _first_version(world, GenerateCandidateDefinitionsOnly=True)


@example("sagemaker", "CreateAutoMLJobV2")
def create_auto_ml_job_v2(world: World) -> Request:
    place = _data(world)
    return job_request(
        world.name("auto"), f"{place}/data/", f"{place}/out", GenerateCandidateDefinitionsOnly=True
    )


@example("sagemaker", "DescribeAutoMLJob")
def describe_auto_ml_job(world: World) -> Request:
    return {"AutoMLJobName": _done(world.stand_in)}


@example("sagemaker", "DescribeAutoMLJobV2")
def describe_auto_ml_job_v2(world: World) -> Request:
    return {"AutoMLJobName": _done(world.stand_in)}


@example("sagemaker", "ListAutoMLJobs")
def list_auto_ml_jobs(world: World) -> Request:
    return {"NameContains": _done(world.stand_in), "SortBy": "Status", "StatusEquals": "Completed"}


@example("sagemaker", "ListCandidatesForAutoMLJob")
def list_candidates_for_auto_ml_job(world: World) -> Request:
    return {"AutoMLJobName": _done(world.stand_in), "SortBy": "FinalObjectiveMetricValue"}


@example("sagemaker", "StopAutoMLJob")
def stop_auto_ml_job(world: World) -> Request:
    request = _first_version(world)
    world.client("sagemaker").create_auto_ml_job(**request)
    return {"AutoMLJobName": request["AutoMLJobName"]}
