"""Airflow on a laptop: its settings, each with its reason, and the commands of its four processes."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from launcher.settings import Choices, Layout, new_secret
from launcher.stand_in import Connection, clean_environment

USER = "admin"
SIMPLE_AUTH_MANAGER = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"


@dataclass(frozen=True)
class Secrets:
    """Made at the first start and kept: a new key would make Airflow's stored secrets and sessions
    unreadable."""

    admin_password: str
    jwt_secret: str
    fernet_key: str


def secrets_of(layout: Layout) -> Secrets:
    """Read the kept secrets, or make them; readable by the owner only."""
    path = layout.home / "secrets.json"
    if not path.exists():
        made = {
            "admin_password": new_secret()[:20],
            "jwt_secret": new_secret() + new_secret(),  # SHA-512 wants 64 bytes
            "fernet_key": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        }
        _write_private(path, json.dumps(made, indent=1))
    return Secrets(**json.loads(path.read_text()))


def environment(
    choices: Choices, port: int, connection: Connection, source: Mapping[str, str]
) -> dict[str, str]:
    """Everything that Airflow's processes read."""
    layout, secrets = choices.layout, secrets_of(choices.layout)
    role = f"arn:aws:iam::{connection.account_id}:role/{choices.deployment.role_name}"
    airflow = {
        "CORE__DAGS_FOLDER": str(layout.root / "dags"),
        "CORE__PLUGINS_FOLDER": str(layout.root / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__FERNET_KEY": secrets.fernet_key,
        # A laptop's two cores: more workers only take memory.
        "CORE__PARALLELISM": "8",
        # A paused child would leave the parent waiting for a click.
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "CORE__AUTH_MANAGER": SIMPLE_AUTH_MANAGER,
        "CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(layout.airflow_home / "passwords.json"),
        "API__HOST": "127.0.0.1",
        "API__PORT": str(port),
        "API__BASE_URL": f"http://127.0.0.1:{port}",
        "API__WORKERS": "1",
        "API__EXPOSE_CONFIG": "False",
        # One secret for all processes: each would otherwise make its own and refuse the others' tokens.
        "API_AUTH__JWT_SECRET": secrets.jwt_secret,
        "DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{layout.airflow_home / 'airflow.db'}",
        "DAG_PROCESSOR__PARSING_PROCESSES": "1",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30",
        # Four fifths of a short task's default second is the scheduler asleep.
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        # The demo day is old, and no data arrives by itself for the schedule's own runs: they would wait
        # beside the run that was asked for. Runs by hand, from a parent and from a backfill need no schedule.
        "SCHEDULER__USE_JOB_SCHEDULE": str(choices.schedule),
        # Else clearing a green task of a remote job would hand back the old job instead of running a new one.
        "STATE_STORE__CLEAR_ON_SUCCESS": "True",
        # Two busy cores may answer a task late; a client that repeats its call makes them busier.
        "WORKERS__EXECUTION_API_TIMEOUT": "30",
        # A worker that dies is noticed within half a minute instead of five.
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
        "LOGGING__BASE_LOG_FOLDER": str(layout.airflow_home / "logs"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
    }
    python = str(layout.airflow_python.parent)
    return (
        clean_environment(layout, source)
        | {f"AIRFLOW__{name}": value for name, value in airflow.items()}
        | connection.environment()
        | {
            "AIRFLOW_HOME": str(layout.airflow_home),
            "AIRFLOW_VAR_AWS_ML_BUCKET": choices.deployment.bucket,
            "AIRFLOW_VAR_AWS_ML_ROLE_ARN": role,
            "AIRFLOW_VAR_AWS_ML_REGION": connection.region,
            # A local job takes seconds; asking AWS every 30 s, as the workflow files say, would be most of
            # the wait.
            "AWS_ML_POLL_SECONDS": source.get("AWS_ML_POLL_SECONDS", "1"),
            # Going through the triggerer costs two to three seconds: that pays for long jobs only.
            "AWS_ML_DEFER_AFTER_SECONDS": source.get("AWS_ML_DEFER_AFTER_SECONDS", "20"),
            "PATH": f"{python}{os.pathsep}{source.get('PATH', os.defpath)}",
            "_AIRFLOW__SKIP_DATABASE_EXECUTOR_COMPATIBILITY_CHECK": "1",
        }
    )


def prepare_home(layout: Layout) -> None:
    """Make Airflow's directory and the password file that SimpleAuthManager reads."""
    layout.airflow_home.mkdir(parents=True, exist_ok=True)
    _write_private(
        layout.airflow_home / "passwords.json", json.dumps({USER: secrets_of(layout).admin_password})
    )


def database_is_current(layout: Layout) -> bool:
    """Whether `airflow db migrate` was run by the Airflow that is installed now. Asking Airflow takes 3 s."""
    stamp = layout.airflow_home / "migrated.json"
    return (
        stamp.exists()
        and stamp.read_text() == _installed(layout)
        and (layout.airflow_home / "airflow.db").exists()
    )


def note_database_is_current(layout: Layout) -> None:
    """Remember that the database fits the installed Airflow."""
    (layout.airflow_home / "migrated.json").write_text(_installed(layout))


def migrate_command(layout: Layout) -> list[str]:
    """Bring Airflow's database to the installed version."""
    return [_airflow(layout), "db", "migrate"]


def commands(layout: Layout, port: int) -> dict[str, list[str]]:
    """The four processes by name, in the order in which they are started."""
    airflow = _airflow(layout)
    return {
        "api-server": [airflow, "api-server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        "dag-processor": [airflow, "dag-processor"],
        # The api-server reads the logs from the disk that they share; two more ports would only collide.
        "scheduler": [airflow, "scheduler", "--skip-serve-logs"],
        "triggerer": [airflow, "triggerer", "--skip-serve-logs"],
    }


def _airflow(layout: Layout) -> str:
    return str(layout.airflow_python.with_name("airflow"))


def _installed(layout: Layout) -> str:
    """The version directory name of the installed Airflow, found without importing it."""
    site = next((layout.airflow_python.parent.parent / "lib").glob("python3.*/site-packages"))
    return next(site.glob("apache_airflow_core-*.dist-info"), site / "unknown").name


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
