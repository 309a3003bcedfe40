"""Training jobs: script mode through AWS's training toolkit, and XGBoost as a built-in algorithm.

    /opt/ml/input/config/    hyperparameters, inputdataconfig, resourceconfig, checkpointconfig,
                             debughookconfig (.json)
    /opt/ml/input/data/<channel>/
    /opt/ml/model/           -> <S3OutputPath>/<job>/output/model.tar.gz
    /opt/ml/output/data/     -> <S3OutputPath>/<job>/output/output.tar.gz
    /opt/ml/output/failure   -> FailureReason
    /opt/ml/checkpoints/     <-> CheckpointConfig.S3Uri, while the job runs
    /opt/ml/output/tensors/  -> <DebugHookConfig.S3OutputPath>/<job>/debug-output/, while the job runs

A stopped job, and one whose time ran out, has 120 seconds after SIGTERM to save its model, which is
uploaded as far as it is there. A failed job uploads output.tar.gz, so that one can look what happened, and
no model.

A laptop takes no instance away. A managed spot training is interrupted as its tag
``local_aws:spot-interruptions`` says: seconds of training, for each interruption one, and after a ``+`` the
seconds until there is another instance: "20 30+60". The room is emptied then; what is left are the
checkpoints, for which the program has 120 seconds after SIGTERM. TrainingTimeInSeconds counts from the first
start to the end, BillableTimeInSeconds only the time with an instance.

The XGBoost image saves tensors when it runs its own algorithm; a script has to do it by itself, as on AWS.
"""

from __future__ import annotations

import json
import math
import re
import tarfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from local_aws.images.catalog import find
from local_aws.images.metrics import BUILT_IN_METRICS
from local_aws.images.programs import XGBOOST, training_program
from local_aws.jobs.engine import Command, Exit, JobFailed
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.process import REGULAR_SECONDS
from local_aws.jobs.room import Room
from local_aws.jobs.transfer import InputMissing, Mirror, download, sources
from local_aws.services.context import Context
from local_aws.services.sagemaker import debug_rule, job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.listing import listed
from local_aws.state.logs import GroupMissing, LogEvent, Logs, StreamMissing
from local_aws.state.objects import BucketMissing, parse_s3_uri
from local_aws.state.records import Body
from local_aws.wire.errors import NotEmulated
from local_aws.wire.registry import Call, operation

JOBS = job.TRAINING_JOBS
LOG_GROUP = "/aws/sagemaker/TrainingJobs"
INTERRUPTIONS = "local_aws:spot-interruptions"  # the tag
DEFAULT_SECONDS = 86400
GRACE_SECONDS = 120.0
PROCESSORS = "Processors"  # of the record, never answered: how many its libraries are to use; else all
METRIC_CHARACTERS = 2000  # of a log line are searched: patterns that begin with .* take time by the square
CLIENT_ERROR_EXIT = 2  # with which a built-in algorithm says that the fault is in the request or the data

_WORKING = {"Stopping", "Failed"}  # can follow every state in which the job is not yet ending
LIFE = Life(
    field="SecondaryStatus",
    moves={
        "Starting": frozenset({"Downloading", *_WORKING}),
        "Downloading": frozenset({"Training", *_WORKING}),
        "Training": frozenset({"Uploading", "Interrupted", *_WORKING}),
        "Interrupted": frozenset({"Starting", "MaxWaitTimeExceeded", *_WORKING}),
        "Uploading": frozenset({"Completed", *_WORKING}),
        "Stopping": frozenset({"Stopped", "MaxRuntimeExceeded"}),
        "Completed": frozenset(),
        "Failed": frozenset(),
        "Stopped": frozenset(),
        "MaxRuntimeExceeded": frozenset(),
        "MaxWaitTimeExceeded": frozenset(),
    },
    starting="Starting",
    downloading="Downloading",
    running="Training",
    uploading="Uploading",
    completed="Completed",
    failed="Failed",
    stopping="Stopping",
    stopped="Stopped",
    timed_out="MaxRuntimeExceeded",
    interrupted="Interrupted",
    waited_out="MaxWaitTimeExceeded",
)

# SecondaryStatus -> TrainingJobStatus where it is not "InProgress", and the transition's StatusMessage.
STATUS = {
    "Stopping": "Stopping",
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
}
MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "Interrupted": "Training job interrupted: its spot instance was taken away",
    "MaxWaitTimeExceeded": "Training job waited longer than MaxWaitTimeInSeconds provided",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
}


# --- operations -------------------------------------------------------------------------------------


@operation("sagemaker", "CreateTrainingJob")
def create_training_job(context: Context, call: Call) -> dict[str, Any]:
    """Start a training job on one host; answers before it runs."""
    return {"TrainingJobArn": start(context, call.parameters)}


def check(context: Context, request: Mapping[str, Any]) -> None:
    """Raise what CreateTrainingJob answers to a request that it does not accept."""
    _refuse(request)
    _check(context, request)


def start(context: Context, request: Mapping[str, Any], **fields: Any) -> str:
    """Start the training job of a request, with further fields of its record; its ARN."""
    check(context, request)
    name = request["TrainingJobName"]
    body = {key: value for key, value in request.items() if key != "Tags"}
    body |= {**fields, "TrainingJobArn": arn(context, JOBS.arn_kind, name), LIFE.field: LIFE.starting}
    body |= _story(body, LIFE.starting, datetime.now(UTC))
    body.setdefault("StoppingCondition", {}).setdefault("MaxRuntimeInSeconds", DEFAULT_SECONDS)
    for switch in (
        "EnableNetworkIsolation",
        "EnableInterContainerTrafficEncryption",
        "EnableManagedSpotTraining",
    ):
        body.setdefault(switch, False)
    if _interruptions(request):
        body["SpotInterruptions"] = _interruptions(request)  # no member of AWS's answer
    rules = debug_rule.evaluations(context, body)
    if rules:
        body["DebugRuleEvaluationStatuses"] = [
            {"RuleConfigurationName": called, "RuleEvaluationJobArn": rule["ProcessingJobArn"]}
            for called, rule in rules.items()
        ]
    made = JOBS.create(context, name, body, request.get("Tags"))
    debug_rule.start(context, rules.values())
    return made


@operation("sagemaker", "DescribeTrainingJob")
def describe_training_job(context: Context, call: Call) -> dict[str, Any]:
    """The request and what became of it."""
    body = JOBS.described(context, call.parameters["TrainingJobName"])
    if "DebugRuleEvaluationStatuses" in body:
        body = {**body, "DebugRuleEvaluationStatuses": debug_rule.statuses(context, body)}
    return body


@operation("sagemaker", "ListTrainingJobs")
def list_training_jobs(context: Context, call: Call) -> dict[str, Any]:
    """Training jobs by time, name or status."""
    job.refuse("ListTrainingJobs", call.parameters, "WarmPoolStatusEquals", "TrainingPlanArnEquals")
    return listed(
        (record.body for record in context.records(JOBS.record_kind).scan()),
        {"SortOrder": "Ascending", **call.parameters},
        name="TrainingJobName",
        member="TrainingJobSummaries",
        fields=(
            "TrainingJobName", "TrainingJobArn", "CreationTime", "TrainingEndTime", "LastModifiedTime",
            "TrainingJobStatus", "SecondaryStatus",
        ),
        order={"Status": JOBS.status},
        equals={"StatusEquals": JOBS.status},
    )  # fmt: skip


@operation("sagemaker", "StopTrainingJob")
def stop_training_job(context: Context, call: Call) -> dict[str, Any]:
    """SIGTERM to the job's processes, SIGKILL 120 seconds later; what it has saved as model is uploaded."""
    JOBS.stop(context, call.parameters["TrainingJobName"])
    return {}


@operation("sagemaker", "DeleteTrainingJob")
def delete_training_job(context: Context, call: Call) -> dict[str, Any]:
    """Forget a job that has ended; its name is free again, its model and log stay."""
    JOBS.delete(context, call.parameters["TrainingJobName"])
    return {}


def _refuse(request: Mapping[str, Any]) -> None:
    """Raise NotEmulated for what the stand-in does not do."""
    job.refuse(
        "CreateTrainingJob",
        request,
        "AlgorithmSpecification.AlgorithmName",
        "AlgorithmSpecification.TrainingImageConfig",
        "EnableNetworkIsolation",
        "ExperimentConfig",
        "InfraCheckConfig.EnableInfraCheck",
        "MlflowConfig",
        "ModelPackageConfig",
        "ProfilerRuleConfigurations",
        "RemoteDebugConfig.EnableRemoteDebug",
        "ResourceConfig.InstanceGroups",
        "ResourceConfig.InstancePreferences",
        "ResourceConfig.InstancePlacementConfig",
        "ResourceConfig.KeepAlivePeriodInSeconds",
        "ResourceConfig.TrainingPlanArn",
        "RetryStrategy",
        "ServerlessJobConfig",
        "SessionChainingConfig.EnableSessionTagChaining",
        "TensorBoardOutputConfig",
        "VpcConfig",
    )
    debug_rule.refuse(request)
    profiler = request.get("ProfilerConfig") or {}
    if profiler and not profiler.get("DisableProfiler"):
        raise NotEmulated("sagemaker", "CreateTrainingJob", "ProfilerConfig")
    if request.get("ResourceConfig", {}).get("InstanceCount", 1) > 1:
        raise NotEmulated("sagemaker", "CreateTrainingJob", "more than one instance")
    if request.get("AlgorithmSpecification", {}).get("TrainingInputMode") == "Pipe":
        raise NotEmulated("sagemaker", "CreateTrainingJob", "TrainingInputMode Pipe")
    for channel in _channels(request):
        job.refuse(
            "CreateTrainingJob", channel, "DataSource.FileSystemDataSource", "DataSource.DatasetSource"
        )
        job.refuse("CreateTrainingJob", channel, "ShuffleConfig")
        if channel.get("InputMode") == "Pipe":
            raise NotEmulated("sagemaker", "CreateTrainingJob", "InputMode Pipe")
        if channel.get("RecordWrapperType", "None") != "None":
            raise NotEmulated("sagemaker", "CreateTrainingJob", "RecordWrapperType RecordIO")
        kind = channel["DataSource"].get("S3DataSource", {}).get("S3DataType")
        if kind not in (None, "S3Prefix", "ManifestFile"):
            raise NotEmulated("sagemaker", "CreateTrainingJob", f"S3DataType {kind}")
    checkpoints = (request.get("CheckpointConfig") or {}).get("LocalPath", "/opt/ml/checkpoints")
    if not checkpoints.startswith("/opt/ml/") or ".." in checkpoints.split("/"):
        raise NotEmulated("sagemaker", "CreateTrainingJob", "CheckpointConfig.LocalPath outside /opt/ml")


def _check(context: Context, request: Mapping[str, Any]) -> None:
    """Raise ValidationException for what AWS would not accept. AWS too looks for the input data here."""
    for name in ("AlgorithmSpecification", "ResourceConfig", "StoppingCondition"):
        if name not in request:  # optional in the model only for serverless jobs
            raise job.invalid(f"{name} is required.")
    algorithm = request["AlgorithmSpecification"]
    if not algorithm.get("TrainingImage"):
        raise job.invalid("You must specify either AlgorithmName or TrainingImage.")
    image = job.known_image(algorithm["TrainingImage"])
    if not algorithm.get("ContainerEntrypoint") and not _program(request):
        raise job.invalid(f"The image {image.uri} does not train.")
    if not (request["ResourceConfig"].get("InstanceType") and request["ResourceConfig"].get("InstanceCount")):
        raise job.invalid("ResourceConfig needs InstanceType and InstanceCount.")
    for definition in algorithm.get("MetricDefinitions") or []:
        try:
            re.compile(definition["Regex"])
        except re.error as error:
            raise job.invalid(f"The regex of metric {definition['Name']} is not valid: {error}") from None
    job.check_s3_uri(request["OutputDataConfig"]["S3OutputPath"])
    if request.get("CheckpointConfig"):
        job.check_s3_uri(request["CheckpointConfig"]["S3Uri"])
    debug_rule.check(request)
    _check_spot(request)
    job.check_unique([channel["ChannelName"] for channel in _channels(request)], "Channel names")
    for channel in _channels(request):
        if channel.get("CompressionType", "None") != "None":
            raise job.invalid("CompressionType can only be used in Pipe input mode.")
        _check_data(context, request, channel)


def _check_spot(request: Mapping[str, Any]) -> None:
    """Raise ValidationException for a managed spot training that does not say how long it waits."""
    condition = request["StoppingCondition"]
    waits = condition.get("MaxWaitTimeInSeconds")
    if not request.get("EnableManagedSpotTraining"):
        if waits is not None:
            raise job.invalid("MaxWaitTimeInSeconds can only be given with EnableManagedSpotTraining.")
        if _interruptions(request):
            raise job.invalid(f"The tag {INTERRUPTIONS} can only be given with EnableManagedSpotTraining.")
        return
    if waits is None or waits < condition.get("MaxRuntimeInSeconds", DEFAULT_SECONDS):
        raise job.invalid(
            "MaxWaitTimeInSeconds must be given with EnableManagedSpotTraining, and be at least "
            "MaxRuntimeInSeconds."
        )
    _interruptions(request)


def _interruptions(request: Mapping[str, Any]) -> list[list[float]]:
    """When instances are taken away, and how long it takes to get others. Raises ValidationException."""
    texts = [tag["Value"] for tag in request.get("Tags") or [] if tag["Key"] == INTERRUPTIONS]
    found = []
    for part in texts[0].split() if texts else ():
        after, _, until = part.partition("+")
        try:
            found.append([float(after), float(until or 0)])
        except ValueError:
            raise job.invalid(
                f"The tag {INTERRUPTIONS} is '{texts[0]}'; expected seconds, e.g. '20 30+60'."
            ) from None
    return found


def _check_data(context: Context, request: Mapping[str, Any], channel: Mapping[str, Any]) -> None:
    """Raise the error with which CreateTrainingJob refuses an empty channel."""
    if "S3DataSource" not in channel["DataSource"]:
        raise job.invalid(f"DataSource of channel {channel['ChannelName']} is empty.")
    source = channel["DataSource"]["S3DataSource"]
    job.check_s3_uri(source["S3Uri"])
    try:
        next(sources(context.objects, source["S3Uri"], manifest=source["S3DataType"] == "ManifestFile"))
    except InputMissing as missing:
        bucket = parse_s3_uri(source["S3Uri"])[0]
        raise job.invalid(
            f'No S3 objects found under S3 URL "{missing}" given in input data source. Please ensure that '
            f"the bucket exists in the selected region ({context.settings.region}), that objects exist under "
            f'that S3 prefix, and that the role "{request["RoleArn"]}" has "s3:ListBucket" permissions on '
            f'bucket "{bucket}".'
        ) from None
    except JobFailed as failed:
        raise job.invalid(failed.reason) from None


def _channels(request: Mapping[str, Any]) -> list[dict[str, Any]]:
    return list(request.get("InputDataConfig") or [])


def _program(request: Mapping[str, Any]) -> Any:
    image = find(request["AlgorithmSpecification"]["TrainingImage"])
    return training_program(image, request.get("HyperParameters") or {})


# --- the job ----------------------------------------------------------------------------------------


def _story(body: Body, state: str, now: datetime) -> Body:
    """TrainingJobStatus and the transitions after entering a SecondaryStatus."""
    transitions = [dict(one) for one in body.get("SecondaryStatusTransitions", [])]
    if transitions:
        transitions[-1]["EndTime"] = now
    entered: Body = {"Status": state, "StartTime": now, "StatusMessage": MESSAGES[state]}
    if LIFE.last(state):
        entered["EndTime"] = now
    return {
        "TrainingJobStatus": STATUS.get(state, "InProgress"),
        "SecondaryStatusTransitions": [*transitions, entered],
    }


class TrainingJobKind:
    """How the engine runs a training job."""

    kind = JOBS.record_kind
    life = LIFE

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """Status, transitions, times, and the reason of a failure."""
        now = datetime.now(UTC)
        fields = {"LastModifiedTime": now, **_story(body, state, now)}
        if state == LIFE.downloading:
            fields["TrainingStartTime"] = body.get("TrainingStartTime", now)
        if LIFE.last(state):
            fields["TrainingEndTime"] = now
            if "TrainingStartTime" in body:
                seconds = (now - body["TrainingStartTime"]).total_seconds()
                waited = _seconds(fields, "Interrupted")
                fields |= {
                    "TrainingTimeInSeconds": max(1, round(seconds)),
                    "BillableTimeInSeconds": max(1, round(seconds - waited)),
                }
        if reason:
            fields["FailureReason"] = job.cut(reason)
        return fields

    def prepare(self, room: Room, body: Body) -> Command:
        """Write the configuration, copy the channels and the checkpoints."""
        bucket = parse_s3_uri(body["OutputDataConfig"]["S3OutputPath"])[0]
        if not room.objects.has_bucket(bucket):
            raise JobFailed(
                f"ClientError: Artifact upload failed: The specified bucket does not exist: {bucket}"
            )
        _write_configuration(room, body)
        for channel in _channels(body):
            source = channel["DataSource"]["S3DataSource"]
            try:
                download(
                    room,
                    source["S3Uri"],
                    room.opt_ml / "input" / "data" / channel["ChannelName"],
                    manifest=source["S3DataType"] == "ManifestFile",
                )
            except InputMissing as missing:
                raise JobFailed(
                    f'ClientError: Data download failed: No S3 objects found under S3 URL "{missing}" '
                    "given in input data source."
                ) from None
        for name in ("model", "output/data"):
            (room.opt_ml / name).mkdir(parents=True)

        tensors = _tensors(room, body)
        mirrors = [mirror for mirror in (_checkpoints(room, body), tensors) if mirror]
        interrupt, resume, patience = _spot(body)
        algorithm = body["AlgorithmSpecification"]
        program = _program(body)
        entrypoint = algorithm.get("ContainerEntrypoint") or program.argv
        return Command(
            argv=[*entrypoint, *algorithm.get("ContainerArguments", [])],
            env={
                **(program.env if program else {}),
                "TRAINING_JOB_NAME": body["TrainingJobName"],
                "TRAINING_JOB_ARN": body["TrainingJobArn"],
                **({"OMP_NUM_THREADS": str(body[PROCESSORS])} if PROCESSORS in body else {}),
                **body.get("Environment", {}),
            },
            log_group=LOG_GROUP,
            log_stream=job.log_stream(body["TrainingJobName"], body),
            max_runtime_seconds=max(
                1.0, body["StoppingCondition"]["MaxRuntimeInSeconds"] - _seconds(body, "Training")
            ),
            grace_seconds=GRACE_SECONDS,
            interrupt_seconds=interrupt,
            resume_seconds=resume,
            patience_seconds=patience,
            regularly=_together(mirrors),
            regular_seconds=debug_rule.WATCH_SECONDS if tensors else REGULAR_SECONDS,
            rewrite=lambda line: line.replace("\t", "#011"),  # as AWS's log agent does; regexes rely on it
        )

    def interrupted(self, room: Room, body: Body) -> None:
        """Upload the checkpoints, and the tensors so far."""
        for mirror in (_checkpoints(room, body), _tensors(room, body)):
            if mirror:
                mirror.upload()

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Upload model, output and checkpoints; ModelArtifacts and FinalMetricDataList."""
        fields: Body = _final_metrics(room, body)
        for mirror in (_checkpoints(room, body), _tensors(room, body)):
            if mirror:
                mirror.upload()
        _upload_archive(room, body, room.opt_ml / "output" / "data", "output.tar.gz")
        if exit.success or exit.stopped or exit.timed_out:
            uri = _upload_model(room, body)
            if uri or exit.success:
                fields["ModelArtifacts"] = {"S3ModelArtifacts": uri or _model_uri(body)}
            return fields
        raise JobFailed(_failure_reason(room, body, exit), **fields)


def _seconds(body: Body, state: str) -> float:
    """How long the job has been in a state that it has left, over all its attempts."""
    spans: list[timedelta] = [
        one["EndTime"] - one["StartTime"]
        for one in body["SecondaryStatusTransitions"]
        if one["Status"] == state and "EndTime" in one
    ]
    return sum(span.total_seconds() for span in spans)


def _spot(body: Body) -> tuple[float | None, float, float]:
    """When this attempt's instance is taken away, when there is another, and how long the job may wait."""
    gone = sum(one["Status"] == "Interrupted" for one in body["SecondaryStatusTransitions"])
    planned = body.get("SpotInterruptions") or []
    if gone >= len(planned):
        return None, 0.0, 0.0
    after, until = planned[gone]
    limit = body["StoppingCondition"]["MaxWaitTimeInSeconds"]
    spent = (datetime.now(UTC) - body["CreationTime"]).total_seconds()
    return after, until, max(0.0, limit - spent - after)


def _failure_reason(room: Room, body: Body, exit: Exit) -> str:  # noqa: A002 - the contract's word
    if exit.out_of_memory:
        return (
            "ClientError: Please use an instance type with more memory, or reduce the size of training data "
            "processed on an instance."
        )
    path = room.opt_ml / "output" / "failure"
    text = ""
    if path.is_file() and not path.is_symlink():
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(job.REASON_CHARACTERS).strip()
    built_in = _program(body) == XGBOOST and not body["AlgorithmSpecification"].get("ContainerEntrypoint")
    whose = "ClientError" if built_in and exit.code == CLIENT_ERROR_EXIT else "AlgorithmError"
    end = f", exit code: {exit.code}"
    return job.cut(f"{whose}: {text}")[: job.REASON_CHARACTERS - len(end)] + end


def _output_uri(body: Body) -> str:
    return f"{body['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{body['TrainingJobName']}/output/"


def _model_uri(body: Body) -> str:
    compressed = body["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP"
    return _output_uri(body) + ("model.tar.gz" if compressed else "model/")


def _upload_model(room: Room, body: Body) -> str | None:
    """The model's S3 URI; ``None`` when the job has saved none."""
    directory = room.opt_ml / "model"
    if body["OutputDataConfig"].get("CompressionType", "GZIP") == "GZIP":
        saved = _upload_archive(room, body, directory, "model.tar.gz")
    else:
        saved = bool(Mirror(room, directory, _model_uri(body)).upload())
    return _model_uri(body) if saved else None


def _upload_archive(room: Room, body: Body, directory: Path, name: str) -> bool:
    """Tar what is in ``directory``, at the archive's root, and upload it; False when there is nothing."""
    entries = sorted(directory.iterdir()) if directory.is_dir() else []
    if not entries:
        return False
    archive = room.path / name
    with tarfile.open(archive, "w:gz", compresslevel=6) as tar:
        for entry in entries:
            tar.add(entry, entry.name)
    bucket, key = parse_s3_uri(_output_uri(body) + name)
    try:
        room.objects.put_file(bucket, key, archive, move=True)
    except BucketMissing:
        raise JobFailed(
            f"ClientError: Artifact upload failed: The specified bucket does not exist: {bucket}"
        ) from None
    return True


def _checkpoints(room: Room, body: Body) -> Mirror | None:
    """What keeps the checkpoints on S3 up to date; ``None`` when the job keeps none."""
    configuration = body.get("CheckpointConfig")
    if not configuration:
        return None
    directory = room.inside(configuration.get("LocalPath", "/opt/ml/checkpoints"))
    mirror = Mirror(room, directory, configuration["S3Uri"])
    if not directory.is_dir():
        try:
            download(room, configuration["S3Uri"].rstrip("/") + "/", directory)
        except InputMissing:
            directory.mkdir(parents=True, exist_ok=True)
        mirror.seen()
    return mirror


def _tensors(room: Room, body: Body) -> Mirror | None:
    """What brings the tensors that the job saves to S3; ``None`` when it saves none."""
    if not body.get("DebugHookConfig"):
        return None
    directory = room.inside(body["DebugHookConfig"].get("LocalPath") or debug_rule.HOOK_PATH)
    return Mirror(room, directory, debug_rule.tensors_uri(body))


def _together(mirrors: Sequence[Mirror]) -> Callable[[], None] | None:
    """One call that uploads what is new in all of them."""

    def upload() -> None:
        for mirror in mirrors:
            mirror.upload()

    return upload if mirrors else None


def _final_metrics(room: Room, body: Body) -> Body:
    """FinalMetricDataList: the last value of every metric of the job or its image that the log shows."""
    try:
        events = room.logs.events(LOG_GROUP, job.log_stream(body["TrainingJobName"], body))
    except StreamMissing:
        return {}
    found = list(_last_values(metric_definitions(body["AlgorithmSpecification"]), events))
    return {"FinalMetricDataList": found} if found else {}


def metric_definitions(algorithm: Mapping[str, Any]) -> dict[str, str]:
    """Metric -> regular expression, the image's own and those of an AlgorithmSpecification."""
    return {
        **BUILT_IN_METRICS.get(find(algorithm["TrainingImage"]).name, {}),
        **{one["Name"]: one["Regex"] for one in algorithm.get("MetricDefinitions") or []},
    }


class MetricSeries:
    """All values of one metric that a job has logged, read on as they come."""

    def __init__(self, logs: Logs, body: Body, metric: str) -> None:
        self._logs = logs
        self._stream = job.log_stream(body["TrainingJobName"], body)
        self._pattern = re.compile(metric_definitions(body["AlgorithmSpecification"])[metric])
        self._last_event = 0
        self._values: list[float] = []

    def values(self) -> list[float]:
        """The values so far, in the order of the log."""
        try:
            events = self._logs.events(LOG_GROUP, self._stream, after=self._last_event)
        except (GroupMissing, StreamMissing):
            return self._values
        for event in events:
            self._last_event = event.id
            value = _number(self._pattern.search(event.message[:METRIC_CHARACTERS]))
            if value is not None:
                self._values.append(value)
        return self._values


def _last_values(definitions: Mapping[str, str], events: Iterable[LogEvent]) -> Iterable[Body]:
    last: dict[str, tuple[float, int]] = {}
    patterns = {name: re.compile(regex) for name, regex in definitions.items()}
    for event in events:
        for name, pattern in patterns.items():
            value = _number(pattern.search(event.message[:METRIC_CHARACTERS]))
            if value is not None:
                last[name] = (value, event.timestamp_ms)
    for name, (value, milliseconds) in last.items():
        yield {
            "MetricName": name,
            "Value": value,
            "Timestamp": datetime.fromtimestamp(milliseconds / 1000, UTC),
        }


def _number(found: re.Match[str] | None) -> float | None:
    """The finite number that a pattern's first group caught."""
    if found is None or not found.re.groups:
        return None
    try:
        value = float(found[1])
    except (TypeError, ValueError):
        return None  # the group took no part, or what it caught is no number
    return value if math.isfinite(value) else None


def _write_configuration(room: Room, body: Body) -> None:
    """The files by which a program learns of its job."""
    resources = body["ResourceConfig"]
    channels = {
        channel["ChannelName"]: {
            **({"ContentType": channel["ContentType"]} if channel.get("ContentType") else {}),
            "TrainingInputMode": channel.get("InputMode")
            or body["AlgorithmSpecification"]["TrainingInputMode"],
            "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                "S3DataDistributionType", "FullyReplicated"
            ),
            "RecordWrapperType": "None",
        }
        for channel in _channels(body)
    }
    files: dict[str, Any] = {
        "hyperparameters": body.get("HyperParameters") or {},
        "inputdataconfig": channels,
        "resourceconfig": {
            "current_host": "algo-1",
            "current_instance_type": resources["InstanceType"],
            "current_group_name": "homogeneousCluster",
            "hosts": ["algo-1"],
            "instance_groups": [
                {
                    "instance_group_name": "homogeneousCluster",
                    "instance_type": resources["InstanceType"],
                    "hosts": ["algo-1"],
                }
            ],
            "network_interface_name": "lo",
        },
    }
    if body.get("CheckpointConfig"):
        files["checkpointconfig"] = {"LocalPath": "/opt/ml/checkpoints", **body["CheckpointConfig"]}
    if body.get("DebugHookConfig"):
        files["debughookconfig"] = {"LocalPath": debug_rule.HOOK_PATH, **body["DebugHookConfig"]}
    directory = room.opt_ml / "input" / "config"
    directory.mkdir(parents=True)
    for name, content in files.items():
        (directory / f"{name}.json").write_text(json.dumps(content))
