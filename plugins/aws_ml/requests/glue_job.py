"""The Glue job that cleans one partition: landing files in, curated Parquet and quarantine out."""

from __future__ import annotations

from typing import Any

from aws_ml.run import CODE_PREFIX, ROLE_ARN, RUN_KEY, legal
from aws_ml.schema import Workflow

STAGE = "ingest_analyze"


def create_job(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``glue.CreateJob``: one definition per workflow, brought up to date before each run.

    :param code: the S3 prefix under which the jobs were published, with a slash at its end
    """
    cleaning = workflow.cleaning
    engine = spark(workflow, code) if cleaning.engine == "spark" else python_shell(workflow, code)
    return {
        "Name": job_definition_name(workflow),
        "Description": f"Cleans one partition of {workflow.name}",
        "Role": ROLE_ARN,
        "ExecutionProperty": {"MaxConcurrentRuns": cleaning.max_concurrent_runs},
        "MaxRetries": 0,  # Airflow retries, and knows that it does
        "Timeout": cleaning.timeout_minutes,
        "Tags": {"workflow": workflow.name, "stage": STAGE},
        **engine,
    }


def python_shell(workflow: Workflow, code: str) -> dict[str, Any]:
    """What makes it a Python shell job."""
    return {
        "Command": {
            "Name": "pythonshell",
            "PythonVersion": workflow.cleaning.python_version,
            "ScriptLocation": workflow.paths.uri(f"{code}jobs/glue/clean.py"),
        },
        "MaxCapacity": workflow.cleaning.max_capacity,
    }


def spark(workflow: Workflow, code: str) -> dict[str, Any]:
    """What makes it a Spark job."""
    return {
        "Command": {
            "Name": "glueetl",
            "PythonVersion": "3",
            "ScriptLocation": workflow.paths.uri(f"{code}jobs/glue/clean_spark.py"),
        },
        "DefaultArguments": {"--job-language": "python", "--job-bookmark-option": "job-bookmark-disable"},
        "GlueVersion": workflow.cleaning.glue_version,
        "WorkerType": workflow.cleaning.worker_type,
        "NumberOfWorkers": workflow.cleaning.workers,
    }


def start_job_run(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, Any]:
    """``glue.StartJobRun`` for the partition of this run."""
    return {"JobName": job_definition_name(workflow), "Arguments": arguments(workflow, code)}


def arguments(workflow: Workflow, code: str = CODE_PREFIX) -> dict[str, str]:
    """What ``clean.py`` and ``clean_spark.py`` are told; the module with their rules comes along."""
    paths = workflow.paths
    return {
        "--bucket": paths.bucket,
        "--workflow": workflow.name,
        "--dt": RUN_KEY,
        "--config_key": f"{code}config.json",
        "--run_prefix": paths.stage(STAGE).removesuffix("/"),
        "--extra-py-files": paths.uri(f"{code}jobs/glue/rules.py"),
    }


def job_definition_name(workflow: Workflow) -> str:
    """``<workflow>-clean``."""
    return f"{legal(workflow.name)}-clean"
