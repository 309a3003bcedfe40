"""The kinds of remote work a task waits for, as one table.

The operator on the worker and the trigger on the triggerer read the same row, so they can't disagree on
what, say, a `Stopped` job means. A row is checked against botocore's service model by a test: every state
that AWS names has a phase here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias
from urllib.parse import quote

Handle: TypeAlias = dict[str, str]
"""The parameters of a Describe call: all that is needed to find one piece of remote work again."""

Description: TypeAlias = Mapping[str, Any]
"""AWS's answer to a Describe call."""


class Phase(Enum):
    """Where remote work stands, in the words that decide what a task does next."""

    WORKING = "working"
    """AWS is at it: wait."""
    STOPPING = "stopping"
    """Somebody asked it to stop: wait for the end, then treat it as stopped."""
    SUCCEEDED = "succeeded"
    """It ended well. For something that lives on (a crawler, an endpoint): it is at rest."""
    STOPPED = "stopped"
    """Somebody stopped it before its end. Nothing can be said of its output, so this is no success."""
    FAILED = "failed"
    """It ended badly; AWS gives a reason."""
    MISSING = "missing"
    """AWS knows nothing of it."""
    UNKNOWN = "unknown"
    """AWS names a state that this version doesn't know: better a failed task than an endless wait."""

    @property
    def settled(self) -> bool:
        """Whether waiting longer can't change anything."""
        return self not in (Phase.WORKING, Phase.STOPPING)


@dataclass(frozen=True)
class LogPlace:
    """Where the output of remote work can be read in CloudWatch Logs."""

    group: str
    stream_prefix: str

    def __str__(self) -> str:
        return f"log group {self.group}, streams {self.stream_prefix}*"


@dataclass(frozen=True)
class Kind:
    """How to describe, stop and explain one kind of remote work."""

    key: str
    """Its name in a serialised trigger: never rename, tasks may be deferred on it."""
    title: str
    """Its name in a sentence."""
    service: str
    """botocore's name of the service."""
    describe: str
    """Client method that takes the handle."""
    status: str
    """Dotted path to the state in the description."""
    phases: Mapping[str, Phase]
    """Every state that AWS names."""
    reasons: tuple[str, ...]
    """Dotted paths to AWS's own words on a failure, best first."""
    label: Callable[[Handle], str]
    """The name that a reader would search for."""
    findings: Callable[[Description], list[str]] = lambda _description: []
    """Further words on why, from where no path leads."""
    busy: tuple[str, str] | None = None
    """Dotted path and the value there that says that AWS is changing something which is otherwise at rest."""
    stop: str | None = None
    """Client method that stops it, if it can be stopped."""
    stop_parameters: Callable[[Handle], dict[str, Any]] = dict
    """What the stop method wants, given the handle."""
    log: Callable[[Handle, Description], LogPlace | None] = lambda _handle, _description: None
    """Where its output is."""
    console: Callable[[Handle], str | None] = lambda _handle: None
    """Path of its page below `https://<region>.console.aws.amazon.com/`."""
    details: Callable[[Description], str] = lambda _description: ""
    """What else is worth a line in the log whenever it changes."""

    def phase(self, description: Description | None) -> Phase:
        """Tell the phase of a description; None means that AWS knows nothing of it."""
        if description is None:
            return Phase.MISSING
        if self.busy and at(description, self.busy[0]) == self.busy[1]:
            return Phase.WORKING
        return self.phases.get(self.state(description), Phase.UNKNOWN)

    def state(self, description: Description) -> str:
        """AWS's own word for the state."""
        return str(at(description, self.status))

    def progress(self, description: Description) -> str:
        """How far it is, in words: the state, and the details of kinds that have some."""
        details = self.details(description)
        return f"{self.state(description)}: {details}" if details else self.state(description)

    def reason(self, description: Description) -> str:
        """AWS's own words on why, or an empty string. Different words are joined, equal ones said once."""
        words = [*(at(description, path) for path in self.reasons), *self.findings(description)]
        return " | ".join(dict.fromkeys(str(word).strip() for word in words if word))


def at(description: Description, path: str) -> Any:
    """Value at a dotted path, or None."""
    value: Any = description
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            return None
        value = value[part]
    return value


def _sagemaker_log(group: str, field: str) -> Callable[[Handle, Description], LogPlace]:
    return lambda handle, _description: LogPlace(group, f"{handle[field]}/")


def _glue_log(handle: Handle, description: Description) -> LogPlace:
    group = at(description, "JobRun.LogGroupName") or "/aws-glue/python-jobs"
    return LogPlace(f"{group}/error", handle["RunId"])


def _crawler_log(handle: Handle, description: Description) -> LogPlace:
    group = at(description, "Crawler.LastCrawl.LogGroup") or "/aws-glue/crawlers"
    return LogPlace(group, at(description, "Crawler.LastCrawl.LogStream") or handle["Name"])


def _data_quality_log(handle: Handle, description: Description) -> LogPlace:
    group = at(description, "AdditionalRunOptions.CustomLogGroupPrefix") or "/aws-glue/data-quality"
    return LogPlace(f"{group}/error", handle["RunId"])


def _tuning_details(description: Description) -> str:
    """`3 completed, 2 running, 1 failed, 0 stopped; best validation:auc 0.91 by <training job>`."""
    counted = description["TrainingJobStatusCounters"]
    failed = counted.get("RetryableError", 0) + counted.get("NonRetryableError", 0)
    words = (
        f"{counted.get('Completed', 0)} completed, {counted.get('InProgress', 0)} running, {failed} failed, "
        f"{counted.get('Stopped', 0)} stopped"
    )
    best = description.get("BestTrainingJob")
    if best is None:
        return words
    metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
    return f"{words}; best {metric['MetricName']} {metric['Value']:.6g} by {best['TrainingJobName']}"


def _rules_that_met(description: Description) -> list[str]:
    """What Debugger's rules found; one of them may have stopped the training."""
    return [
        f"{rule['RuleConfigurationName']}: {rule.get('StatusDetails', '')}"
        for rule in description.get("DebugRuleEvaluationStatuses", [])
        if rule["RuleEvaluationStatus"] == "IssuesFound"
    ]


_SAGEMAKER_JOB_PHASES = {
    "InProgress": Phase.WORKING,
    "Stopping": Phase.STOPPING,
    "Completed": Phase.SUCCEEDED,
    "Stopped": Phase.STOPPED,
    "Failed": Phase.FAILED,
}

PROCESSING_JOB = Kind(
    key="sagemaker.processing_job",
    title="SageMaker processing job",
    service="sagemaker",
    describe="describe_processing_job",
    status="ProcessingJobStatus",
    phases=_SAGEMAKER_JOB_PHASES,
    reasons=("FailureReason", "ExitMessage"),
    label=lambda handle: handle["ProcessingJobName"],
    stop="stop_processing_job",
    log=_sagemaker_log("/aws/sagemaker/ProcessingJobs", "ProcessingJobName"),
    console=lambda handle: f"sagemaker/home#/processing-jobs/{quote(handle['ProcessingJobName'])}",
)

TRAINING_JOB = Kind(
    key="sagemaker.training_job",
    title="SageMaker training job",
    service="sagemaker",
    describe="describe_training_job",
    status="TrainingJobStatus",
    phases={**_SAGEMAKER_JOB_PHASES, "Deleting": Phase.FAILED},
    reasons=("FailureReason",),
    findings=_rules_that_met,
    label=lambda handle: handle["TrainingJobName"],
    stop="stop_training_job",
    log=_sagemaker_log("/aws/sagemaker/TrainingJobs", "TrainingJobName"),
    console=lambda handle: f"sagemaker/home#/jobs/{quote(handle['TrainingJobName'])}",
)

TUNING_JOB = Kind(
    key="sagemaker.hyper_parameter_tuning_job",
    title="SageMaker tuning job",
    service="sagemaker",
    describe="describe_hyper_parameter_tuning_job",
    status="HyperParameterTuningJobStatus",
    phases={**_SAGEMAKER_JOB_PHASES, "Deleting": Phase.FAILED, "DeleteFailed": Phase.FAILED},
    reasons=("FailureReason",),
    label=lambda handle: handle["HyperParameterTuningJobName"],
    stop="stop_hyper_parameter_tuning_job",
    # Its training jobs' names begin with its own.
    log=lambda handle, _description: LogPlace(
        "/aws/sagemaker/TrainingJobs", f"{handle['HyperParameterTuningJobName']}-"
    ),
    console=lambda handle: (
        f"sagemaker/home#/hyper-tuning-jobs/{quote(handle['HyperParameterTuningJobName'])}"
    ),
    details=_tuning_details,
)

AUTO_ML_JOB = Kind(
    key="sagemaker.auto_ml_job",
    title="SageMaker AutoML job",
    service="sagemaker",
    describe="describe_auto_ml_job_v2",
    status="AutoMLJobStatus",
    phases=_SAGEMAKER_JOB_PHASES,
    reasons=("FailureReason",),
    label=lambda handle: handle["AutoMLJobName"],
    stop="stop_auto_ml_job",
    # Candidates are training jobs whose names begin with the AutoML job's.
    log=lambda handle, _description: LogPlace("/aws/sagemaker/TrainingJobs", handle["AutoMLJobName"]),
    console=lambda handle: f"sagemaker/home#/auto-ml-jobs/{quote(handle['AutoMLJobName'])}",
)

GLUE_JOB_RUN = Kind(
    key="glue.job_run",
    title="Glue job run",
    service="glue",
    describe="get_job_run",
    status="JobRun.JobRunState",
    phases={
        "STARTING": Phase.WORKING,
        "RUNNING": Phase.WORKING,
        "WAITING": Phase.WORKING,
        "STOPPING": Phase.STOPPING,
        "STOPPED": Phase.STOPPED,
        "SUCCEEDED": Phase.SUCCEEDED,
        "FAILED": Phase.FAILED,
        "TIMEOUT": Phase.FAILED,
        "ERROR": Phase.FAILED,
        "EXPIRED": Phase.FAILED,
    },
    reasons=("JobRun.ErrorMessage", "JobRun.StateDetail"),
    label=lambda handle: f"{handle['JobName']} run {handle['RunId']}",
    stop="batch_stop_job_run",
    stop_parameters=lambda handle: {"JobName": handle["JobName"], "JobRunIds": [handle["RunId"]]},
    log=_glue_log,
    console=lambda handle: f"gluestudio/home#/job/{quote(handle['JobName'])}/run/{quote(handle['RunId'])}",
)

GLUE_CRAWLER = Kind(
    key="glue.crawler",
    title="Glue crawler",
    service="glue",
    describe="get_crawler",
    status="Crawler.State",
    phases={
        "RUNNING": Phase.WORKING,
        "STOPPING": Phase.STOPPING,
        "READY": Phase.SUCCEEDED,  # at rest; Crawler.LastCrawl tells how the last crawl ended
    },
    reasons=("Crawler.LastCrawl.ErrorMessage",),
    label=lambda handle: handle["Name"],
    stop="stop_crawler",
    log=_crawler_log,
    console=lambda handle: f"glue/home#/v2/data-catalog/crawlers/view/{quote(handle['Name'])}",
)

_DATA_QUALITY_PHASES = {
    "STARTING": Phase.WORKING,
    "RUNNING": Phase.WORKING,
    "STOPPING": Phase.STOPPING,
    "STOPPED": Phase.STOPPED,
    "SUCCEEDED": Phase.SUCCEEDED,
    "FAILED": Phase.FAILED,
    "TIMEOUT": Phase.FAILED,
}

GLUE_DATA_QUALITY_EVALUATION_RUN = Kind(
    key="glue.data_quality_evaluation_run",
    title="Glue data quality run",
    service="glue",
    describe="get_data_quality_ruleset_evaluation_run",
    status="Status",
    phases=_DATA_QUALITY_PHASES,
    reasons=("ErrorString",),
    label=lambda handle: handle["RunId"],
    stop="cancel_data_quality_ruleset_evaluation_run",
    log=_data_quality_log,
    console=lambda handle: f"glue/home#/v2/data-quality/evaluation-runs/{quote(handle['RunId'])}",
)

GLUE_DATA_QUALITY_RECOMMENDATION_RUN = Kind(
    key="glue.data_quality_recommendation_run",
    title="Glue rule recommendation",
    service="glue",
    describe="get_data_quality_rule_recommendation_run",
    status="Status",
    phases=_DATA_QUALITY_PHASES,
    reasons=("ErrorString",),
    label=lambda handle: handle["RunId"],
    stop="cancel_data_quality_rule_recommendation_run",
    log=_data_quality_log,
    console=lambda handle: f"glue/home#/v2/data-quality/recommendation-runs/{quote(handle['RunId'])}",
)

ATHENA_QUERY = Kind(
    key="athena.query_execution",
    title="Athena query",
    service="athena",
    describe="get_query_execution",
    status="QueryExecution.Status.State",
    phases={
        "QUEUED": Phase.WORKING,
        "RUNNING": Phase.WORKING,
        "SUCCEEDED": Phase.SUCCEEDED,
        "CANCELLED": Phase.STOPPED,
        "FAILED": Phase.FAILED,
    },
    reasons=("QueryExecution.Status.StateChangeReason", "QueryExecution.Status.AthenaError.ErrorMessage"),
    label=lambda handle: handle["QueryExecutionId"],
    stop="stop_query_execution",
    console=lambda handle: f"athena/home#/query-editor/history/{quote(handle['QueryExecutionId'])}",
)

ENDPOINT = Kind(
    key="sagemaker.endpoint",
    title="SageMaker endpoint",
    service="sagemaker",
    describe="describe_endpoint",
    status="EndpointStatus",
    phases={
        "Creating": Phase.WORKING,
        "Updating": Phase.WORKING,
        "SystemUpdating": Phase.WORKING,
        "RollingBack": Phase.WORKING,
        "Deleting": Phase.WORKING,
        "InService": Phase.SUCCEEDED,  # at rest; EndpointConfigName tells whether it serves what was wanted
        "OutOfService": Phase.FAILED,
        "Failed": Phase.FAILED,
        "UpdateRollbackFailed": Phase.FAILED,
    },
    reasons=("FailureReason",),
    label=lambda handle: handle["EndpointName"],
    log=lambda handle, _description: LogPlace(f"/aws/sagemaker/Endpoints/{handle['EndpointName']}", ""),
    console=lambda handle: f"sagemaker/home#/endpoints/{quote(handle['EndpointName'])}",
)

FEATURE_GROUP = Kind(
    key="sagemaker.feature_group",
    title="SageMaker feature group",
    service="sagemaker",
    describe="describe_feature_group",
    status="FeatureGroupStatus",
    phases={
        "Creating": Phase.WORKING,
        "Created": Phase.SUCCEEDED,  # at rest
        "CreateFailed": Phase.FAILED,
        "Deleting": Phase.WORKING,
        "DeleteFailed": Phase.FAILED,
    },
    busy=("LastUpdateStatus.Status", "InProgress"),
    reasons=("FailureReason", "LastUpdateStatus.FailureReason", "OfflineStoreStatus.BlockedReason"),
    label=lambda handle: handle["FeatureGroupName"],
    console=lambda handle: f"sagemaker/home#/feature-groups/{quote(handle['FeatureGroupName'])}",
)

KINDS: Mapping[str, Kind] = {
    kind.key: kind
    for kind in (
        PROCESSING_JOB,
        TRAINING_JOB,
        TUNING_JOB,
        AUTO_ML_JOB,
        GLUE_JOB_RUN,
        GLUE_CRAWLER,
        GLUE_DATA_QUALITY_EVALUATION_RUN,
        GLUE_DATA_QUALITY_RECOMMENDATION_RUN,
        ATHENA_QUERY,
        ENDPOINT,
        FEATURE_GROUP,
    )
}
