"""What the user may choose, read once from the command line and the environment."""

from __future__ import annotations

import datetime
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from launcher.problem import Problem

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Layout:
    """Where things are. `home` holds all that running leaves behind."""

    root: Path = ROOT
    home: Path = ROOT / ".local"

    @property
    def airflow_python(self) -> Path:
        """Airflow's environment."""
        return self.root / ".venv" / "bin" / "python"

    @property
    def jobs_python(self) -> Path:
        """The environment of the stand-in and of the jobs."""
        return self.root / ".venv-jobs" / "bin" / "python"

    @property
    def locks(self) -> Path:
        """Hashed requirements, one file per environment and Python version."""
        return self.root / "locks"

    @property
    def logs(self) -> Path:
        """One file per process that the launcher starts."""
        return self.home / "logs"

    @property
    def airflow_home(self) -> Path:
        """Airflow's database, task logs and password file."""
        return self.home / "airflow"

    @property
    def aws_data(self) -> Path:
        """The stand-in's records and objects."""
        return self.home / "aws"

    @property
    def reports(self) -> Path:
        """Copies of a run's reports, to be opened in a browser."""
        return self.home / "reports"

    @property
    def processes_file(self) -> Path:
        """What is running, so that another command can find and stop it."""
        return self.home / "processes.json"


@dataclass(frozen=True)
class Ports:
    """Where the two servers listen, always on 127.0.0.1. 0 takes a free port."""

    airflow: int = 8080
    stand_in: int = 4566


@dataclass(frozen=True)
class Deployment:
    """What a deployment of the workflows needs to exist: on real AWS somebody with rights creates it once."""

    bucket: str = "local-ml"
    role_name: str = "aws-ml-workflow"


@dataclass(frozen=True)
class Choices:
    """One invocation of the launcher."""

    workflow: str = "loan_approval"
    date: str = "2026-01-15"  # the partition: the day of the data
    data: Path | None = None  # a file to land instead of generated sample data
    schedule: bool = False  # let the workflows' own schedules start runs, too
    ports: Ports = field(default_factory=Ports)
    layout: Layout = field(default_factory=Layout)
    deployment: Deployment = field(default_factory=Deployment)


def choices_from_environment() -> Choices:
    """Read WORKFLOW, DATE, DATA, PORT, AWS_PORT and SCHEDULE, which `make NAME=value` puts into the
    environment.

    :raises Problem: a value that cannot be used
    """
    workflow = os.environ.get("WORKFLOW") or Choices.workflow
    if not re.fullmatch(r"[a-z][a-z0-9_]*", workflow):
        raise Problem(f"WORKFLOW={workflow!r} is not a workflow's name: small letters, digits and _ only.")
    date = os.environ.get("DATE") or Choices.date
    try:
        if datetime.date.fromisoformat(date).isoformat() != date:
            raise ValueError(date)
    except ValueError:
        raise Problem(f"DATE={date!r} is not a date of the form YYYY-MM-DD.") from None
    data = os.environ.get("DATA")
    if data and not Path(data).is_file():
        raise Problem(f"DATA={data!r}: there is no such file.")
    return Choices(
        workflow=workflow,
        date=date,
        data=Path(data).resolve() if data else None,
        schedule=os.environ.get("SCHEDULE", "0").lower() in ("1", "true", "yes"),
        ports=Ports(_port("PORT", Ports.airflow), _port("AWS_PORT", Ports.stand_in)),
    )


def require_workflow(choices: Choices) -> None:
    """Refuse a workflow that has no file, before anything is started for it.

    :raises Problem: names the workflows that there are
    """
    folders = _workflow_folders(choices)
    known = sorted({file.stem for folder in folders for file in folder.glob("*.yaml")} - {"defaults"})
    if choices.workflow not in known:
        raise Problem(f"There is no workflow {choices.workflow}; there are: {', '.join(known)}.")


def wants_spark(choices: Choices) -> bool:
    """Whether the chosen workflow's file, or else its folder's defaults, has `cleaning.engine: spark`.

    This is asked before there is an environment with a YAML parser, so one key is looked up in the text, in
    either way to write a mapping. A workflow that is misread is not lost: without Spark its job fails with a
    sentence that names `make spark`.
    """
    for folder in _workflow_folders(choices):
        for name in (choices.workflow, "defaults"):
            file = folder / f"{name}.yaml"
            if not file.is_file():
                break
            section = re.search(r"^cleaning:(.*(?:\n(?:[ \t#].*)?)*)", file.read_text("utf-8"), re.MULTILINE)
            text = re.sub(r"(^|\s)#.*", "", section[1]) if section else ""
            if found := re.search(r"""(?:^|[\s{,])engine:\s*["']?(\w+)""", text):
                return found[1] == "spark"
    return False


def _workflow_folders(choices: Choices) -> list[Path]:
    named = [Path(part) for part in os.environ.get("AWS_ML_WORKFLOWS", "").split(os.pathsep) if part]
    return named or [choices.layout.root / "include" / "workflows"]


def _port(name: str, default: int) -> int:
    value = os.environ.get(name) or str(default)
    if not value.isdecimal() or int(value) > 65535:
        raise Problem(f"{name}={value!r} is not a port number between 0 and 65535.")
    return int(value)


def new_secret() -> str:
    """A password or key that nobody can guess, safe in URLs and shells."""
    return secrets.token_urlsafe(32)
