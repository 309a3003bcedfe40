"""Hyperparameter tuning jobs: training jobs with different hyperparameters, to find the best objective.

How one runs is told in `tuning.tuner`. What AWS does not publish is done so: a criterion of convergence of
our own (`tuning.stopping`), the checkpoints of each training job below its own name, and Auto scaling by the
width of the range (`tuning.space`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from local_aws.images.metrics import MAXIMIZED, MINIMIZED
from local_aws.images.programs import SCRIPT_PARAMETER
from local_aws.services.context import Context
from local_aws.services.sagemaker import job, tags, training_job
from local_aws.services.sagemaker.arns import arn
from local_aws.services.sagemaker.listing import listed
from local_aws.services.sagemaker.tuning import child as children
from local_aws.services.sagemaker.tuning.child import Objective
from local_aws.services.sagemaker.tuning.space import BadRange, Space
from local_aws.services.sagemaker.tuning.stopping import not_improving
from local_aws.services.sagemaker.tuning.tuner import (
    ARN_KIND,
    CONVERGED,
    KIND,
    MOST_JOBS,
    SEED,
    STATUS,
    Tuners,
    training_request,
)
from local_aws.state.records import Body, RecordExists, RecordMissing
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import Call, operation

# AWS's quotas: SageMaker developer guide, "Hyperparameter Tuning Limits".
MOST_RANDOM_JOBS = 10_000
MOST_PARALLEL = 100
MOST_RESOURCE = 20_000  # of Hyperband
RESOURCE_NAMES = ("epochs", "numepochs", "n-epochs", "n_epochs", "num_epochs")  # MaxResource is inferred from
WAYS = {"Maximize": MAXIMIZED, "Minimize": MINIMIZED}  # of the built-in algorithm's metrics
_SAMPLE = "tuning-001-00000000"  # the name of a training job by which a definition is checked


# --- operations -------------------------------------------------------------------------------------


@operation("sagemaker", "CreateHyperParameterTuningJob")
def create_hyper_parameter_tuning_job(context: Context, call: Call) -> dict[str, Any]:
    """Start a tuning job; answers before its first training job."""
    request = call.parameters
    _refuse(request)
    config = _checked_config(request)
    body = {key: value for key, value in request.items() if key != "Tags"}
    body["HyperParameterTuningJobConfig"] = config
    _check_definition(context, body)
    _check_parents(context, body)
    name = request["HyperParameterTuningJobName"]
    made = arn(context, ARN_KIND, name)
    now = datetime.now(UTC)
    body |= {
        "HyperParameterTuningJobArn": made,
        STATUS: "InProgress",
        "CreationTime": now,
        "LastModifiedTime": now,
        SEED: config.get("RandomSeed", secrets.randbelow(2**31)),
    }
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, body)
        except RecordExists:
            raise AwsError(
                "ResourceInUse",
                "Tuning job name must be unique within an AWS account and region, and a tuning job with this "
                f"name already exists ({made})",
            ) from None
        tags.remember(context, made, request.get("Tags"))
    Tuners.of(context).start(name)
    return {"HyperParameterTuningJobArn": made}


@operation("sagemaker", "DescribeHyperParameterTuningJob")
def describe_hyper_parameter_tuning_job(context: Context, call: Call) -> dict[str, Any]:
    """The request and what became of it so far."""
    body = _found(context, call)
    objective = Objective.of(body)
    summaries = _summaries(context, body)
    answer = {**body, **children.counters(summaries)}
    best = children.best(summaries, maximize=objective.maximize)
    if best is not None:
        answer["BestTrainingJob"] = best
    warm = body.get("WarmStartConfig") or {}
    if warm.get("WarmStartType") == "IdenticalDataAndAlgorithm":
        everywhere = [*_parents_summaries(context, warm), *summaries]
        overall = children.best(everywhere, maximize=objective.maximize)
        if overall is not None:
            answer["OverallBestTrainingJob"] = overall
    ended = sorted(
        (one for one in summaries if children.value_of(one) is not None),
        key=lambda one: one["TrainingEndTime"],
    )
    values = [one["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] for one in ended]
    answer.pop(SEED)
    converged = answer.pop(CONVERGED, None)
    answer["TuningJobCompletionDetails"] = {
        "NumberOfTrainingJobsObjectiveNotImproving": not_improving(values, maximize=objective.maximize),
        **({CONVERGED: converged} if converged else {}),
    }
    end = body.get("HyperParameterTuningEndTime") or datetime.now(UTC)
    answer["ConsumedResources"] = {"RuntimeInSeconds": round((end - body["CreationTime"]).total_seconds())}
    return answer


@operation("sagemaker", "ListHyperParameterTuningJobs")
def list_hyper_parameter_tuning_jobs(context: Context, call: Call) -> dict[str, Any]:
    """Tuning jobs by name, time or status."""
    bodies = {record.key: record.body for record in context.records(KIND).scan()}
    answer = listed(
        (
            {
                **body,
                "Strategy": body["HyperParameterTuningJobConfig"]["Strategy"],
                "ResourceLimits": body["HyperParameterTuningJobConfig"]["ResourceLimits"],
            }
            for body in bodies.values()
        ),
        {"SortBy": "Name", "SortOrder": "Ascending", **call.parameters},
        name="HyperParameterTuningJobName",
        member="HyperParameterTuningJobSummaries",
        fields=(
            "HyperParameterTuningJobName", "HyperParameterTuningJobArn", STATUS, "Strategy", "CreationTime",
            "HyperParameterTuningEndTime", "LastModifiedTime", "ResourceLimits",
        ),
        order={"Status": STATUS},
        equals={"StatusEquals": STATUS},
    )  # fmt: skip
    for one in answer["HyperParameterTuningJobSummaries"]:  # of this page only: they cost a look at each job
        one.update(children.counters(_summaries(context, bodies[one["HyperParameterTuningJobName"]])))
    return answer


@operation("sagemaker", "ListTrainingJobsForHyperParameterTuningJob")
def list_training_jobs_for_hyper_parameter_tuning_job(context: Context, call: Call) -> dict[str, Any]:
    """The training jobs that a tuning job has started."""
    summaries = _summaries(context, _found(context, call))
    asked = {"SortBy": "Name", "SortOrder": "Ascending", **call.parameters}
    if asked["SortBy"] == "FinalObjectiveMetricValue":
        summaries = [one for one in summaries if children.value_of(one) is not None]
    return listed(
        ({**one, "Value": children.value_of(one)} for one in summaries),
        asked,
        name="TrainingJobName",
        member="TrainingJobSummaries",
        fields=(
            "TrainingJobName", "TrainingJobArn", "TuningJobName", "CreationTime", "TrainingStartTime",
            "TrainingEndTime", "TrainingJobStatus", "TunedHyperParameters", "FailureReason",
            "FinalHyperParameterTuningJobObjectiveMetric", "ObjectiveStatus",
        ),
        order={"Status": "TrainingJobStatus", "FinalObjectiveMetricValue": "Value"},
        equals={"StatusEquals": "TrainingJobStatus"},
    )  # fmt: skip


@operation("sagemaker", "StopHyperParameterTuningJob")
def stop_hyper_parameter_tuning_job(context: Context, call: Call) -> dict[str, Any]:
    """Stop the tuning job and its training jobs; stopping one that stops changes nothing."""
    name = call.parameters["HyperParameterTuningJobName"]
    _found(context, call)

    def stopping(body: Body) -> Body | None:
        if body[STATUS] == "Stopping":
            return None
        if body[STATUS] != "InProgress":
            raise job.invalid(
                "The request was rejected because the hyper parameter tuning job is in status "
                f"{body[STATUS]}."
            )
        return {**body, STATUS: "Stopping", "LastModifiedTime": datetime.now(UTC)}

    context.records(KIND).change(name, stopping)
    Tuners.of(context).wake(name)
    return {}


@operation("sagemaker", "DeleteHyperParameterTuningJob")
def delete_hyper_parameter_tuning_job(context: Context, call: Call) -> dict[str, Any]:
    """Forget a tuning job that has ended; its training jobs and their models stay."""
    name = call.parameters["HyperParameterTuningJobName"]
    with context.database.transaction():
        status = _found(context, call)[STATUS]
        if status in ("InProgress", "Stopping"):
            raise AwsError(
                "ResourceInUse",
                f"The hyper parameter tuning job {name} cannot be deleted in status {status}.",
            )
        context.records(KIND).delete(name)
        children.forget(context, name)
        tags.forget(context, arn(context, ARN_KIND, name))
    return {}


def _found(context: Context, call: Call) -> Body:
    name = call.parameters["HyperParameterTuningJobName"]
    try:
        return context.records(KIND).get(name).body
    except RecordMissing:
        raise AwsError("ResourceNotFound", f"Could not find a tuning job with the name {name}.") from None


def _summaries(context: Context, body: Body) -> list[Body]:
    objective = Objective.of(body)
    return [
        children.summary(context, one, objective)
        for one in children.children(context, body["HyperParameterTuningJobName"])
    ]


def _parents_summaries(context: Context, warm: Mapping[str, Any]) -> Iterator[Body]:
    for parent in warm["ParentHyperParameterTuningJobs"]:
        found = context.records(KIND).find(parent["HyperParameterTuningJobName"])
        if found is not None:  # else it was deleted meanwhile
            yield from _summaries(context, found.body)


# --- checks -----------------------------------------------------------------------------------------


def _refuse(request: Mapping[str, Any]) -> None:
    """Raise NotEmulated for what the stand-in does not do."""
    operation_name = "CreateHyperParameterTuningJob"
    job.refuse(
        operation_name,
        request,
        "Autotune",
        "HyperParameterTuningJobConfig.ParameterRanges.AutoParameters",
        "TrainingJobDefinition.HyperParameterTuningResourceConfig",
        "TrainingJobDefinitions",
    )


def _checked_config(request: Mapping[str, Any]) -> Body:
    """The configuration with what AWS fills in. Raises ValidationException, ResourceLimitExceeded."""
    config = dict(request["HyperParameterTuningJobConfig"])
    definition = request.get("TrainingJobDefinition")
    if not definition:
        raise job.invalid("You must specify either TrainingJobDefinition or TrainingJobDefinitions.")
    for name, inner in (
        ("HyperParameterTuningJobObjective", "TuningObjective"),
        ("ParameterRanges", "HyperParameterRanges"),
    ):
        if definition.get(inner):
            raise job.invalid(f"{inner} can only be specified in TrainingJobDefinitions; here it is {name}.")
        if not config.get(name):
            raise job.invalid(f"HyperParameterTuningJobConfig.{name} is required.")
    space = _checked_space(config, definition)
    _check_limits(config, space)
    config.setdefault("TrainingJobEarlyStoppingType", "Off")
    hyperband = (config.get("StrategyConfig") or {}).get("HyperbandStrategyConfig") or {}
    if config["Strategy"] == "Hyperband":
        config["StrategyConfig"] = {
            "HyperbandStrategyConfig": _checked_hyperband(hyperband, config, definition)
        }
    elif hyperband:
        raise job.invalid(
            f"HyperbandStrategyConfig can only be specified for Hyperband; the strategy is "
            f"{config['Strategy']}."
        )
    return config


def _checked_space(config: Mapping[str, Any], definition: Mapping[str, Any]) -> Space:
    try:
        space = Space.of(config["ParameterRanges"])
    except BadRange as bad:
        raise job.invalid(str(bad)) from None
    both = sorted(set(space.names) & set(definition.get("StaticHyperParameters") or {}))
    if both:
        raise job.invalid(f"Hyperparameters cannot be both static and tunable. Found: {', '.join(both)}")
    if config["Strategy"] == "Grid" and space.numbers():
        raise job.invalid(
            "Grid strategy supports categorical parameter ranges only. Found others for: "
            f"{', '.join(space.numbers())}"
        )
    return space


def _check_limits(config: Mapping[str, Any], space: Space) -> None:
    limits, strategy = config["ResourceLimits"], config["Strategy"]
    jobs, parallel = limits.get("MaxNumberOfTrainingJobs"), limits["MaxParallelTrainingJobs"]
    most = MOST_RANDOM_JOBS if strategy in ("Random", "Grid") else MOST_JOBS
    for name, value, largest in (
        ("MaxNumberOfTrainingJobs", jobs if strategy != "Grid" else space.size(), most),
        ("MaxParallelTrainingJobs", parallel, MOST_PARALLEL),
    ):
        if value is not None and value > largest:
            raise AwsError(
                "ResourceLimitExceeded",
                f"{name} of a {strategy} tuning job can be at most {largest}; found {value}.",
            )
    if strategy == "Grid":
        if jobs is not None and jobs != space.size():
            raise job.invalid(
                "MaxNumberOfTrainingJobs of a Grid tuning job must be the number of combinations, "
                f"{space.size()}, or be left out; found {jobs}."
            )
    elif jobs is None and limits.get("MaxRuntimeInSeconds") is None:
        raise job.invalid("ResourceLimits needs MaxNumberOfTrainingJobs or MaxRuntimeInSeconds.")
    if jobs is not None and parallel > jobs:
        raise job.invalid(
            f"MaxParallelTrainingJobs, {parallel}, must not be greater than MaxNumberOfTrainingJobs, {jobs}."
        )


def _checked_hyperband(
    given: Mapping[str, Any], config: Mapping[str, Any], definition: Mapping[str, Any]
) -> Body:
    if config["TrainingJobEarlyStoppingType"] != "Off":
        raise job.invalid("TrainingJobEarlyStoppingType must be Off for the Hyperband strategy.")
    static = definition.get("StaticHyperParameters") or {}
    most = given.get("MaxResource")
    if most is None:
        text = next((static[name] for name in RESOURCE_NAMES if name in static), "")
        if not text.isdecimal():
            raise job.invalid(
                "HyperbandStrategyConfig needs MaxResource, or one of the static hyperparameters "
                f"{', '.join(RESOURCE_NAMES)} with an integer."
            )
        most = int(text)
    least = given.get("MinResource", 1)
    if not least <= most <= MOST_RESOURCE:
        raise job.invalid(
            f"Hyperband needs MinResource <= MaxResource <= {MOST_RESOURCE}; found {least} and {most}."
        )
    return {"MinResource": least, "MaxResource": most}


def _check_definition(context: Context, body: Mapping[str, Any]) -> None:
    """Raise what CreateTrainingJob would, and ValidationException for an objective that nobody logs."""
    definition = body["TrainingJobDefinition"]
    if not definition.get("ResourceConfig"):
        raise job.invalid("TrainingJobDefinition.ResourceConfig is required.")
    space = Space.of(body["HyperParameterTuningJobConfig"]["ParameterRanges"])
    training_job.check(context, training_request(body, _SAMPLE, dict.fromkeys(space.names, "")))
    _check_objective(Objective.of(body), definition)


def _check_objective(objective: Objective, definition: Mapping[str, Any]) -> None:
    algorithm = definition["AlgorithmSpecification"]
    own = [one["Name"] for one in algorithm.get("MetricDefinitions") or ()]
    if objective.metric in own:
        return
    known = training_job.metric_definitions(algorithm)
    if SCRIPT_PARAMETER in (definition.get("StaticHyperParameters") or {}) or not known:
        raise job.invalid(
            "A metric is required for this hyperparameter tuning job objective. Provide a metric in the "
            f"metric definitions. Objective: {objective.metric}; defined: {', '.join(own) or 'none'}."
        )
    ways = {f"validation:{name}": way for way, names in WAYS.items() for name in names}
    if objective.metric not in ways:
        raise job.invalid(
            f"The objective metric for the hyperparameter tuning job, [{objective.metric}], isn't valid for "
            f"the algorithm. Choose a valid objective metric: {', '.join(sorted(ways))}."
        )
    if objective.maximize != (ways[objective.metric] == "Maximize"):
        raise job.invalid(
            f"The objective type for the metric [{objective.metric}] must be {ways[objective.metric]}."
        )


def _check_parents(context: Context, body: Mapping[str, Any]) -> None:
    """Raise ValidationException for a warm start from jobs that do not fit."""
    warm = body.get("WarmStartConfig")
    if not warm:
        return
    names = [parent["HyperParameterTuningJobName"] for parent in warm["ParentHyperParameterTuningJobs"]]
    job.check_unique(names, "Parent tuning job names")
    for name in names:
        found = context.records(KIND).find(name)
        if found is None:
            raise job.invalid(f"Could not find the parent tuning job {name}.")
        parent = found.body
        if parent[STATUS] in ("InProgress", "Stopping"):
            raise job.invalid(
                f"The parent tuning job {name} has not ended: it is in status {parent[STATUS]}."
            )
        if Objective.of(parent) != Objective.of(body):
            raise job.invalid(f"The objective must be the same as that of the parent tuning job {name}.")
        before, now = _all_parameters(parent), _all_parameters(body)
        if before != now:
            raise job.invalid(
                "The static and tunable hyperparameters must be the same in all as those of the parent "
                f"tuning job {name}. Different: {', '.join(sorted(before ^ now))}"
            )
        if warm["WarmStartType"] == "IdenticalDataAndAlgorithm":
            for member in ("InputDataConfig", "AlgorithmSpecification"):
                if _same(parent, member) != _same(body, member):
                    raise job.invalid(
                        f"IdenticalDataAndAlgorithm: {member} must be the same as that of the parent tuning "
                        f"job {name}. Use TransferLearning for other data or another algorithm."
                    )


def _all_parameters(body: Mapping[str, Any]) -> set[str]:
    space = Space.of(body["HyperParameterTuningJobConfig"]["ParameterRanges"])
    return {*space.names, *(body["TrainingJobDefinition"].get("StaticHyperParameters") or {})}


def _same(body: Mapping[str, Any], member: str) -> Any:
    """What of a definition must stay the same; metric definitions may change."""
    found = body["TrainingJobDefinition"].get(member)
    return found.get("TrainingImage") if member == "AlgorithmSpecification" and found else found
