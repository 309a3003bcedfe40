"""Waiting for records on their way to the offline store."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.amazon.aws.hooks.athena import AthenaHook
from airflow.providers.amazon.aws.sensors.base_aws import AwsBaseSensor
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger
from airflow.sdk import PokeReturnValue
from airflow.sdk.exceptions import AirflowFailException
from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.exceptions import FeaturesUnknown, RecordsLost, RemoteJobFailed
from aws_ml.hooks.documents import write_json
from aws_ml.waiters.kinds import ATHENA_QUERY
from aws_ml.waiters.offline_store import known
from aws_ml.waiters.patience import is_transient, pause_on_worker, poll_seconds

if TYPE_CHECKING:
    from airflow.sdk import Context


class OfflineStoreSensor(AwsBaseSensor[AthenaHook]):
    """Wait until the offline store knows features for every labelled row of the window.

    Each look is one Athena query, which tells rows whose record is on its way from rows that will never have
    one. Between two looks the task waits on the triggerer. Since every look asks anew, a retry, a cleared
    task or an event that was meant for another task changes nothing.

    :param config: body of StartQueryExecution of ``count_known.sql`` (templated)
    :param run_key: the run's own day (templated)
    :param ingestion_ended: when the ingestion ended, in seconds since 1970 (templated)
    :param bucket: bucket of the report (templated)
    :param report_key: key of `offline_store.json` (templated)
    :param patience_minutes: how long after it records may be missing
    :param poll_seconds: seconds between two looks
    :param deferrable: wait on the triggerer instead of on a worker
    :return: ``{"rows": {day: accepted and curated rows}}``
    """

    aws_hook_class = AthenaHook
    template_fields: Sequence[str] = aws_template_fields(
        "config", "run_key", "ingestion_ended", "bucket", "report_key"
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"config": "json"}

    def __init__(
        self,
        *,
        config: dict[str, Any],
        run_key: str,
        ingestion_ended: str,
        bucket: str,
        report_key: str,
        patience_minutes: float,
        poll_seconds: float = 30,
        deferrable: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.config = config
        self.run_key = run_key
        self.ingestion_ended = ingestion_ended
        self.bucket = bucket
        self.report_key = report_key
        self.patience_minutes = patience_minutes
        self.poll_seconds = poll_seconds
        self.deferrable = deferrable
        self._query: str | None = None

    def execute(self, context: Context) -> Any:
        """Look; and look again after a while, until there is nothing to wait for."""
        while not (looked := self.poke(context)).is_done:
            pause = poll_seconds(self.poll_seconds)
            if self.deferrable:
                self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=pause)), method_name="execute_complete")
            time.sleep(pause)
        return looked.xcom_value

    def execute_complete(self, context: Context, event: Any) -> Any:
        """Look again, whatever the event says."""
        return self.execute(context)

    def poke(self, context: Context) -> PokeReturnValue:
        """Look once. A throttled or lost call is not an answer, so it isn't a failure either."""
        try:
            counts = self._counts()
        except (ClientError, BotoCoreError) as error:
            if not is_transient(error):
                raise
            self.log.warning("AWS doesn't answer: %s", error)
            return PokeReturnValue(is_done=False)
        try:
            rows = known(
                counts,
                self.run_key,
                ended=float(self.ingestion_ended),
                patience_minutes=self.patience_minutes,
                now=time.time(),
            )
        except (FeaturesUnknown, RecordsLost) as error:
            raise AirflowFailException(str(error)) from error
        if rows is None:
            self.log.info("Not all records have arrived: %s", counts)
            return PokeReturnValue(is_done=False)
        self.log.info("All rows have features: %s", rows)
        report = {
            "rows": rows,
            "ingestion_ended": _moment(float(self.ingestion_ended)),
            "complete": _moment(time.time()),
            "patience_minutes": self.patience_minutes,
        }
        write_json(self, self.bucket, self.report_key, report)
        return PokeReturnValue(is_done=True, xcom_value={"rows": rows})

    def on_kill(self) -> None:
        """Stop the query of a look that was cut short."""
        if self._query is not None:
            self.hook.get_conn().stop_query_execution(QueryExecutionId=self._query)

    def _counts(self) -> list[dict[str, str | None]]:
        client = self.hook.get_conn()
        self._query = client.start_query_execution(**self.config)["QueryExecutionId"]
        handle, began = {"QueryExecutionId": self._query}, time.monotonic()
        while True:
            description = client.get_query_execution(**handle)
            if ATHENA_QUERY.phase(description).settled:
                break
            time.sleep(min(pause_on_worker(time.monotonic() - began), 1.0))
        self._query = None
        if (state := ATHENA_QUERY.state(description)) != "SUCCEEDED":
            called = f"{ATHENA_QUERY.title} {ATHENA_QUERY.label(handle)}"
            raise RemoteJobFailed(
                called, state, ATHENA_QUERY.reason(description) or "AWS gives no reason", ""
            )
        pages = client.get_paginator("get_query_results").paginate(**handle)
        lines = [
            [datum.get("VarCharValue") for datum in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        header, *rows = lines
        return [dict(zip(map(str, header), row, strict=True)) for row in rows]


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
