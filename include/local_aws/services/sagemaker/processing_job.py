"""Processing jobs: a program of the user's, or Clarify's, between S3 inputs and S3 outputs.

    /opt/ml/config/{processingjobconfig,resourceconfig}.json
    /opt/ml/processing/<LocalPath of each input>      filled before the program starts
    /opt/ml/processing/<LocalPath of each output>     EndOfJob: uploaded when the program has succeeded;
                                                      Continuous: every few seconds, and at the end unless
                                                      the job was stopped
                                                      FeatureStoreOutput: none; the program itself writes
                                                      records to the feature group
    /opt/ml/output/message                            becomes ExitMessage

A job with TrainingJobArn is a rule of Debugger that watches that training: debug_rule.

A job that runs out of time ends as Stopped: AWS documents that it "is stopped"
(ProcessingStoppingCondition), and the SageMaker SDK warns of Stopped that the job may have timed out.
Whether AWS uploads EndOfJob outputs of a failed program is not documented; here they are not.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.images.catalog import find
from local_aws.images.programs import processing_program
from local_aws.jobs.engine import Command, Exit, JobFailed
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.process import REGULAR_SECONDS
from local_aws.jobs.room import Room
from local_aws.jobs.transfer import InputMissing, Mirror, download
from local_aws.services.context import Context
from local_aws.services.sagemaker import debug_rule, job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.feature_store import group
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import Body
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

JOBS = job.PROCESSING_JOBS
LOG_GROUP = "/aws/sagemaker/ProcessingJobs"
DEFAULT_SECONDS = 86400
CLARIFY_SECONDS = 604800  # the longest that a Clarify job may run

LIFE = Life(
    field="ProcessingJobStatus",
    moves={
        "InProgress": frozenset({"Completed", "Failed", "Stopping"}),
        "Stopping": frozenset({"Stopped"}),
        "Completed": frozenset(),
        "Failed": frozenset(),
        "Stopped": frozenset(),
    },
    starting="InProgress",
    downloading="InProgress",
    running="InProgress",
    uploading="InProgress",
    completed="Completed",
    failed="Failed",
    stopping="Stopping",
    stopped="Stopped",
    timed_out="Stopped",
)


# --- operations -------------------------------------------------------------------------------------


@operation("sagemaker", "CreateProcessingJob")
def create_processing_job(context: Context, call: Call) -> dict[str, Any]:
    """Start a processing job on one host; answers before it runs."""
    request = call.parameters
    _refuse(request)
    _check(context, request)
    name = request["ProcessingJobName"]
    body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {"ProcessingJobArn": arn(context, JOBS.arn_kind, name), LIFE.field: LIFE.starting}
    body.setdefault("StoppingCondition", {"MaxRuntimeInSeconds": DEFAULT_SECONDS})
    return {"ProcessingJobArn": JOBS.create(context, name, body, request.get("Tags"))}


@operation("sagemaker", "DescribeProcessingJob")
def describe_processing_job(context: Context, call: Call) -> dict[str, Any]:
    """The request and what became of it."""
    return JOBS.described(context, call.parameters["ProcessingJobName"])


@operation("sagemaker", "ListProcessingJobs")
def list_processing_jobs(context: Context, call: Call) -> dict[str, Any]:
    """Processing jobs by time, name or status."""
    return listed(
        (record.body for record in context.records(JOBS.record_kind).scan()),
        {"SortOrder": "Ascending", **call.parameters},
        name="ProcessingJobName",
        member="ProcessingJobSummaries",
        fields=(
            "ProcessingJobName", "ProcessingJobArn", "CreationTime", "ProcessingEndTime", "LastModifiedTime",
            "ProcessingJobStatus", "FailureReason", "ExitMessage",
        ),
        order={"Status": LIFE.field},
        equals={"StatusEquals": LIFE.field},
    )  # fmt: skip


@operation("sagemaker", "StopProcessingJob")
def stop_processing_job(context: Context, call: Call) -> dict[str, Any]:
    """SIGTERM to the job's processes, SIGKILL after a grace period; nothing is uploaded."""
    JOBS.stop(context, call.parameters["ProcessingJobName"])
    return {}


@operation("sagemaker", "DeleteProcessingJob")
def delete_processing_job(context: Context, call: Call) -> dict[str, Any]:
    """Forget a job that has ended; its name is free again, its outputs and log stay."""
    JOBS.delete(context, call.parameters["ProcessingJobName"])
    return {}


def _refuse(request: Mapping[str, Any]) -> None:
    """Raise NotEmulated for what the stand-in does not do."""
    job.refuse(
        "CreateProcessingJob",
        request,
        "NetworkConfig.EnableNetworkIsolation",
        "NetworkConfig.VpcConfig",
        "ExperimentConfig",
        "ProcessingResources.ClusterConfig.InstancePreferences",
    )
    if request["ProcessingResources"]["ClusterConfig"].get("InstanceCount", 1) > 1:
        raise NotEmulated("sagemaker", "CreateProcessingJob", "more than one instance")
    for given in _inputs(request):
        job.refuse("CreateProcessingJob", given, "DatasetDefinition", "AppManaged")
        if given.get("S3Input", {}).get("S3InputMode") == "Pipe":
            raise NotEmulated("sagemaker", "CreateProcessingJob", "S3InputMode Pipe")
    for given in _outputs(request):
        if "FeatureStoreOutput" not in given:
            job.refuse("CreateProcessingJob", given, "AppManaged")


def _check(context: Context, request: Mapping[str, Any]) -> None:
    """Raise ValidationException for what AWS would not accept."""
    application = request["AppSpecification"]
    image = job.known_image(application["ImageUri"])
    if image.name == "clarify":
        _check_clarify(request)
    elif not application.get("ContainerEntrypoint") and not processing_program(image, context.settings):
        raise job.invalid(
            f"The image {image.uri} has nothing to run: give AppSpecification.ContainerEntrypoint."
        )
    job.check_unique([given["InputName"] for given in _inputs(request)], "ProcessingInputs' names")
    job.check_unique([given["OutputName"] for given in _outputs(request)], "ProcessingOutputs' names")
    places = []
    for given, member in [(i, "S3Input") for i in _inputs(request)] + [
        (o, "S3Output") for o in _outputs(request) if "FeatureStoreOutput" not in o
    ]:
        if member not in given:
            raise job.invalid(f"{member} must be given for {given.get('InputName') or given['OutputName']}.")
        where = given[member]
        job.check_s3_uri(where["S3Uri"])
        path = where.get("LocalPath", "")
        if not path.startswith("/opt/ml/processing/") or ".." in path.split("/"):
            raise job.invalid(f"LocalPath '{path}' is invalid: it must start with /opt/ml/processing/.")
        if where.get("S3CompressionType") == "Gzip":
            raise job.invalid("S3CompressionType Gzip can only be used with S3InputMode Pipe.")
        places.append(path.rstrip("/"))
    job.check_unique(places, "LocalPath")
    for given in _outputs(request):
        if "FeatureStoreOutput" in given:
            _check_feature_store_output(context, image.name, given)


def _check_feature_store_output(context: Context, image: str, given: Mapping[str, Any]) -> None:
    """The program writes such an output itself; SageMaker only looks that there is such a group."""
    name = given["OutputName"]
    if image == "clarify":
        raise NotEmulated("sagemaker", "CreateProcessingJob", "FeatureStoreOutput with the Clarify image")
    if "S3Output" in given:
        raise job.invalid(f"Output {name} has both S3Output and FeatureStoreOutput; give one of them.")
    if not given.get("AppManaged"):
        raise job.invalid(f"FeatureStoreOutput of {name} is only supported when AppManaged is true.")
    group.stored(context, given["FeatureStoreOutput"]["FeatureGroupName"])


def _check_clarify(request: Mapping[str, Any]) -> None:
    """The Clarify image runs its own program only."""
    application = request["AppSpecification"]
    for name in ("ContainerEntrypoint", "ContainerArguments"):
        if application.get(name):
            raise job.invalid(f"AppSpecification.{name} cannot be given with the Clarify image.")
    if request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 0) > CLARIFY_SECONDS:
        raise job.invalid(f"MaxRuntimeInSeconds of a Clarify job is at most {CLARIFY_SECONDS}.")


def _inputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(request.get("ProcessingInputs") or [])


def _outputs(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(request.get("ProcessingOutputConfig", {}).get("Outputs") or [])


def _uploaded(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The outputs that SageMaker takes to S3."""
    return [given for given in _outputs(request) if "S3Output" in given]


# --- the job ----------------------------------------------------------------------------------------


class ProcessingJobKind:
    """How the engine runs a processing job."""

    kind = JOBS.record_kind
    life = LIFE

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """Times, and the reason of a failure."""
        now = datetime.now(UTC)
        fields: Body = {"LastModifiedTime": now}
        if "ProcessingStartTime" not in body and state == LIFE.running:
            fields["ProcessingStartTime"] = now
        if LIFE.last(state):
            fields["ProcessingEndTime"] = now
        if reason:
            fields["FailureReason"] = job.cut(reason)
        return fields

    def prepare(self, room: Room, body: Body) -> Command:
        """Write the configuration, copy the inputs, make the outputs' directories."""
        _write_configuration(room, body)
        for given in _inputs(body):
            source = given["S3Input"]
            try:
                manifest = source["S3DataType"] == "ManifestFile"
                download(room, source["S3Uri"], room.inside(source["LocalPath"]), manifest=manifest)
            except InputMissing as missing:
                raise JobFailed(
                    f'ClientError: Data download failed: No S3 objects found under S3 URL "{missing}" '
                    f"given in input '{given['InputName']}'."
                ) from None
        for given in _uploaded(body):
            room.inside(given["S3Output"]["LocalPath"]).mkdir(parents=True, exist_ok=True)
        (room.opt_ml / "output").mkdir(exist_ok=True)

        watches = "TrainingJobArn" in body
        regularly = debug_rule.follow(room, body) if watches else _continuous_upload(room, body)
        application = body["AppSpecification"]
        program = processing_program(find(application["ImageUri"]), room.settings)
        entrypoint = application.get("ContainerEntrypoint") or (program.argv if program else [])
        env = {
            **(program.env if program else {}),
            "PROCESSING_JOB_NAME": body["ProcessingJobName"],
            **body.get("Environment", {}),
        }
        return Command(
            argv=[*entrypoint, *application.get("ContainerArguments", [])],
            env=env,
            log_group=LOG_GROUP,
            log_stream=job.log_stream(body["ProcessingJobName"], body),
            max_runtime_seconds=body["StoppingCondition"]["MaxRuntimeInSeconds"],
            regularly=regularly,
            regular_seconds=debug_rule.WATCH_SECONDS if watches else REGULAR_SECONDS,
        )

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Upload what the end of the program allows; ExitMessage."""
        fields = _exit_message(room)
        if not (exit.stopped or exit.timed_out):
            for given in _uploaded(body):
                output = given["S3Output"]
                if exit.success or output["S3UploadMode"] == "Continuous":
                    Mirror(room, room.inside(output["LocalPath"]), output["S3Uri"]).upload()
        if exit.out_of_memory:
            raise JobFailed(
                "ClientError: Please use an instance type with more memory, or reduce the size of job data "
                "processed on an instance.",
                **fields,
            )
        if exit.code and not (exit.stopped or exit.timed_out):
            raise JobFailed(
                f"AlgorithmError: See job logs for more information, exit code: {exit.code}", **fields
            )
        return fields


def _continuous_upload(room: Room, body: Body) -> Callable[[], None] | None:
    mirrors = [
        Mirror(room, room.inside(given["S3Output"]["LocalPath"]), given["S3Output"]["S3Uri"])
        for given in _uploaded(body)
        if given["S3Output"]["S3UploadMode"] == "Continuous"
    ]

    def upload() -> None:
        for mirror in mirrors:
            mirror.upload()

    return upload if mirrors else None


def _exit_message(room: Room) -> Body:
    """ExitMessage from /opt/ml/output/message, of which the first kilobyte counts. Raises JobFailed."""
    path = room.opt_ml / "output" / "message"
    if path.is_symlink() or not path.is_file():
        return {}
    with path.open("rb") as file:
        content = file.read(job.REASON_CHARACTERS)
    try:
        return {"ExitMessage": content.decode()}
    except UnicodeDecodeError as error:
        if error.end == len(content) == job.REASON_CHARACTERS:  # the cut went through a character
            return {"ExitMessage": content[: error.start].decode()}
        raise JobFailed("ClientError: /opt/ml/output/message is not encoded in UTF-8.") from None


def _write_configuration(room: Room, body: Body) -> None:
    """The two files by which a program learns of its job; what is absent is null, as on AWS."""
    application = body["AppSpecification"]
    cluster = body["ProcessingResources"]["ClusterConfig"]
    configuration = {
        "ProcessingJobArn": body["ProcessingJobArn"],
        "ProcessingJobName": body["ProcessingJobName"],
        "AppSpecification": {
            "ImageUri": application["ImageUri"],
            "ContainerEntrypoint": application.get("ContainerEntrypoint"),
            "ContainerArguments": application.get("ContainerArguments"),
        },
        "Environment": body.get("Environment"),
        "ProcessingInputs": [
            {
                "InputName": given["InputName"],
                "AppManaged": False,
                "S3Input": {
                    "LocalPath": given["S3Input"]["LocalPath"],
                    "S3Uri": given["S3Input"]["S3Uri"],
                    "S3DataDistributionType": given["S3Input"].get(
                        "S3DataDistributionType", "FullyReplicated"
                    ),
                    "S3DataType": given["S3Input"]["S3DataType"],
                    "S3InputMode": given["S3Input"].get("S3InputMode", "File"),
                    "S3CompressionType": given["S3Input"].get("S3CompressionType", "None"),
                    "S3DownloadMode": "StartOfJob",
                },
                "DatasetDefinitionInput": None,
            }
            for given in _inputs(body)
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": given["OutputName"],
                    "AppManaged": given.get("AppManaged", False),
                    "S3Output": given.get("S3Output"),
                    "FeatureStoreOutput": given.get("FeatureStoreOutput"),
                }
                for given in _outputs(body)
            ],
            "KmsKeyId": body.get("ProcessingOutputConfig", {}).get("KmsKeyId"),
        },
        "ProcessingResources": {
            "ClusterConfig": {
                "InstanceCount": cluster.get("InstanceCount", 1),
                "InstanceType": cluster.get("InstanceType"),
                "VolumeSizeInGB": cluster["VolumeSizeInGB"],
                "VolumeKmsKeyId": cluster.get("VolumeKmsKeyId"),
            }
        },
        "RoleArn": body["RoleArn"],
        "StoppingCondition": body["StoppingCondition"],
    }
    directory = room.opt_ml / "config"
    directory.mkdir()
    (directory / "processingjobconfig.json").write_text(json.dumps(configuration, indent=2))
    (directory / "resourceconfig.json").write_text(
        json.dumps({"current_host": "algo-1", "hosts": ["algo-1"], "network_interface_name": "lo"})
    )
