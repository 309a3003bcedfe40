"""Glue Spark jobs, on local PySpark.

    <room>/script/<name>.py       the script, from Command.ScriptLocation
    <room>/script/extra/…         what --extra-py-files names, on PYTHONPATH, as is awsglue
    argv                          --JOB_NAME, --JOB_ID, --JOB_RUN_ID, then --key value
    s3://<bucket>/<key>           S3 itself, through images/spark/s3_gateway.py
    /aws-glue/jobs/output|error   stdout and stderr of driver and executors; the stream is the run's id

Driver and executors are one JVM and its Python workers, in the job's own process group, on the Python of the
Spark environment (Settings.spark_python), and the Spark is the one that is installed there. What a script can
ask for and would not get here is refused by name; what only reports, as metrics do, is named in the log.
"""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local_aws.jobs.engine import Command, JobFailed
from local_aws.jobs.process import clean_environment
from local_aws.jobs.room import Room
from local_aws.services.catalog.catalog import invalid
from local_aws.services.glue import job_type
from local_aws.state.records import Body
from local_aws.wire.errors import NotEmulated

GLUE_VERSIONS = ("5.0", "5.1")  # Spark 3.5 on Python 3.11
# Data processing units of one worker.
DPU_OF_WORKER = {"G.1X": 1, "G.2X": 2, "G.4X": 4, "G.8X": 8, "G.12X": 12, "G.16X": 16}
DEFAULT_WORKERS = ("G.1X", 10)  # 10 DPU, as Glue gives a job that says nothing
FEWEST_WORKERS = 2  # one is the driver's
PROGRAM = job_type.LIBRARY.parent / "spark" / "program.py"
FAILURE = "failure.txt"  # of the room: where the program says in a line why the script failed

# Arguments without which a script would do something else than on AWS.
_NOT_EMULATED = (
    "--class",
    "--datalake-formats",
    "--enable-glue-datacatalog",
    "--enable-s3-parquet-optimized-committer",
    "--enable-lakeformation-fine-grained-access",
    "--extra-files",
    "--extra-jars",
    "--python-modules-installer-option",
    "--user-jars-first",
)
# Arguments that change nothing but what is reported.
_REPORTS = (
    "--enable-auto-scaling",
    "--enable-continuous-cloudwatch-log",
    "--enable-job-insights",
    "--enable-metrics",
    "--enable-observability-metrics",
    "--enable-spark-ui",
    "--spark-event-logs-path",
)


class Spark:
    """Command.Name glueetl: PySpark."""

    name = "glueetl"
    log_group = "/aws-glue/jobs"

    def defined(self, api: str, given: Mapping[str, Any]) -> Body:
        """A Glue version, and workers."""
        version = given.get("GlueVersion", "0.9")  # Glue's own default
        if version not in GLUE_VERSIONS:
            raise NotEmulated("glue", api, f"GlueVersion {version} of a Spark job: give 5.0 or 5.1")
        if given["Command"].get("PythonVersion", "3") != "3":
            raise invalid(f"PythonVersion of a Spark job in Glue {version} is 3.")
        if given.get("ExecutionClass", "STANDARD") != "STANDARD":
            raise NotEmulated("glue", api, f"ExecutionClass {given['ExecutionClass']}")
        if given.get("WorkerType") or given.get("NumberOfWorkers"):
            return _sized(given, given.get("WorkerType"), given.get("NumberOfWorkers"))
        return _sized(given, *DEFAULT_WORKERS)

    def size(self, given: Mapping[str, Any], definition: Mapping[str, Any]) -> Body:
        """Workers."""
        worker = given.get("WorkerType") or definition["WorkerType"]
        return _sized(given, worker, given.get("NumberOfWorkers") or definition["NumberOfWorkers"])

    def check_arguments(self, arguments: Mapping[str, str]) -> None:
        """No bookmarks, no jars, no other language."""
        for name in _NOT_EMULATED:
            if arguments.get(name, "false") != "false":
                raise NotEmulated("glue", "StartJobRun", name)
        for name, only in (
            ("--job-language", "python"),
            ("--job-bookmark-option", "job-bookmark-disable"),
        ):
            if arguments.get(name, only) != only:
                raise NotEmulated("glue", "StartJobRun", f"{name} {arguments[name]}")
        properties(arguments.get("--conf", ""))

    def command(self, room: Room, body: Body) -> Command:
        """The program that prepares Spark and then becomes the script."""
        arguments = body["AllArguments"]
        python = room.settings.spark_python
        if not python.exists():
            raise JobFailed(
                f"Spark is not installed: there is no {python}. `make spark` installs it in .venv-spark."
            )
        script = job_type.script_of(room, body)
        search = job_type.search_path(room, arguments)
        base = clean_environment(room.path)
        memory_gib = min(body["MaxCapacity"] * job_type.GIB_PER_DPU, room.settings.job_memory_gib)
        room.log(
            f"local stand-in: one process of {memory_gib:g} GiB stands for {body['NumberOfWorkers']} workers "
            f"{body['WorkerType']}"
        )
        for name in sorted(set(_REPORTS) & set(arguments)):
            room.log(f"local stand-in: {name} has no effect here")
        told = {
            "script": str(script),
            "properties": properties(arguments.get("--conf", "")),
            "memory_gib": memory_gib,
            "room": str(room.path),
            "failure": str(room.path / FAILURE),
        }
        identity = {"--JOB_NAME": body["JobName"], "--JOB_ID": "j_local", "--JOB_RUN_ID": body["Id"]}
        return Command(
            argv=[
                str(python),
                str(PROGRAM),
                json.dumps(told),
                *job_type.argv_of({**identity, **arguments}),
            ],
            env={
                "PATH": f"{python.parent}{os.pathsep}{base['PATH']}",
                "PYTHONPATH": os.pathsep.join([*map(str, search), base["PYTHONPATH"]]),
            },
            log_group=f"{self.log_group}/output",
            error_log_group=f"{self.log_group}/error",
            log_stream=body["Id"],
            memory_gib=memory_gib,
            max_runtime_seconds=body["Timeout"] * 60,
        )

    def failure(self, room: Room, body: Body, code: int) -> str:
        """The exception's own line, without the hundreds that the JVM adds."""
        told: Path = room.path / FAILURE
        if told.exists():
            return told.read_text("utf-8").strip()
        line = job_type.last_line(room, f"{self.log_group}/error", body["Id"])
        return line or f"Command failed with exit code {code}"


def properties(conf: str) -> dict[str, str]:
    """Spark's properties out of --conf: ``a=1 --conf b=2``, as Glue's users write several in one argument.

    Raises InvalidInputException.
    """
    found = {}
    for part in shlex.split(conf):
        if part == "--conf":
            continue
        name, equals, value = part.partition("=")
        if not equals or not name.startswith("spark."):
            raise invalid(f"--conf '{part}' is not of the form spark.name=value.")
        found[name] = value
    return found


def _sized(given: Mapping[str, Any], worker: str | None, count: int | None) -> Body:
    if given.get("MaxCapacity") or given.get("AllocatedCapacity"):
        raise invalid("MaxCapacity cannot be given for a job of Glue 2.0 or newer: give WorkerType and "
                      "NumberOfWorkers.")  # fmt: skip
    if not worker or not count:
        raise invalid("WorkerType and NumberOfWorkers have to be given together.")
    if worker not in DPU_OF_WORKER:
        known = ", ".join(DPU_OF_WORKER)
        raise invalid(f"WorkerType {worker} is not valid for a Spark job: {known}.")
    if count < FEWEST_WORKERS:
        raise invalid(f"NumberOfWorkers is {count}; a Spark job has at least {FEWEST_WORKERS}.")
    capacity = DPU_OF_WORKER[worker] * count
    return {
        "WorkerType": worker,
        "NumberOfWorkers": count,
        "MaxCapacity": float(capacity),
        "AllocatedCapacity": capacity,
    }
