"""AutoML jobs: Autopilot on tables, from the data to a leaderboard whose best model can be deployed as it is.

    /opt/ml/input/config/autopilot.json       what was asked
    /opt/ml/input/data/{training,validation}/
    /opt/ml/output/artifacts/  -> <S3OutputPath>/<job>/   while the job runs, and at its end however it ends
    /opt/ml/output/progress.json  -> the record: secondary status, candidates, what was inferred
    /opt/ml/output/failure     -> FailureReason

Both versions of the API make the same record; a job of version 2 is not described by version 1, as on AWS.
A job that is stopped keeps the candidates that it has. One whose MaxAutoMLJobRuntimeInSeconds are used up is
Completed, with secondary status MaxAutoMLJobRuntimeReached, as soon as one candidate is there.

Different from AWS: candidates are no training jobs, so they have no CandidateSteps; every candidate has one
container, where AWS makes two or three in HYPERPARAMETER_TUNING mode; there is no model insights report.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.images.autopilot.contract import (
    ALGORITHMS,
    CSV,
    ENSEMBLING,
    KINDS,
    NOT_HERE,
    OBJECTIVES,
    PARQUET,
    direction,
    environment,
)
from local_aws.images.autopilot.settings import Settings
from local_aws.images.programs import AUTOPILOT
from local_aws.jobs.engine import Command, Exit, JobFailed
from local_aws.jobs.lifecycle import Life
from local_aws.jobs.room import Room
from local_aws.jobs.transfer import InputMissing, Mirror, download, sources
from local_aws.services.context import Context
from local_aws.services.sagemaker import job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.listing import listed
from local_aws.state.objects import BucketMissing, ObjectMissing, Objects, parse_s3_uri
from local_aws.state.records import Body, Records
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

JOBS = job.Jobs("sagemaker.auto_ml_job", "automl-job", "AutoMLJobStatus")
SECONDARY = "AutoMLJobSecondaryStatus"
LOG_GROUP = "/aws/sagemaker/TrainingJobs"  # where AWS's candidates write, in streams that begin with the job
GRACE_SECONDS = 20.0  # for the program to end with what it has
MORE_SECONDS = 30.0  # after the budget, in which it must have ended by itself
MOST_PARTIAL_REASONS = 5
# The repository and tag of AWS's container; its registry is the one of the XGBoost images.
IMAGE = "683313688378.dkr.ecr.{region}.amazonaws.com/sagemaker-sklearn-automl:2.5-1-cpu-py3"

LIFE = Life(
    field="AutoMLJobStatus",
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


@operation("sagemaker", "CreateAutoMLJobV2")
def create_auto_ml_job_v2(context: Context, call: Call) -> dict[str, Any]:
    """Start an AutoML job on a table; answers before it runs."""
    request = call.parameters
    problems = [name for name, value in request["AutoMLProblemTypeConfig"].items() if value is not None]
    if len(problems) != 1:
        raise job.invalid(
            "AutoMLProblemTypeConfig must have exactly one of its members; "
            f"found {', '.join(problems) or 'none'}."
        )
    if problems != ["TabularJobConfig"]:
        raise NotEmulated("sagemaker", call.operation, problems[0])
    body = {key: value for key, value in request.items() if key != "Tags"}
    return _create(context, call, {**body, "AutoMLProblemTypeConfigName": "Tabular"}, version=2)


@operation("sagemaker", "CreateAutoMLJob")
def create_auto_ml_job(context: Context, call: Call) -> dict[str, Any]:
    """The first version of the same call: kept as a request of the second."""
    request = call.parameters
    channels = request["InputDataConfig"]
    config = request.get("AutoMLJobConfig") or {}
    generation = config.get("CandidateGenerationConfig") or {}
    for name in ("TargetAttributeName", "SampleWeightAttributeName"):
        if len({channel.get(name) for channel in channels}) > 1:
            raise job.invalid(f"All channels must have the same {name}.")
    tabular: dict[str, Any] = {
        "TargetAttributeName": channels[0]["TargetAttributeName"],
        "SampleWeightAttributeName": channels[0].get("SampleWeightAttributeName"),
        "ProblemType": request.get("ProblemType"),
        "Mode": config.get("Mode"),
        "CompletionCriteria": config.get("CompletionCriteria"),
        "FeatureSpecificationS3Uri": generation.get("FeatureSpecificationS3Uri"),
        "GenerateCandidateDefinitionsOnly": request.get("GenerateCandidateDefinitionsOnly"),
    }
    if generation.get("AlgorithmsConfig"):
        tabular["CandidateGenerationConfig"] = {"AlgorithmsConfig": generation["AlgorithmsConfig"]}
    body: Body = {
        "AutoMLJobName": request["AutoMLJobName"],
        "AutoMLJobInputDataConfig": [
            {
                key: value
                for key, value in channel.items()
                if key not in ("TargetAttributeName", "SampleWeightAttributeName")
            }
            for channel in channels
        ],
        "AutoMLProblemTypeConfig": {"TabularJobConfig": {k: v for k, v in tabular.items() if v is not None}},
        **_present(request, "OutputDataConfig", "RoleArn", "AutoMLJobObjective", "ModelDeployConfig"),
        **_present(config, "DataSplitConfig", "SecurityConfig"),
    }
    return _create(context, call, body, version=1)


@operation("sagemaker", "DescribeAutoMLJobV2")
def describe_auto_ml_job_v2(context: Context, call: Call) -> dict[str, Any]:
    """The request and what became of it, of a job of either version."""
    body = _stored(context, call)
    return {
        **_answer(body),
        "AutoMLProblemTypeConfigName": "Tabular",
        "ResolvedAttributes": {
            **body["_resolved"],
            "AutoMLProblemTypeResolvedAttributes": {"TabularResolvedAttributes": _problem_type(body)},
        },
    }


@operation("sagemaker", "DescribeAutoMLJob")
def describe_auto_ml_job(context: Context, call: Call) -> dict[str, Any]:
    """The same in the words of version 1."""
    body = _stored(context, call)
    if body["_version"] != 1:
        raise job.invalid(
            f"The AutoML job {body['AutoMLJobName']} was created by CreateAutoMLJobV2; "
            "describe it with DescribeAutoMLJobV2."
        )
    tabular = _tabular(body)
    generation = {
        **(tabular.get("CandidateGenerationConfig") or {}),
        **_present(tabular, "FeatureSpecificationS3Uri"),
    }
    config = {
        **_present(tabular, "Mode", "CompletionCriteria"),
        **_present(body, "DataSplitConfig", "SecurityConfig"),
        **({"CandidateGenerationConfig": generation} if generation else {}),
    }
    channel = _present(tabular, "TargetAttributeName", "SampleWeightAttributeName")
    return {
        **_answer(body),
        "InputDataConfig": [{**each, **channel} for each in body["AutoMLJobInputDataConfig"]],
        **_present(tabular, "ProblemType", "GenerateCandidateDefinitionsOnly"),
        **({"AutoMLJobConfig": config} if config else {}),
        "ResolvedAttributes": {**body["_resolved"], **_problem_type(body)},
    }


@operation("sagemaker", "ListAutoMLJobs")
def list_auto_ml_jobs(context: Context, call: Call) -> dict[str, Any]:
    """AutoML jobs of both versions by time, name or status."""
    return listed(
        (_answer(record.body) for record in context.records(JOBS.record_kind).scan()),
        {"SortBy": "Name", "SortOrder": "Descending", **call.parameters},
        name="AutoMLJobName",
        member="AutoMLJobSummaries",
        fields=(
            "AutoMLJobName", "AutoMLJobArn", "AutoMLJobStatus", SECONDARY, "CreationTime", "EndTime",
            "LastModifiedTime", "FailureReason", "PartialFailureReasons",
        ),
        order={"Status": JOBS.status},
        equals={"StatusEquals": JOBS.status},
    )  # fmt: skip


@operation("sagemaker", "ListCandidatesForAutoMLJob")
def list_candidates_for_auto_ml_job(context: Context, call: Call) -> dict[str, Any]:
    """The job's candidates by time, status or objective metric; those without one come last."""
    body = _stored(context, call)
    parameters = {"SortOrder": "Ascending", **call.parameters}
    worst = float("inf") if parameters["SortOrder"] == "Ascending" else float("-inf")
    candidates = [
        {**each, "_value": each.get("FinalAutoMLJobObjectiveMetric", {}).get("Value", worst)}
        for each in _candidates(body)
    ]
    return listed(
        candidates,
        parameters,
        name="CandidateName",
        member="Candidates",
        fields=(
            "CandidateName", "FinalAutoMLJobObjectiveMetric", "ObjectiveStatus", "CandidateSteps",
            "CandidateStatus", "InferenceContainers", "CreationTime", "EndTime", "LastModifiedTime",
            "FailureReason", "CandidateProperties",
        ),
        order={"Status": "CandidateStatus", "FinalObjectiveMetricValue": "_value"},
        equals={"StatusEquals": "CandidateStatus", "CandidateNameEquals": "CandidateName"},
    )  # fmt: skip


@operation("sagemaker", "StopAutoMLJob")
def stop_auto_ml_job(context: Context, call: Call) -> dict[str, Any]:
    """End the candidates that are at work; those that are done stay."""
    _stored(context, call)
    JOBS.stop(context, call.parameters["AutoMLJobName"])
    return {}


def _create(context: Context, call: Call, body: Body, *, version: int) -> dict[str, Any]:
    _refuse(call.operation, body)
    _check(context, body)
    name = body["AutoMLJobName"]
    resolved = {
        **_present(body, "AutoMLJobObjective"),
        **_present(_tabular(body), "CompletionCriteria"),
    }
    body |= {
        "AutoMLJobArn": arn(context, JOBS.arn_kind, name),
        LIFE.field: LIFE.starting,
        SECONDARY: "Starting",
        "_version": version,
        "_image": IMAGE.format(region=context.settings.region),
        "_resolved": resolved,
        "_progress": {},
    }
    return {"AutoMLJobArn": JOBS.create(context, name, body, call.parameters.get("Tags"))}


def _stored(context: Context, call: Call) -> Body:
    name = call.parameters["AutoMLJobName"]
    found = context.records(JOBS.record_kind).find(name)
    if found is None:
        raise AwsError("ResourceNotFound", f"Could not find requested AutoML job with name: {name}")
    return found.body


def _refuse(operation_name: str, body: Body) -> None:
    """Raise NotEmulated for what the stand-in does not do."""
    job.refuse(
        operation_name,
        body,
        "ModelDeployConfig.AutoGenerateEndpointName",
        "ModelDeployConfig.EndpointName",
        "SecurityConfig.VpcConfig",
        "AutoMLComputeConfig",
    )
    for channel in body["AutoMLJobInputDataConfig"]:
        kind = channel.get("DataSource", {}).get("S3DataSource", {}).get("S3DataType")
        if kind == "AugmentedManifestFile":
            raise NotEmulated("sagemaker", operation_name, f"S3DataType {kind}")
    for name in _algorithms(_tabular(body)):
        if name in NOT_HERE:
            raise NotEmulated("sagemaker", operation_name, f"AutoMLAlgorithms {name}")


def _check(context: Context, body: Body) -> None:
    """Raise ValidationException for what AWS would not accept."""
    tabular = _tabular(body)
    _check_tabular(body, tabular)
    job.check_s3_uri(body["OutputDataConfig"]["S3OutputPath"])
    _check_channels(context, body)
    if tabular.get("FeatureSpecificationS3Uri"):
        job.check_s3_uri(tabular["FeatureSpecificationS3Uri"])
        _specification(context.objects, tabular)


def _check_tabular(body: Body, tabular: Mapping[str, Any]) -> None:
    problem, objective = tabular.get("ProblemType"), (body.get("AutoMLJobObjective") or {}).get("MetricName")
    if bool(problem) != bool(objective):
        raise job.invalid(
            "ProblemType and AutoMLJobObjective must be given together, or neither of them; found "
            f"ProblemType {problem or 'none'} and AutoMLJobObjective {objective or 'none'}."
        )
    if problem and objective not in OBJECTIVES[problem]:
        raise job.invalid(
            f"The objective metric {objective} is not supported for problem type {problem}; supported: "
            f"{', '.join(sorted(OBJECTIVES[problem]))}."
        )
    mode, algorithms = tabular.get("Mode", "AUTO"), _algorithms(tabular)
    if algorithms and mode == "AUTO":
        raise job.invalid("AlgorithmsConfig can only be given with Mode ENSEMBLING or HYPERPARAMETER_TUNING.")
    for name in algorithms:
        if name not in ALGORITHMS[mode]:
            raise job.invalid(
                f"The algorithm {name} is not supported in Mode {mode}; supported: "
                f"{', '.join(ALGORITHMS[mode])}."
            )
    if tabular.get("SampleWeightAttributeName") and mode != ENSEMBLING:
        raise job.invalid("SampleWeightAttributeName is supported in Mode ENSEMBLING only.")
    if tabular.get("SampleWeightAttributeName") == tabular["TargetAttributeName"]:
        raise job.invalid("SampleWeightAttributeName and TargetAttributeName must be different columns.")


def _check_channels(context: Context, body: Body) -> None:
    channels = body["AutoMLJobInputDataConfig"]
    kinds = [channel.get("ChannelType", "training") for channel in channels]
    if "training" not in kinds or len(set(kinds)) < len(kinds):
        raise job.invalid(
            "There must be one channel of ChannelType training, and at most one of validation; found "
            f"{', '.join(kinds)}."
        )
    fraction = (body.get("DataSplitConfig") or {}).get("ValidationFraction")
    if fraction is not None and not 0 < fraction < 1:
        raise job.invalid(f"ValidationFraction {fraction} must be greater than 0 and less than 1.")
    if fraction is not None and "validation" in kinds:
        raise job.invalid("ValidationFraction cannot be given beside a validation channel.")
    if len({_content_type(channel) for channel in channels}) > 1:
        raise job.invalid("The channels for training and validation must share the same ContentType.")
    for channel in channels:
        _check_channel(context, body, channel)


def _check_channel(context: Context, body: Body, channel: Mapping[str, Any]) -> None:
    content_type = _content_type(channel)
    if content_type not in (CSV, PARQUET):
        raise job.invalid(f"ContentType {content_type} is not supported; supported: {CSV}, {PARQUET}.")
    source = channel.get("DataSource", {}).get("S3DataSource")
    if source is None:
        raise job.invalid("DataSource.S3DataSource must be given for every channel.")
    if channel.get("CompressionType") == "Gzip" and (
        content_type == PARQUET or source["S3DataType"] != "S3Prefix"
    ):
        raise job.invalid("CompressionType Gzip is supported for CSV and S3DataType S3Prefix only.")
    job.check_s3_uri(source["S3Uri"])
    try:
        next(sources(context.objects, source["S3Uri"], manifest=source["S3DataType"] == "ManifestFile"))
    except InputMissing as missing:
        raise job.invalid(
            f'No S3 objects found under S3 URL "{missing}" given in input data source. Please ensure that '
            f"the bucket exists in the selected region ({context.settings.region}), that objects exist under "
            f'that S3 prefix, and that the role "{body["RoleArn"]}" has "s3:ListBucket" permissions on it.'
        ) from None
    except JobFailed as failed:
        raise job.invalid(failed.reason) from None


def _content_type(channel: Mapping[str, Any]) -> str:
    given = str(channel.get("ContentType") or CSV)
    return "".join(given.split()).lower()


def _tabular(body: Body) -> dict[str, Any]:
    found: dict[str, Any] = body["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    return found


def _algorithms(tabular: Mapping[str, Any]) -> list[str]:
    configs = (tabular.get("CandidateGenerationConfig") or {}).get("AlgorithmsConfig") or []
    return [name for config in configs for name in config["AutoMLAlgorithms"]]


def _present(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if values.get(name) is not None}


def _specification(objects: Objects, tabular: Mapping[str, Any]) -> dict[str, Any]:
    """The document at FeatureSpecificationS3Uri. Raises ValidationException."""
    uri = tabular["FeatureSpecificationS3Uri"]
    try:
        with objects.open(*parse_s3_uri(uri))[1] as file:
            document = json.load(file)
        names = document.get("FeatureAttributeNames", [])
        kinds = document.get("FeatureDataTypes", {})
        shaped = all(isinstance(name, str) for name in [*names, *kinds.values()])
    except (BucketMissing, ObjectMissing):
        raise job.invalid(f"There is no object at FeatureSpecificationS3Uri {uri}.") from None
    except (ValueError, AttributeError, TypeError):
        shaped = False
    if not shaped:
        raise job.invalid(
            f"{uri} is not a feature specification: a JSON object with FeatureAttributeNames, a list of "
            "columns, or FeatureDataTypes, an object of column and type, or both."
        )
    job.check_unique(names, "FeatureAttributeNames")
    if tabular["TargetAttributeName"] in {*names, *kinds}:
        raise job.invalid("The feature specification must not name the target column.")
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise job.invalid(f"The type of {name} is {kind}; allowed: {', '.join(KINDS)}.")
        if names and name not in names:
            raise job.invalid(f"FeatureDataTypes has {name}, which FeatureAttributeNames has not.")
    return {"features": tuple(names), "kinds": tuple(kinds.items())}


# --- answers ----------------------------------------------------------------------------------------


def _answer(body: Body) -> Body:
    """What both versions of Describe tell."""
    progress = body["_progress"]
    candidates = _candidates(body)
    answer = dict(body)
    best = [each for each in candidates if each["CandidateName"] == progress.get("best")]
    if best:
        answer["BestCandidate"] = best[0]
    base = _output_uri(body)
    notebooks = {
        name: base + progress[field]
        for name, field in (
            ("CandidateDefinitionNotebookLocation", "definitions"),
            ("DataExplorationNotebookLocation", "exploration"),
        )
        if progress.get(field)
    }
    if notebooks:
        answer["AutoMLJobArtifacts"] = notebooks
    partial = [
        {"PartialFailureMessage": job.cut(f"{each['CandidateName']}: {each['FailureReason']}")}
        for each in candidates
        if "FailureReason" in each
    ]
    if partial:
        answer["PartialFailureReasons"] = partial[:MOST_PARTIAL_REASONS]
    return answer


def _problem_type(body: Body) -> Body:
    asked = _tabular(body).get("ProblemType")
    found = body["_progress"].get("problem_type") or asked
    return {"ProblemType": found} if found else {}


def _candidates(body: Body) -> list[Body]:
    """The leaderboard in AWS's form, in the order in which candidates were begun."""
    progress = body["_progress"]
    return [_candidate(body, progress, entry) for entry in progress.get("candidates", [])]


def _candidate(body: Body, progress: Body, entry: Body) -> Body:
    began = datetime.fromtimestamp(entry["began"], UTC)
    ended = datetime.fromtimestamp(entry["ended"], UTC) if entry["ended"] else None
    answer: Body = {
        "CandidateName": entry["name"],
        "CandidateSteps": [],
        "CandidateStatus": entry["status"],
        "ObjectiveStatus": {"Completed": "Succeeded", "InProgress": "Pending"}.get(entry["status"], "Failed"),
        "CreationTime": began,
        "LastModifiedTime": ended or began,
    }
    if ended:
        answer["EndTime"] = ended
    if entry["reason"]:
        answer["FailureReason"] = job.cut(entry["reason"])
    if entry["status"] != "Completed":
        return answer
    objective, base = progress["objective"], _output_uri(body)
    answer["FinalAutoMLJobObjectiveMetric"] = {
        "MetricName": objective,
        "StandardMetricName": objective,
        "Type": direction(objective),
        "Value": entry["metrics"][objective],
    }
    answer["InferenceContainers"] = [
        {
            "Image": body["_image"],
            "ModelDataUrl": base + entry["model"],
            "Environment": environment(progress["problem_type"], progress["mode"]),
        }
    ]
    properties: Body = {
        "CandidateMetrics": [
            {
                **({"MetricName": name} if name in OBJECTIVES[progress["problem_type"]] else {}),
                "StandardMetricName": name,
                "Value": value,
                "Set": "Validation",
            }
            for name, value in entry["metrics"].items()
        ]
    }
    if entry["explained"]:
        properties["CandidateArtifactLocations"] = {"Explainability": base + entry["explained"]}
    answer["CandidateProperties"] = properties
    return answer


def _output_uri(body: Body) -> str:
    return f"{body['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{body['AutoMLJobName']}/"


# --- the job ----------------------------------------------------------------------------------------


class AutoMLJobKind:
    """How the engine runs an AutoML job."""

    kind = JOBS.record_kind
    life = LIFE

    def entered(self, body: Body, state: str, reason: str | None) -> Body:
        """Times, the secondary status where the state says it, and the reason of a failure."""
        now = datetime.now(UTC)
        fields: Body = {"LastModifiedTime": now}
        if state in ("Stopping", "Stopped", "Failed"):
            fields[SECONDARY] = state
        if LIFE.last(state):
            fields["EndTime"] = now
            fields["_progress"] = _settled(body["_progress"])
        if reason:
            fields["FailureReason"] = job.cut(reason)
        return fields

    def prepare(self, room: Room, body: Body) -> Command:
        """Copy the channels, write what was asked."""
        bucket = parse_s3_uri(body["OutputDataConfig"]["S3OutputPath"])[0]
        if not room.objects.has_bucket(bucket):
            raise JobFailed(
                f"ClientError: Artifact upload failed: The specified bucket does not exist: {bucket}"
            )
        for channel in body["AutoMLJobInputDataConfig"]:
            source = channel["DataSource"]["S3DataSource"]
            target = room.opt_ml / "input" / "data" / channel.get("ChannelType", "training")
            try:
                download(room, source["S3Uri"], target, manifest=source["S3DataType"] == "ManifestFile")
            except InputMissing as missing:
                raise JobFailed(
                    f'ClientError: Data download failed: No S3 objects found under S3 URL "{missing}" '
                    "given in input data source."
                ) from None
        try:
            settings = _settings(room, body)
        except AwsError as error:  # the feature specification has gone since Create
            raise JobFailed(f"ClientError: {error.message}") from None
        settings.write(room.opt_ml / "input" / "config" / "autopilot.json")
        (room.opt_ml / "output" / "artifacts").mkdir(parents=True)
        budget = (_tabular(body).get("CompletionCriteria") or {}).get("MaxAutoMLJobRuntimeInSeconds")
        return Command(
            argv=AUTOPILOT.argv,
            env=AUTOPILOT.env,
            log_group=LOG_GROUP,
            log_stream=job.log_stream(body["AutoMLJobName"], body),
            max_runtime_seconds=budget + MORE_SECONDS if budget else None,
            grace_seconds=GRACE_SECONDS,
            regularly=_reporting(room, body),
        )

    def collect(self, room: Room, body: Body, exit: Exit) -> Body:  # noqa: A002 - the contract's word
        """Upload what there is, and tell how it ended."""
        _reporting(room, body)()
        if exit.out_of_memory:
            raise JobFailed(
                "ClientError: Please use less data: the candidates need more memory than there is."
            )
        if exit.code and not (exit.stopped or exit.timed_out):
            path = room.opt_ml / "output" / "failure"
            reason = path.read_text(errors="replace") if path.is_file() else ""
            raise JobFailed(
                reason or f"AlgorithmError: See job logs for more information, exit code: {exit.code}"
            )
        return {}


def _settings(room: Room, body: Body) -> Settings:
    tabular = _tabular(body)
    criteria = tabular.get("CompletionCriteria") or {}
    budget = criteria.get("MaxAutoMLJobRuntimeInSeconds")
    channel = body["AutoMLJobInputDataConfig"][0]
    specification = _specification(room.objects, tabular) if tabular.get("FeatureSpecificationS3Uri") else {}
    return Settings(
        job=body["AutoMLJobName"],
        target=tabular["TargetAttributeName"],
        mode=tabular.get("Mode", "AUTO"),
        problem_type=tabular.get("ProblemType"),
        objective=(body.get("AutoMLJobObjective") or {}).get("MetricName"),
        algorithms=tuple(_algorithms(tabular)),
        weights=tabular.get("SampleWeightAttributeName"),
        validation_fraction=(body.get("DataSplitConfig") or {}).get("ValidationFraction"),
        max_candidates=criteria.get("MaxCandidates"),
        candidate_seconds=criteria.get("MaxRuntimePerTrainingJobInSeconds"),
        deadline=time.time() + budget if budget else None,
        definitions_only=bool(tabular.get("GenerateCandidateDefinitionsOnly")),
        content_type=_content_type(channel),
        gzip=channel.get("CompressionType") == "Gzip",
        **specification,
    )


def _reporting(room: Room, body: Body) -> Callable[[], None]:
    """What brings the artifacts to S3 and the program's progress into the record."""
    mirror = Mirror(room, room.opt_ml / "output" / "artifacts", _output_uri(body))
    path = room.opt_ml / "output" / "progress.json"

    def report() -> None:
        # Progress first: what it names is written already, and is there when it is read.
        progress = json.loads(path.read_text()) if path.is_file() else None
        mirror.upload()
        if progress is not None:
            Records(room.database, AutoMLJobKind.kind).change(
                body["AutoMLJobName"], lambda now: _reported(now, progress)
            )

    return report


def _reported(body: Body, progress: Body) -> Body:
    """The record with the program's progress in it."""
    resolved = dict(body["_resolved"])
    if progress["objective"]:
        resolved["AutoMLJobObjective"] = {"MetricName": progress["objective"]}
    if progress["max_candidates"]:
        criteria = resolved.get("CompletionCriteria") or {}
        resolved["CompletionCriteria"] = {**criteria, "MaxCandidates": progress["max_candidates"]}
    secondary = {SECONDARY: progress["secondary"]} if body[LIFE.field] == LIFE.running else {}
    return {
        **body,
        **secondary,
        "_progress": progress,
        "_resolved": resolved,
        "LastModifiedTime": datetime.now(UTC),
    }


def _settled(progress: Body) -> Body:
    """The progress of a job that has ended: nothing is under way, and the best so far is the best."""
    now = time.time()
    candidates = [
        {**entry, "status": "Stopped", "ended": now} if entry["status"] == "InProgress" else entry
        for entry in progress.get("candidates", [])
    ]
    if not candidates:
        return progress
    objective = progress["objective"]
    done = [entry["metrics"][objective] for entry in candidates if entry["status"] == "Completed"]
    best = progress["best"]
    if best is None and done:
        wanted = min(done) if direction(objective) == "Minimize" else max(done)
        best = next(entry["name"] for entry in candidates if entry["metrics"].get(objective) == wanted)
    return {**progress, "candidates": candidates, "best": best}
