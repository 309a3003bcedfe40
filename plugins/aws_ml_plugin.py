"""The one plugin that Airflow loads by itself; the package ``aws_ml`` is imported by DAG files."""

from __future__ import annotations

from airflow.plugins_manager import AirflowPlugin


class AwsMlPlugin(AirflowPlugin):
    """Registers what Airflow has to find by itself: extra links and pages, when there are any."""

    name = "aws_ml"
