"""The gate between measured bias and publishing the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import BaseBranchOperator
from airflow.sdk.exceptions import AirflowFailException

from aws_ml import gate
from aws_ml.exceptions import BiasBeyondBounds
from aws_ml.hooks.documents import read_json, write_json

if TYPE_CHECKING:
    from airflow.sdk import Context


class DecideOnBiasOperator(BaseBranchOperator, AwsBaseOperator[S3Hook]):
    """Compare the measured bias with the workflow's bounds, write the decision down, and follow it.

    Every metric is said in one sentence in the task's log. A metric that can't be computed or isn't in the
    report stops the run like one that is out of bounds: no number is made up.

    :param bucket: bucket of report and decision (templated)
    :param analysis_key: key of Clarify's `analysis.json` (templated)
    :param decision_key: key of the `decision.json` to write (templated)
    :param bounds: `Workflow.bias_bounds()`
    :param accept: task to follow when every metric is within its bounds
    :param stop: task to follow otherwise
    :return: the id of the task to follow; XCom `decision` holds ``{"overall", "metrics", "violations",
        "uri"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "analysis_key", "decision_key", "bounds")
    template_fields_renderers: ClassVar[dict[str, str]] = {"bounds": "json"}

    def __init__(
        self,
        *,
        bucket: str,
        analysis_key: str,
        decision_key: str,
        bounds: list[dict[str, Any]],
        accept: str,
        stop: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.analysis_key = analysis_key
        self.decision_key = decision_key
        self.bounds = bounds
        self.accept = accept
        self.stop = stop

    def choose_branch(self, context: Context) -> str:
        """Decide, and write down why."""
        decision = gate.decide(read_json(self, self.bucket, self.analysis_key), self.bounds)
        for sentence in decision.sentences():
            self.log.info("%s", sentence)
        document = decision.as_dict()
        uri = write_json(self, self.bucket, self.decision_key, document)
        context["ti"].xcom_push(
            key="decision",
            value={
                "overall": decision.overall,
                "metrics": len(document["metrics"]),
                "violations": decision.violations(),
                "uri": uri,
            },
        )
        return self.accept if decision.accepted else self.stop


class StopOnBiasOperator(AwsBaseOperator[S3Hook]):
    """Fail with the numbers: which metric of which facet is beyond which bound.

    A retry would read the same numbers, so there is none.

    :param bucket: bucket of the decision (templated)
    :param decision_key: key of `decision.json` (templated)
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "decision_key")

    def __init__(self, *, bucket: str, decision_key: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.decision_key = decision_key

    def execute(self, context: Context) -> None:
        """Fail."""
        decision = read_json(self, self.bucket, self.decision_key)
        lines = [metric["sentence"] for metric in decision["metrics"] if metric["finding"] in gate.STOPPING]
        said = "\n".join([decision["summary"], *lines, f"All: s3://{self.bucket}/{self.decision_key}"])
        raise AirflowFailException(str(BiasBeyondBounds(said)))
