"""What the user chooses, and what keeps the user's own environment out."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from launcher.airflow_setup import environment, secrets_of
from launcher.problem import Problem
from launcher.settings import (
    ROOT,
    Choices,
    Layout,
    choices_from_environment,
    require_workflow,
    wants_spark,
)
from launcher.stack import free_port
from launcher.stand_in import Connection

CONNECTION = Connection(
    endpoint_url="http://127.0.0.1:4566",
    region="us-east-1",
    access_key_id="AKIA",
    secret_access_key="secret",
    account_id="000000000000",
)


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WORKFLOW", "DATE", "DATA", "PORT", "AWS_PORT", "SCHEDULE"):
        monkeypatch.delenv(name, raising=False)


def test_defaults() -> None:
    choices = choices_from_environment()
    assert (choices.workflow, choices.date, choices.data) == ("loan_approval", "2026-01-15", None)
    assert (choices.ports.airflow, choices.ports.stand_in) == (8080, 4566)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("WORKFLOW", "../etc", "not a workflow's name"),
        ("DATE", "15.1.2026", "YYYY-MM-DD"),
        ("DATE", "2026-02-30", "YYYY-MM-DD"),
        ("DATA", "/no/such/file.csv", "no such file"),
        ("PORT", "http", "not a port number"),
        ("AWS_PORT", "65536", "not a port number"),
    ],
)
def test_what_cannot_be_used_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Problem, match=message):
        choices_from_environment()


def test_a_workflow_without_a_file_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ML_WORKFLOWS", raising=False)
    require_workflow(Choices(workflow="loan_approval"))
    with pytest.raises(Problem, match="no workflow loan_aproval; there are: loan_approval"):
        require_workflow(Choices(workflow="loan_aproval"))


def test_a_taken_port_names_the_option() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(Problem, match=f"Port {port} is taken.*AWS_PORT={port + 1}"):
            free_port(port, "AWS_PORT")


def test_the_users_own_settings_do_not_leak_in(tmp_path: Path) -> None:
    """A profile, an Airflow home or a proxy of the user's must not steer the demo to somewhere else."""
    source = {
        "PATH": os.environ["PATH"],
        "AWS_PROFILE": "production",
        "AWS_SESSION_TOKEN": "real",
        "AIRFLOW_HOME": "/home/somebody/airflow",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "HTTP_PROXY": "http://proxy:3128",
        "NO_PROXY": "internal",
    }
    made = environment(Choices(layout=Layout(home=tmp_path)), 8080, CONNECTION, source)
    assert "AWS_PROFILE" not in made
    assert "AWS_SESSION_TOKEN" not in made
    assert made["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert made["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert made["NO_PROXY"] == "internal,127.0.0.1,localhost"
    assert json.loads(made["AIRFLOW_CONN_AWS_DEFAULT"])["extra"]["endpoint_url"] == made["AWS_ENDPOINT_URL"]


def test_secrets_are_made_once_and_for_the_owner_only(tmp_path: Path) -> None:
    layout = Layout(home=tmp_path)
    first = secrets_of(layout)
    assert secrets_of(layout) == first
    assert secrets_of(Layout(home=tmp_path / "other")) != first
    assert (tmp_path / "secrets.json").stat().st_mode & 0o077 == 0


def test_make_without_a_python_says_so() -> None:
    """One sentence, exit code not 0, no traceback."""
    answer = subprocess.run(["make", "run", "PYTHON="], cwd=ROOT, capture_output=True, text=True, check=False)
    assert answer.returncode != 0
    assert "No Python 3.11 or newer was found" in answer.stderr
    assert "Traceback" not in answer.stderr


@pytest.mark.parametrize(
    ("own", "defaults", "wanted"),
    [
        ("cleaning:\n  engine: spark\n", "", True),
        ("name: w\ncleaning:   # Glue\n\n  workers: 2\n  engine: 'spark'  # large days\nbias:\n", "", True),
        ("cleaning: {workers: 2, engine: spark}\n", "", True),
        ("cleaning:\n  engine: pythonshell\n", "cleaning:\n  engine: spark\n", False),
        ("cleaning:\n  workers: 2\n", "cleaning:\n  engine: spark\n", True),
        ("cleaning:\n  workers: 2\nbias:\n  engine: spark\n", "cleaning:\n  engine: pythonshell\n", False),
        ("# cleaning:\n#   engine: spark\ncleaning:\n  # engine: spark\n  workers: 2\n", "", False),
        ("name: w\n", "", False),
    ],
)
def test_spark_is_wanted_by_the_workflows_one_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, defaults: str, wanted: bool
) -> None:
    (tmp_path / "w.yaml").write_text(own)
    (tmp_path / "defaults.yaml").write_text(defaults)
    monkeypatch.setenv("AWS_ML_WORKFLOWS", str(tmp_path))
    assert wants_spark(Choices(workflow="w")) is wanted
