"""A day whose files do not come is told by its name."""

from __future__ import annotations

import pytest
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowSensorTimeout

from aws_ml.sensors.landing import LandingSensor


def test_a_wait_that_was_too_long_names_what_did_not_come() -> None:
    sensor = LandingSensor(
        task_id="wait", bucket_name="lake", bucket_key="loans/landing/dt=2026-01-15/*", timeout=12 * 3600
    )
    with pytest.raises(AirflowSensorTimeout, match="No file came within 12 hours") as told:
        sensor.resume_execution("__fail__", {"error": "Trigger timeout"}, Context())
    assert "s3://lake/loans/landing/dt=2026-01-15/*" in str(told.value)
