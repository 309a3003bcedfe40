"""SageMaker hyperparameter tuning jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators.sagemaker import SageMakerTuningOperator, serialize
from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.exceptions import TuningFoundNothing
from aws_ml.operators.sagemaker_job import SageMakerJob
from aws_ml.run import TUNING_NAME_LIMIT, job_family
from aws_ml.waiters.kinds import TUNING_JOB, Description, Handle
from aws_ml.waiters.patience import Patience, poll_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context

PARENTS_LOOKED_AT = 50
"""How many of the newest tuning jobs are looked at for one to start from; each costs a ListTags call."""


class TuningJobOperator(SageMakerJob, SageMakerTuningOperator):
    """The provider's tuning operator, made safe to retry, to kill and to restart.

    While it waits it tells how many training jobs are done, and the best so far, whenever that changes. A
    killed task stops the tuning job, and with it all its training jobs.

    :param config: body of CreateHyperParameterTuningJob; the attempt is appended to its
        HyperParameterTuningJobName (templated)
    :param warm_start: start from the tuning job of the newest earlier run of the same workflow, if there is
        one with the same hyperparameters and objective. The tags `workflow` and `run_key` tell whose it is
    :param poll_seconds: seconds between two polls
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"name", "arn", "model_uri", "training_job": the best one's name, "hyperparameters": {tuned:
        text}, "metric": {"name", "value"}, "metrics": {metric: last value} of the best one, "counts":
        {TrainingJobStatusCounters}, "warm_start": [names of the tuning jobs that it started from]}``
    """

    kind = TUNING_JOB
    name_field = "HyperParameterTuningJobName"
    create_method = "create_hyper_parameter_tuning_job"
    name_limit = TUNING_NAME_LIMIT
    template_fields: Sequence[str] = SageMakerTuningOperator.template_fields

    def __init__(
        self,
        *,
        config: dict[str, Any],
        warm_start: bool = False,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(config=config, deferrable=deferrable, **kwargs)
        self.warm_start = warm_start
        self.poll_seconds = poll_seconds

    def create(self, context: Context, name: str) -> Handle:
        """Create the job, from where an earlier run's has ended if that is wanted and there is one."""
        if self.warm_start and "WarmStartConfig" not in self.config:
            parent = self._parent()
            if parent is not None:
                self.log.info("Starting from what %s found", parent)
                # Another day's data: what was best there is worth trying, its values say nothing here.
                self.config["WarmStartConfig"] = {
                    "ParentHyperParameterTuningJobs": [{self.name_field: parent}],
                    "WarmStartType": "TransferLearning",
                }
        return super().create(context, name)

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """The best training job: its hyperparameters, objective and model."""
        description = serialize(dict(description))
        best = description.get("BestTrainingJob")
        if best is None:
            raise TuningFoundNothing(f"{self._called(handle)}: {self.kind.progress(description)}")
        client, patience = self._client(), Patience(poll_seconds(self.poll_seconds))
        training = self._patiently(
            lambda: client.describe_training_job(TrainingJobName=best["TrainingJobName"]), patience
        )
        metric = best["FinalHyperParameterTuningJobObjectiveMetric"]
        warm = description.get("WarmStartConfig", {})
        return {
            "name": description[self.name_field],
            "arn": description["HyperParameterTuningJobArn"],
            "model_uri": training["ModelArtifacts"]["S3ModelArtifacts"],
            "training_job": best["TrainingJobName"],
            "hyperparameters": best["TunedHyperParameters"],
            "metric": {"name": metric["MetricName"], "value": float(metric["Value"])},
            "metrics": {
                each["MetricName"]: float(each["Value"]) for each in training.get("FinalMetricDataList", [])
            },
            "counts": description["TrainingJobStatusCounters"],
            "warm_start": [each[self.name_field] for each in warm.get("ParentHyperParameterTuningJobs", [])],
        }

    def _parent(self) -> str | None:
        """The completed tuning job of the newest earlier run that this one can start from."""
        own = _tags(self.config.get("Tags", []))
        if "workflow" not in own or "run_key" not in own:
            self.log.warning("Without the tags workflow and run_key no earlier tuning job can be told")
            return None
        try:
            return self._newest_before(own)
        except (ClientError, BotoCoreError) as error:
            # It would have saved some training jobs; the tuning job is none the worse without.
            self.log.warning("Can't look for an earlier tuning job, starting from nothing: %s", error)
            return None

    def _newest_before(self, own: Mapping[str, str]) -> str | None:
        client = self._client()
        listed = client.list_hyper_parameter_tuning_jobs(
            NameContains=job_family(self.config[self.name_field]),
            StatusEquals="Completed",
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=PARENTS_LOOKED_AT,
        )["HyperParameterTuningJobSummaries"]
        earlier = []
        for place, summary in enumerate(listed):
            tags = _tags(client.list_tags(ResourceArn=summary["HyperParameterTuningJobArn"])["Tags"])
            if tags.get("workflow") == own["workflow"] and tags.get("run_key", "9") < own["run_key"]:
                earlier.append((tags["run_key"], -place, summary[self.name_field]))
        for _, _, name in sorted(earlier, reverse=True):
            parent = client.describe_hyper_parameter_tuning_job(**{self.name_field: name})
            if _question(parent) == _question(self.config):
                return str(name)
            self.log.info("%s had other hyperparameters or another objective: not starting from it", name)
        return None


def _tags(listed: Sequence[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in listed}


def _question(job: Mapping[str, Any]) -> tuple[Any, set[str]]:
    """What a warm start wants to be the same: objective, and hyperparameters, tuned or not."""
    config, definition = job["HyperParameterTuningJobConfig"], job["TrainingJobDefinition"]
    ranges = [
        each["Name"]
        for kind in ("Integer", "Continuous", "Categorical")
        for each in config["ParameterRanges"].get(f"{kind}ParameterRanges", [])
    ]
    static = {name for name in definition.get("StaticHyperParameters", {}) if not name.startswith("_")}
    return config["HyperParameterTuningJobObjective"], {*ranges, *static}
