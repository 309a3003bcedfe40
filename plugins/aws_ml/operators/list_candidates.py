"""Which models the evaluation compares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import ClientError

from aws_ml.choice import CHAMPION
from aws_ml.exceptions import ReportMissing
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.documents import write_json
from aws_ml.hooks.model_registry import Version, champion
from aws_ml.run import Paths

if TYPE_CHECKING:
    from airflow.sdk import Context


class ListCandidatesOperator(AwsBaseOperator[S3Hook]):
    """Write down which models are compared, and the manifest of what the evaluation job reads.

    They are those that this run has trained, and the champion: the newest approved version in the registry
    of this day or an earlier one, so that the backfill of an old day is not compared with what was learned
    later.

    :param bucket: bucket of the workflow (templated)
    :param workflow: the workflow's name
    :param run_key: the partition (templated)
    :param trained: this run's models, the simplest first: name -> what the training task returned, or nothing
        where it was not run (templated)
    :param group: model package group of the workflow
    :return: ``{"uri", "candidates", "champion"}``: the manifest, the names, the champion's ARN or None
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket", "run_key", "trained", "group")

    def __init__(
        self,
        *,
        bucket: str,
        workflow: str,
        run_key: str,
        trained: dict[str, Any],
        group: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.workflow = workflow
        self.run_key = run_key
        self.trained = trained
        self.group = group

    def execute(self, context: Context) -> dict[str, Any]:
        """Collect them, and write the list and then the manifest."""
        paths = Paths(self.workflow, self.run_key, self.bucket)
        root = paths.uri(f"{self.workflow}/")
        candidates = [
            {
                "name": name,
                "form": "model",
                "source": task["name"],
                "file": self._below(root, name, task["model_uri"]),
            }
            for name, task in self.trained.items()
            if task
        ]
        if not candidates:
            raise AirflowFailException(str(ReportMissing("No task of this run has trained a model.")))
        served = self._champion(root)
        if served is not None:
            file = served.archive_uri.removeprefix(root)
            candidates.append({"name": CHAMPION, "form": "archive", "source": served.arn, "file": file})
        write_json(self, self.bucket, paths.candidate_list, {"candidates": candidates})
        listing = paths.candidate_list.removeprefix(f"{self.workflow}/")
        names = [listing, *dict.fromkeys(each["file"] for each in candidates)]
        self.hook.get_conn().put_object(
            Bucket=self.bucket,
            Key=paths.candidate_manifest,
            Body=json.dumps([{"prefix": root}, *names], indent=1).encode(),
            ContentType="application/json",
        )
        for each in candidates:
            self.log.info("Candidate %s: %s", each["name"], each["source"])
        return {
            "uri": paths.uri(paths.candidate_manifest),
            "candidates": [each["name"] for each in candidates],
            "champion": None if served is None else served.arn,
        }

    def _below(self, root: str, name: str, uri: str) -> str:
        if not uri.startswith(root):
            raise AirflowFailException(
                str(ReportMissing(f"The model of {name} lies at {uri}, not below {root}."))
            )
        return uri.removeprefix(root)

    def _champion(self, root: str) -> Version | None:
        """The champion, if its archive can be read."""
        found = champion(client_for(self, "sagemaker"), self.group, self.run_key)
        if found is None:
            self.log.info(
                "%s has no approved version of this day or before: there is no champion", self.group
            )
            return None
        if not found.archive_uri.startswith(root):
            self.log.warning("%s is not compared: its archive %s is not ours", found.arn, found.archive_uri)
            return None
        bucket, _, key = found.archive_uri.removeprefix("s3://").partition("/")
        try:
            self.hook.get_conn().head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != 404:
                raise
            self.log.warning("%s is not compared: there is no %s any more", found.arn, found.archive_uri)
            return None
        return found
