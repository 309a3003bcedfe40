"""The process behind `tests.support.api_server`: Airflow's own application, database and auth manager."""

from __future__ import annotations

import json
import os
import socket
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.api_fastapi.auth.managers.simple.simple_auth_manager import SimpleAuthManager


class PerDagAuthManager(SimpleAuthManager):
    """Airflow's simple auth manager, and a rule for two people about some DAGs."""

    def is_authorized_dag(
        self, *, method: Any, user: Any, access_entity: Any = None, details: Any = None
    ) -> bool:
        """As the simple one, unless a rule forbids it."""
        dag_id = (details.id if details else None) or ""
        if user.username == "newcomer" and "." in dag_id:
            return False
        if user.username == "partial" and dag_id.endswith(".ingest_analyze"):
            return False
        return super().is_authorized_dag(
            method=method, user=user, access_entity=access_entity, details=details
        )


def fill(rows: list[dict[str, Any]]) -> None:
    """Write the dag runs into the database."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session

    now = datetime.now(UTC)
    with create_session() as session:
        for row in rows:
            run = DagRun(
                dag_id=row["dag_id"],
                run_id=row["run_id"],
                run_type="manual",
                run_after=now,
                state=row["state"],
                start_date=now + timedelta(hours=row["created"]),
                triggering_user_name=row["user"],
            )
            run.conf = row["conf"]
            run.created_at = now + timedelta(hours=row["created"])
            run.end_date = None if row["ended"] is None else now + timedelta(hours=row["ended"])
            session.add(run)


def main() -> None:
    """Make the database, listen on a free port, say where, serve until stopped."""
    import uvicorn
    from airflow.utils.db import initdb

    initdb()
    fill(json.loads(Path(sys.argv[1]).read_text()))
    from airflow.api_fastapi.app import create_app

    app = create_app("core")
    bound = socket.create_server(("127.0.0.1", 0))
    with os.fdopen(int(sys.argv[2]), "w") as ready:
        ready.write(f"http://127.0.0.1:{bound.getsockname()[1]}")
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[bound])


if __name__ == "__main__":
    main()
