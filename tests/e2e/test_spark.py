"""Cleaning with Glue Spark in a real Airflow: the same rows as with the Python shell, and the same gate."""

from __future__ import annotations

import io
import json
from typing import Any

import pandas as pd
import pytest

from launcher.landing import client
from launcher.stack import Stack
from tests.e2e.partition import Partition
from tests.support.spark import needs_spark

DAY = "2026-01-18"
pytestmark = [pytest.mark.timeout(600), needs_spark]


def objects(partition: Partition, prefix: str) -> list[bytes]:
    s3, bucket = client(partition.stack, "s3"), partition.stack.choices.deployment.bucket
    found = s3.list_objects_v2(Bucket=bucket, Prefix=f"{partition.workflow}/{prefix}").get("Contents", [])
    return [s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read() for item in found]


def curated(partition: Partition) -> pd.DataFrame:
    parts = [pd.read_parquet(io.BytesIO(each)) for each in objects(partition, f"curated/dt={DAY}/")]
    return pd.concat(parts).sort_values("application_id", ignore_index=True)


def counts(partition: Partition) -> dict[str, Any]:
    report = json.loads(objects(partition, f"runs/{DAY}/ingest_analyze/cleaning.json")[0])
    return {name: report[name] for name in ("rows_in", "curated", "quarantined", "duplicates", "reasons")}


def test_spark_accepts_what_the_python_shell_accepts(stack: Stack) -> None:
    spark = Partition(stack, "loan_spark", DAY).start()
    shell = Partition(stack, "loan_asks", DAY).start()
    shell.until_asked()
    assert spark.end() == "success", spark.said()
    assert spark.way() == {"publish_partition"}
    assert counts(spark) == counts(shell)
    assert counts(spark)["curated"] > 4000
    pd.testing.assert_frame_equal(curated(spark), curated(shell), check_dtype=False)
    shell.answer("Approve")
    assert shell.end() == "success", shell.said()
