"""Waiting for the rules that watch a training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook
from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.exceptions import TrainingRuleBroken
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.documents import read_json
from aws_ml.waiters import patience
from aws_ml.waiters.patience import is_transient

if TYPE_CHECKING:
    from airflow.sdk import Context

WORKING = ("InProgress", "Stopping")
GOOD = "NoIssuesFound"


class TrainingRulesSensor(AwsBaseSensor[SageMakerHook]):
    """Wait until all rules over a training job have ended, and do what their policies say.

    A rule that found an issue, or that could not be evaluated, fails the task unless its policy is `warn`.
    A rule with the policy `stop` has stopped the training itself if it found something in time; what it finds
    in the last rounds is no better a model for it. Between two looks the task leaves its worker.

    :param job_name: the training job (templated)
    :param policies: what follows by the rule's name: `stop`, `fail` or `warn`
    :param bucket: bucket of `key` (templated)
    :param key: `rules.json` of a job that has evaluated the rules; None: the training job has, by Debugger
        (templated)
    :param poll_seconds: seconds between two looks
    :return: ``{"rules": {name: {"status", "details", "policy"}}}``
    """

    aws_hook_class = SageMakerHook
    template_fields: Sequence[str] = aws_template_fields("job_name", "bucket", "key")

    def __init__(
        self,
        *,
        job_name: str,
        policies: Mapping[str, str],
        bucket: str | None = None,
        key: str | None = None,
        poll_seconds: float = 30,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("mode", "reschedule")
        super().__init__(poke_interval=patience.poll_seconds(poll_seconds), **kwargs)
        self.job_name = job_name
        self.policies = dict(policies)
        self.bucket = bucket
        self.key = key

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once. A throttled or lost call is not an answer, so it isn't a failure either."""
        try:
            answer = self._look()
        except (ClientError, BotoCoreError) as error:
            if not is_transient(error):
                raise
            self.log.warning("AWS doesn't answer: %s", error)
            return PokeReturnValue(is_done=False)
        found = {one["RuleConfigurationName"]: one for one in answer.get("DebugRuleEvaluationStatuses") or []}
        if any(one["RuleEvaluationStatus"] in WORKING for one in found.values()):
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value={"rules": self._judged(found)})

    def _look(self) -> dict[str, Any]:
        """What has a list DebugRuleEvaluationStatuses."""
        if self.bucket and self.key:
            report: dict[str, Any] = read_json(self, self.bucket, self.key)
            return report
        answer: dict[str, Any] = client_for(self, "sagemaker").describe_training_job(
            TrainingJobName=self.job_name
        )
        return answer

    def _judged(self, found: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, str]]:
        """What each rule said. Fails the task by the policies; no retry could change what was found."""
        judged = {
            name: {
                "status": str(found[name]["RuleEvaluationStatus"]) if name in found else "Missing",
                "details": str(found[name].get("StatusDetails", "")).strip() if name in found else "",
                "policy": policy,
            }
            for name, policy in self.policies.items()
        }
        lines = []
        for name, rule in judged.items():
            if rule["status"] == GOOD:
                self.log.info("%s: no issues", name)
                continue
            line = (
                f"{name} ({rule['policy']}) is {rule['status']}: {rule['details'] or 'AWS gives no details'}"
            )
            if rule["policy"] == "warn":
                self.log.warning("%s", line)
            else:
                lines.append(line)
        if lines:
            raise AirflowFailException(
                str(TrainingRuleBroken(f"SageMaker training job {self.job_name}", lines))
            )
        return judged
