"""SageMaker training jobs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTrainingOperator, serialize

from aws_ml.operators.sagemaker_job import SageMakerJob
from aws_ml.waiters.kinds import TRAINING_JOB, Description, Handle


class TrainingJobOperator(SageMakerJob, SageMakerTrainingOperator):
    """The provider's training operator, made safe to retry, to kill and to restart.

    :param config: body of CreateTrainingJob; the attempt is appended to its TrainingJobName (templated)
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "model_uri", "metrics": {metric: last value}}``
    """

    kind = TRAINING_JOB
    name_field = "TrainingJobName"
    create_method = "create_training_job"
    template_fields: Sequence[str] = SageMakerTrainingOperator.template_fields

    def __init__(
        self, *, config: dict[str, Any], poll_seconds: float = 30, deferrable: bool = True, **kwargs: Any
    ) -> None:
        super().__init__(config=config, deferrable=deferrable, **kwargs)
        self.poll_seconds = poll_seconds

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Name, ARN, where the model is, and the last value of each of its metrics."""
        self.serialized_training_data = serialize(dict(description))  # the provider reports lineage from it
        return {
            "name": description["TrainingJobName"],
            "arn": description["TrainingJobArn"],
            "model_uri": description["ModelArtifacts"]["S3ModelArtifacts"],
            "metrics": {
                metric["MetricName"]: float(metric["Value"])
                for metric in description.get("FinalMetricDataList", [])
            },
        }
