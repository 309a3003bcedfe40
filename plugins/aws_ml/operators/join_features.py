"""Athena's UNLOAD: what a query finds, as Parquet for a job to read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

from aws_ml.hooks.aws import client_for
from aws_ml.operators.athena_query import AthenaQueryOperator
from aws_ml.waiters.kinds import Description, Handle, at

if TYPE_CHECKING:
    from airflow.sdk import Context


class JoinFeaturesOperator(AthenaQueryOperator):
    """Join labelled rows with their features, each attempt into a folder of its own.

    UNLOAD writes only where nothing lies, and a query that was stopped, or whose start was repeated, may have
    written already. So an attempt writes below `<prefix><token>/`, and once it has ended well everything else
    below the prefix is removed: what lies there is what the task said last.

    :param config: body of StartQueryExecution, whose statement writes to the place `bucket` and `prefix` name
        (templated)
    :param bucket: bucket of the result (templated)
    :param prefix: key prefix of the results of all attempts, with a slash at its end (templated)
    :param parts: the values of the column by which the statement partitions what it writes
    :return: ``{"query_execution_id", part: S3 URI of its files, ...}``
    """

    template_fields: Sequence[str] = aws_template_fields("config", "bucket", "prefix")

    def __init__(
        self, *, config: dict[str, Any], bucket: str, prefix: str, parts: Sequence[str], **kwargs: Any
    ) -> None:
        super().__init__(config=config, **kwargs)
        self.bucket = bucket
        self.prefix = prefix
        self.parts = parts

    def create(self, context: Context, name: str) -> Handle:
        """Start the query with the attempt's folder as its place; the token makes both the same for ever."""
        place = f"'s3://{self.bucket}/{self.prefix}'"
        sql = self.config["QueryString"]
        if sql.count(place) != 1:
            raise ValueError(f"the statement names {place} {sql.count(place)} times; expected once")
        config = {**self.config, "QueryString": sql.replace(place, f"{place[:-1]}{name}/'")}
        started = self._client().start_query_execution(**{**config, "ClientRequestToken": name})
        return {"QueryExecutionId": started["QueryExecutionId"]}

    def result(self, handle: Handle, description: Description) -> dict[str, Any]:
        """Where the parts are; whatever other attempts wrote is removed."""
        written = at(description, "QueryExecution.Query") or ""
        place = re.search(re.escape(f"'s3://{self.bucket}/{self.prefix}") + r"([^'/]+/)'", written)
        if place is None:
            raise ValueError(
                f"query {handle['QueryExecutionId']} does not say where it wrote: {written[-200:]}"
            )
        self._remove_all_but(self.prefix + place[1])
        uri = f"s3://{self.bucket}/{self.prefix}{place[1]}"
        return {
            "query_execution_id": handle["QueryExecutionId"],
            **{part: f"{uri}part={part}/" for part in self.parts},
        }

    def _remove_all_but(self, kept: str) -> None:
        s3 = client_for(self, "s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix):
            old = [
                {"Key": each["Key"]} for each in page.get("Contents", []) if not each["Key"].startswith(kept)
            ]
            if old:
                s3.delete_objects(Bucket=self.bucket, Delete={"Objects": old, "Quiet": True})
