"""The one plugin that Airflow loads by itself; the package ``aws_ml`` is imported by DAG files.

Airflow executes this file in every process and, with some executors, in every task. Only the API server
serves pages, so what they need (FastAPI, Airflow's security, pydantic models) is imported there alone, when
the first page is asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from airflow.plugins_manager import AirflowPlugin

Asgi = Callable[[Any, Any, Any], Awaitable[None]]
PREFIX = "/aws_ml/reports"


class ReportsApp:
    """The report pages as an ASGI application that is made at the first request."""

    def __init__(self) -> None:
        self._app: Asgi | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        if self._app is None:
            self._app = await asyncio.to_thread(self._made)  # imports take time, and the loop is everybody's
        await self._app(scope, receive, send)

    @staticmethod
    def _made() -> Asgi:
        from aws_ml.reports.app import create_app

        return create_app()


FASTAPI_APPS = [{"app": ReportsApp(), "url_prefix": PREFIX, "name": "aws_ml_reports"}]
EXTERNAL_VIEWS = [
    {
        "name": "Report",
        "href": f"{PREFIX}/{{DAG_ID}}/{{RUN_ID}}/",
        "destination": "dag_run",
        "url_route": "aws_ml_report",
    }
]


class AwsMlPlugin(AirflowPlugin):
    """Registers what Airflow has to find by itself: the report of a run, as a tab of each dag run."""

    name = "aws_ml"
    fastapi_apps = FASTAPI_APPS
    external_views = EXTERNAL_VIEWS
