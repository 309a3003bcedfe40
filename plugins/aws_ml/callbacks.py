"""What Airflow calls when a task has ended. Kept apart from the operators: every DAG imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ERROR = "error"  # key of the XCom in which a failed task leaves what went wrong


def leave_error(context: Mapping[str, Any]) -> None:
    """Leave a failed task's error for those who wait for its run; `on_failure_callback` of every task."""
    exception = context.get("exception")
    if exception is not None:
        context["ti"].xcom_push(key=ERROR, value=str(exception)[:4000] or type(exception).__name__)
