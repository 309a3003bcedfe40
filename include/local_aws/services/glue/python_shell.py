"""Glue Python shell jobs.

    <room>/script/<name>.py              the script, from Command.ScriptLocation
    <room>/script/extra/…                what --extra-py-files names, on PYTHONPATH, as is awsglue
    argv                                 --key value, the job's DefaultArguments overridden by the run's
    /aws-glue/python-jobs/output|error   stdout and stderr; the stream is named like the run

The script runs on the stand-in's own Python, whatever PythonVersion says; the log says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from platform import python_version
from typing import Any

from local_aws.jobs.engine import Command
from local_aws.jobs.process import clean_environment
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid
from local_aws.services.glue import job_type
from local_aws.state.records import Body

SMALL_DPU, LARGE_DPU = 0.0625, 1.0  # what MaxCapacity of a Python shell job can be
PYTHON_VERSIONS = ("3", "3.6", "3.9")


class PythonShell:
    """Command.Name pythonshell: one Python process."""

    name = "pythonshell"
    log_group = "/aws-glue/python-jobs"

    def defined(self, api: str, given: Mapping[str, Any]) -> Body:  # noqa: ARG002 - nothing depends on it here
        """A size in DPU and nothing about workers."""
        for member in ("WorkerType", "NumberOfWorkers"):
            if given.get(member):
                raise invalid(f"{member} cannot be given for a Python shell job: give MaxCapacity.")
        version = given["Command"].get("PythonVersion", "3")
        if version not in PYTHON_VERSIONS:
            raise invalid(f"PythonVersion '{version}' is not one of {', '.join(PYTHON_VERSIONS)}.")
        return _sized(given.get("MaxCapacity", SMALL_DPU))

    def size(self, given: Mapping[str, Any], definition: Mapping[str, Any]) -> Body:
        """MaxCapacity."""
        return _sized(given.get("MaxCapacity") or definition["MaxCapacity"])

    def check_arguments(self, arguments: Mapping[str, str]) -> None:
        """Nothing beyond what all types refuse."""

    def command(self, room: Room, body: Body) -> Command:
        """The script with its arguments."""
        arguments = body["AllArguments"]
        script = job_type.script_of(room, body)
        search = job_type.search_path(room, arguments)
        packages = clean_environment(room.path)["PYTHONPATH"]
        room.log(
            f"local stand-in: Python {python_version()} runs this job, "
            f"which asks for {body['Command'].get('PythonVersion', '3')}"
        )
        return Command(
            argv=["python3", str(script), *job_type.argv_of(arguments)],
            env={"PYTHONPATH": ":".join([*map(str, search), packages])},
            log_group=f"{self.log_group}/output",
            error_log_group=f"{self.log_group}/error",
            log_stream=body["Id"],
            memory_gib=min(body["MaxCapacity"] * job_type.GIB_PER_DPU, room.settings.job_memory_gib),
            max_runtime_seconds=body["Timeout"] * 60,
        )

    def failure(self, room: Room, body: Body, code: int) -> str:
        """The last line of stderr."""
        line = job_type.last_line(room, f"{self.log_group}/error", body["Id"])
        return line or f"Command failed with exit code {code}"


def _sized(capacity: float) -> Body:
    if capacity not in (SMALL_DPU, LARGE_DPU):
        raise invalid(f"MaxCapacity {capacity:g} is not valid for a Python shell job: 0.0625 or 1.")
    return {"MaxCapacity": float(capacity), "AllocatedCapacity": int(capacity)}
