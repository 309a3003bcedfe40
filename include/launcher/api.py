"""The part of Airflow's REST API (v2) that the launcher needs."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from typing import Any

from launcher.problem import Problem


class NotThere(Problem):
    """Airflow does not know the thing that was asked for."""


@dataclass(frozen=True)
class TaskInstance:
    """One task of one run, as Airflow tells it now."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    state: str | None
    try_number: int
    start_date: str | None
    end_date: str | None
    duration: float | None

    @property
    def stage(self) -> str:
        """The stage's name: the DAG id without the workflow."""
        return self.dag_id.rpartition(".")[2]


class Airflow:
    """A client with a login. Requests go to the loopback directly, whatever proxy the user has."""

    def __init__(self, base_url: str, user: str, password: str) -> None:
        self.base_url = base_url
        self._login = {"username": user, "password": password}
        self._token = ""
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def health(self) -> dict[str, str]:
        """The status of each part, empty while the server does not answer yet."""
        try:
            parts = self._call("GET", "/api/v2/monitor/health", login=False)
        except (OSError, http.client.HTTPException, Problem):
            return {}
        return {name: part.get("status") or "" for name, part in parts.items()}

    def takes_tasks(self) -> bool:
        """Whether the part that tasks talk to answers. Asked first, it is built: that takes three seconds."""
        try:
            return bool(self._call("GET", "/execution/health", login=False))
        except (OSError, http.client.HTTPException, Problem):
            return False

    def dag(self, dag_id: str) -> dict[str, Any]:
        """Describe a DAG.

        :raises NotThere: the dag-processor has not read it (yet)
        """
        return dict(self._call("GET", f"/api/v2/dags/{dag_id}"))

    def import_errors(self) -> list[dict[str, Any]]:
        """The DAG files that could not be read, with their messages."""
        return list(self._call("GET", "/api/v2/importErrors")["import_errors"])

    def trigger(self, dag_id: str, conf: dict[str, Any], run_id: str | None = None) -> str:
        """Start a run by hand.

        :return: its run id
        """
        body: dict[str, Any] = {"logical_date": None, "conf": conf}
        if run_id:
            body["dag_run_id"] = run_id
        return str(self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """Describe a run: `state`, `start_date`, `end_date`, `conf`, …

        :raises NotThere: there is no such run
        """
        return dict(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{_quoted(run_id)}"))

    def runs(self, dag_id: str, *states: str) -> list[dict[str, Any]]:
        """The latest hundred runs of a DAG, in these states only if any are given."""
        query = urllib.parse.urlencode([("limit", 100), ("order_by", "-id"), *(("state", s) for s in states)])
        return list(self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns?{query}")["dag_runs"])

    def fail(self, dag_id: str, run_id: str) -> None:
        """Mark a run as failed, which ends its tasks."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}/dagRuns/{_quoted(run_id)}", {"state": "failed"})

    def task_instances(self, dag_id: str, run_id: str) -> list[TaskInstance]:
        """The tasks of a run.

        :raises NotThere: there is no such run
        """
        answer = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns/{_quoted(run_id)}/taskInstances?limit=500")
        return [
            TaskInstance(
                dag_id=item["dag_id"],
                run_id=item["dag_run_id"],
                task_id=item["task_id"],
                map_index=item["map_index"],
                state=item["state"],
                try_number=item["try_number"],
                start_date=item["start_date"],
                end_date=item["end_date"],
                duration=item["duration"],
            )
            for item in answer["task_instances"]
        ]

    def clear(
        self, dag_id: str, run_id: str, task_ids: list[str] | None = None, *, downstream: bool = False
    ) -> None:
        """Clear tasks of a run, all of them by default, so that they run again."""
        body: dict[str, Any] = {
            "dry_run": False,
            "dag_run_id": run_id,
            "only_failed": False,
            "reset_dag_runs": True,
            "include_downstream": downstream,
        }
        if task_ids:
            body["task_ids"] = task_ids
        self._call("POST", f"/api/v2/dags/{dag_id}/clearTaskInstances", body)

    def pause(self, dag_id: str, *, paused: bool) -> None:
        """Pause or unpause a DAG."""
        self._call("PATCH", f"/api/v2/dags/{dag_id}", {"is_paused": paused})

    def backfill(self, dag_id: str, from_date: str, to_date: str) -> int:
        """Start a backfill over the data intervals between two moments.

        :return: its id
        """
        body = {
            "dag_id": dag_id,
            "from_date": from_date,
            "to_date": to_date,
            "max_active_runs": 1,
            "dag_run_conf": {},
        }
        return int(self._call("POST", "/api/v2/backfills", body)["id"])

    def question(self, task: TaskInstance) -> dict[str, Any]:
        """What a task asks a person: `subject`, `body`, `options`, and the response, if there is one.

        :raises NotThere: it has not asked yet
        """
        return dict(self._call("GET", _question(task)))

    def answer(self, task: TaskInstance, option: str, reason: str = "") -> None:
        """Answer a task that asks a person, as the user of this login.

        :raises Problem: it asks nothing, was answered already, or has no such option; with Airflow's words
        """
        self._call("PATCH", _question(task), {"chosen_options": [option], "params_input": {"reason": reason}})

    def xcom(self, task: TaskInstance, key: str) -> Any:
        """A value that a task has left.

        :raises NotThere: it left none under this key
        """
        run = f"/api/v2/dags/{task.dag_id}/dagRuns/{_quoted(task.run_id)}"
        entry = f"taskInstances/{task.task_id}/xcomEntries/{key}?map_index={task.map_index}"
        return self._call("GET", f"{run}/{entry}")["value"]

    def report(self, dag_id: str, run_id: str) -> bytes:
        """The report page of a run, which the plugin serves, as HTML.

        :raises NotThere: the run has none
        """
        return self._send("GET", f"/aws_ml/reports/{dag_id}/{_quoted(run_id)}/")

    def _call(self, method: str, path: str, body: Any = None, *, login: bool = True) -> Any:
        return json.loads(self._send(method, path, body, login=login) or b"null")

    def _send(self, method: str, path: str, body: Any = None, *, login: bool = True) -> bytes:
        if login and not self._token:
            self._token = self._call("POST", "/auth/token", self._login, login=False)["access_token"]
        headers = {"Content-Type": "application/json"}
        if login:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers=headers,
        )
        attempts = 5
        for attempt in range(attempts):
            try:
                with self._opener.open(request, timeout=30) as answer:
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                text = error.read().decode(errors="replace")
                # SQLite has one writer: a busy database is a 5xx that goes away.
                if error.code < 500 or attempt == attempts - 1:
                    kind = NotThere if error.code == 404 else Problem
                    raise kind(f"Airflow answered {error.code} to {method} {path}: {_detail(text)}") from None
            time.sleep(0.5 * (attempt + 1))
        raise AssertionError("the last attempt returns or raises")


def _question(task: TaskInstance) -> str:
    run = f"/api/v2/dags/{task.dag_id}/dagRuns/{_quoted(task.run_id)}"
    return f"{run}/taskInstances/{task.task_id}/{task.map_index}/hitlDetails"


def _quoted(run_id: str) -> str:
    return urllib.parse.quote(run_id, safe="")


def _detail(text: str) -> str:
    try:
        return str(json.loads(text).get("detail", text))
    except (json.JSONDecodeError, AttributeError):
        return text[:500]
