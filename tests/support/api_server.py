"""Airflow's API server as a process of its own, with dag runs that tests describe and four people.

    from tests.support.api_server import ApiServer, RunRow

    server = ApiServer(folder, environment, [RunRow("w.ml_workflow", "manual__1", conf={...})])
    server.get("/aws_ml/reports/w.ml_workflow/manual__1/", "viewer").status_code

The people: admin; viewer, who may look at everything; newcomer, who may look at none of the DAGs of any
workflow; and partial, who may look at all of them but the stage `ingest_analyze`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

ROOT = Path(__file__).parents[2]
PEOPLE = {"admin": "admin", "viewer": "viewer", "newcomer": "viewer", "partial": "viewer"}
PASSWORD = "correct horse battery staple"


@dataclass(frozen=True)
class RunRow:
    """One dag run in Airflow's database; times in hours from now."""

    dag_id: str
    run_id: str
    state: str = "success"
    conf: Any = field(default_factory=dict)
    created: float = -1
    ended: float | None = 1
    user: str | None = "admin"


class ApiServer:
    """One running API server with its own SQLite database, and this project's plugin."""

    def __init__(self, folder: Path, environment: Mapping[str, str], rows: Sequence[RunRow]) -> None:
        passwords = folder / "passwords.json"
        passwords.write_text(json.dumps(dict.fromkeys(PEOPLE, PASSWORD)))
        (folder / "rows.json").write_text(json.dumps([asdict(row) for row in rows]))
        settings = {
            "AIRFLOW_HOME": str(folder),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
            "AIRFLOW__CORE__DAGS_FOLDER": str(folder / "dags"),
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
            "AIRFLOW__CORE__AUTH_MANAGER": "tests.support.api_server_program.PerDagAuthManager",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(":".join(pair) for pair in PEOPLE.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{folder / 'airflow.db'}",
            "AIRFLOW__API_AUTH__JWT_SECRET": "not a secret, though as long as one: 64 bytes and more, " * 2,
            "AIRFLOW__API__BASE_URL": "",
            # A deployment may allow any run id, and a page must be safe then, too.
            "AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN": ".*",
            "PYTHONPATH": os.pathsep.join(str(ROOT / part) for part in ("plugins", "include", ".")),
        }
        self._log = (folder / "api-server.log").open("wb")
        reads, writes = os.pipe()  # not its standard output, on which Airflow talks
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.support.api_server_program",
                str(folder / "rows.json"),
                str(writes),
            ],
            env={**os.environ, **environment, **settings},
            cwd=ROOT,
            stdout=self._log,
            stderr=self._log,
            pass_fds=[writes],
        )
        os.close(writes)
        with os.fdopen(reads) as told:
            self.url = told.read()
        if not self.url:
            self.stop()
            raise RuntimeError((folder / "api-server.log").read_text()[-4000:])
        self._client = httpx.Client(base_url=self.url, timeout=60, trust_env=False)
        self._tokens: dict[str, str] = {}

    def token(self, user: str) -> str:
        """What the browser of a person who has logged in sends as the cookie `_token`."""
        if user not in self._tokens:
            login = {"username": user, "password": PASSWORD}
            self._tokens[user] = self._client.post("/auth/token", json=login).json()["access_token"]
        return self._tokens[user]

    def get(self, path: str, user: str | None = "viewer") -> httpx.Response:
        """Ask for a page; `user` None is somebody who has not logged in."""
        headers = {"Cookie": f"_token={self.token(user)}"} if user else {}
        return self._client.get(path, headers=headers)

    def report(self, dag_id: str, run_id: str, key: str = "", user: str | None = "viewer") -> httpx.Response:
        """Ask for the report of a run, as the tab in Airflow's UI does, or for a page below it."""
        return self.get(address(dag_id, run_id) + key, user)

    def stop(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait(30)
        self._log.close()
        if hasattr(self, "_client"):
            self._client.close()


def address(dag_id: str, run_id: str) -> str:
    """The path of a run's report."""
    return f"/aws_ml/reports/{quote(dag_id, safe='')}/{quote(run_id, safe='')}/"
