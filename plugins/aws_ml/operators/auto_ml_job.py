"""SageMaker AutoML jobs (Autopilot)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import (
    SageMakerAutoMLOperator,
    SageMakerBaseOperator,
    serialize,
)

from aws_ml.operators.sagemaker_job import SageMakerJob
from aws_ml.run import TUNING_NAME_LIMIT
from aws_ml.waiters.kinds import AUTO_ML_JOB, Description, Handle


class AutoMLJobOperator(SageMakerJob, SageMakerAutoMLOperator):
    """The provider's AutoML operator, made safe to retry, to kill and to restart, on version 2 of the API.

    The provider's own creates with version 1 and a fixed name, so that its second try is refused; it holds
    a worker until the job's end, leaves the job behind when the task is killed, and takes one that somebody
    stopped for a success.

    :param config: body of CreateAutoMLJobV2; the attempt is appended to its AutoMLJobName (templated). It
        replaces the provider's parameters
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "problem_type", "candidate": its name, "metric": {"name", "value"}, "metrics":
        {metric: value}, "containers": as CreateModel's Containers takes them, "explainability": S3 prefix,
        "notebooks": {"exploration", "definitions"}: S3 URIs}``; what Autopilot has not made is null
    """

    kind = AUTO_ML_JOB
    name_field = "AutoMLJobName"
    create_method = "create_auto_ml_job_v2"
    name_limit = TUNING_NAME_LIMIT
    template_fields: Sequence[str] = SageMakerBaseOperator.template_fields

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 30, deferrable: bool = True, **kwargs: Any
    ) -> None:
        # Not the AutoML operator's: it wants the parts of version 1's body, one by one.
        SageMakerBaseOperator.__init__(self, config=config, **kwargs)
        self.deferrable = deferrable
        self.poll_seconds = poll_seconds

    def _create_integer_fields(self) -> None:
        """Name what has to be an integer again after rendering."""
        self.integer_fields = [
            ["AutoMLProblemTypeConfig", "TabularJobConfig", "CompletionCriteria", name]
            for name in ("MaxCandidates", "MaxAutoMLJobRuntimeInSeconds", "MaxRuntimePerTrainingJobInSeconds")
        ]

    def expand_role(self) -> None:
        """Turn the name of a role into its ARN."""
        self.config["RoleArn"] = self.hook.expand_role(self.config["RoleArn"])

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """What the best candidate is, how good, and how it is deployed."""
        description = serialize(dict(description))
        best = description.get("BestCandidate", {})
        properties = best.get("CandidateProperties", {})
        metric = best.get("FinalAutoMLJobObjectiveMetric")
        artifacts = description.get("AutoMLJobArtifacts", {})
        resolved = description.get("ResolvedAttributes", {}).get("AutoMLProblemTypeResolvedAttributes", {})
        return {
            "name": description["AutoMLJobName"],
            "arn": description["AutoMLJobArn"],
            "problem_type": resolved.get("TabularResolvedAttributes", {}).get("ProblemType"),
            "candidate": best.get("CandidateName"),
            "metric": metric and {"name": metric["MetricName"], "value": float(metric["Value"])},
            "metrics": {
                each["StandardMetricName"]: float(each["Value"])
                for each in properties.get("CandidateMetrics", [])
                if each.get("Set", "Validation") == "Validation"
            },
            "containers": best.get("InferenceContainers"),
            "explainability": properties.get("CandidateArtifactLocations", {}).get("Explainability"),
            "notebooks": {
                "exploration": artifacts.get("DataExplorationNotebookLocation"),
                "definitions": artifacts.get("CandidateDefinitionNotebookLocation"),
            },
        }
