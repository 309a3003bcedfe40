"""The gates between measured bias and publishing the data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.common.compat.sdk import BaseBranchOperator

from aws_ml import decision, gate
from aws_ml.exceptions import ReportInvalid, ReportMissing
from aws_ml.gate import Way
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.datasets import snapshot
from aws_ml.hooks.documents import read_json, write_json

if TYPE_CHECKING:
    from airflow.sdk import Context

ANSWER = "answer"
"""Key of the XCom in which a task that asks a person leaves the answer."""


class DecideOnBiasOperator(BaseBranchOperator, AwsBaseOperator[S3Hook]):
    """Compare the measured bias with the workflow's bounds, write the decision down, and follow it.

    Every metric is said in one sentence in the task's log. What an earlier run of the day has accepted counts
    no longer from here on.

    :param bucket: bucket of report, decision and data (templated)
    :param analysis_key: key of Clarify's `analysis.json` (templated)
    :param decision_key: key of the `decision.json` to write (templated)
    :param dataset: what was measured, ``{"prefix", "mitigation"}`` (templated)
    :param bounds: `Workflow.bias_bounds()`
    :param branches: for each way the task to follow
    :param workflow: the workflow's name
    :param partition: the day (templated)
    :param runs_prefix: prefix of the workflow's runs, each under its day, for bounds that compare with the
        last accepted day before this one
    :return: the id of the task to follow; XCom `decision` holds ``{"way", "summary", "violations", "uri"}``
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields(
        "bucket", "analysis_key", "decision_key", "dataset", "bounds", "partition", "runs_prefix"
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"bounds": "json", "dataset": "json"}

    def __init__(
        self,
        *,
        bucket: str,
        analysis_key: str,
        decision_key: str,
        dataset: dict[str, str],
        bounds: list[dict[str, Any]],
        branches: Mapping[Way, str],
        workflow: str,
        partition: str,
        runs_prefix: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.analysis_key = analysis_key
        self.decision_key = decision_key
        self.dataset = dataset
        self.bounds = bounds
        self.branches = branches
        self.workflow = workflow
        self.partition = partition
        self.runs_prefix = runs_prefix

    def choose_branch(self, context: Context) -> str:
        """Decide, and write down why."""
        found = self.decide()
        return self.follow(context, found, self.record(context, found))

    def decide(self, still_beyond: Way | None = None) -> gate.Decision:
        """Hold the report against the bounds, and say so."""
        found = gate.decide(
            read_json(self, self.bucket, self.analysis_key),
            self.bounds,
            previous=self.previous(),
            still_beyond=still_beyond,
        )
        for sentence in found.sentences():
            self.log.info("%s", sentence)
        return found

    def record(self, _context: Context, found: gate.Decision) -> decision.Record:
        """`decision.json` after this gate."""
        return decision.opened(self.workflow, self.partition, self.round(found, "curated"))

    def round(self, found: gate.Decision, data: str) -> dict[str, Any]:
        """This gate's part of `decision.json`."""
        prefix = self.dataset["prefix"]
        measured = snapshot(self, self.bucket, prefix)
        if not measured["objects"]:
            raise ReportMissing(f"Nothing lies in s3://{self.bucket}/{prefix}, which was measured.")
        mitigation = self.dataset["mitigation"]
        dataset = {
            "uri": f"s3://{self.bucket}/{prefix}",
            "mitigation": mitigation,
            "weighted": mitigation == "reweighing",
            **measured,
        }
        report = f"s3://{self.bucket}/{self.analysis_key}"
        return decision.round_of(found, data=data, report=report, dataset=dataset)

    def follow(self, context: Context, found: gate.Decision, record: decision.Record) -> str:
        """Write the document, leave the essence to others, and give the task of the way."""
        uri = write_json(self, self.bucket, self.decision_key, record)
        context["ti"].xcom_push(
            key="decision",
            value={
                "way": str(found.way),
                "summary": found.summary(),
                "violations": found.violations(),
                "uri": uri,
            },
        )
        return self.branches[found.way]

    def previous(self) -> dict[tuple[str, str], float] | None:
        """The values of the last accepted day before this one, if a bound compares with them."""
        if not any(bound["ratio"] and bound["ratio"]["of"] == gate.PREVIOUS for bound in self.bounds):
            return None
        pages = client_for(self, "s3").get_paginator("list_objects_v2")
        found = pages.paginate(Bucket=self.bucket, Prefix=self.runs_prefix, Delimiter="/")
        prefixes = [each["Prefix"] for page in found for each in page.get("CommonPrefixes", [])]
        own = f"{self.runs_prefix}{self.partition}/"
        days = [prefix.removeprefix(self.runs_prefix).strip("/") for prefix in prefixes]
        for day in sorted((day for day in days if day < self.partition), reverse=True):
            key = f"{self.runs_prefix}{day}/{self.decision_key.removeprefix(own)}"
            try:
                record = decision.checked(read_json(self, self.bucket, key), f"s3://{self.bucket}/{key}")
            except (ReportMissing, ReportInvalid) as error:
                self.log.warning("%s can't be compared with: %s", day, error)
                continue
            if record["outcome"] == decision.ACCEPTED:
                self.log.info("Comparing with %s, the last accepted day", day)
                return decision.measured_values(record)
        self.log.info("No earlier day was accepted")
        return None


class DecideOnMitigationOperator(DecideOnBiasOperator):
    """The second gate: the same bounds, and bias measured again after mitigation; it never mitigates again.

    :param mitigation_key: key of the `mitigation.json` that the job wrote (templated)
    :param still_beyond: what follows where a bound would mitigate: ``ask`` or ``stop``
    :param asked: the task that may have asked a person before
    """

    template_fields: Sequence[str] = (*DecideOnBiasOperator.template_fields, "mitigation_key")

    def __init__(self, *, mitigation_key: str, still_beyond: str, asked: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.mitigation_key = mitigation_key
        self.still_beyond = still_beyond
        self.asked = asked

    def decide(self, still_beyond: Way | None = None) -> gate.Decision:
        """As the first gate, but without its way to mitigation."""
        return super().decide(still_beyond or Way(self.still_beyond))

    def record(self, context: Context, found: gate.Decision) -> decision.Record:
        """`decision.json` with the first gate's part and this one's."""
        uri = f"s3://{self.bucket}/{self.decision_key}"
        return decision.measured_again(
            decision.checked(read_json(self, self.bucket, self.decision_key), uri),
            context["ti"].xcom_pull(task_ids=self.asked, key=ANSWER),
            self.round(found, "mitigated"),
            read_json(self, self.bucket, self.mitigation_key),
        )
