"""Glue jobs and their runs."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example


def definition(world: World, script: str = "print('hello')\n") -> Request:
    place = world.object("jobs/script.py", script.encode())
    return {
        "Role": world.role(),
        "Command": {
            "Name": "pythonshell",
            "PythonVersion": "3.9",
            "ScriptLocation": f"s3://{place['Bucket']}/{place['Key']}",
        },
    }


def job(world: World, script: str = "print('hello')\n") -> str:
    name = world.name("job")
    world.client("glue").create_job(Name=name, **definition(world, script), Tags={"team": "ml"})
    return name


def run(world: World, script: str = "print('hello')\n") -> tuple[str, str]:
    name = job(world, script)
    run_id: str = world.client("glue").start_job_run(JobName=name)["JobRunId"]
    return name, run_id


@example("glue", "CreateJob")
def create_job(world: World) -> Request:
    return {"Name": world.name("job"), **definition(world)}


@example("glue", "UpdateJob")
def update_job(world: World) -> Request:
    return {"JobName": job(world), "JobUpdate": definition(world)}


@example("glue", "GetJob")
def get_job(world: World) -> Request:
    return {"JobName": job(world)}


@example("glue", "GetJobs")
def get_jobs(world: World) -> Request:
    job(world)
    return {"MaxResults": 1}


@example("glue", "ListJobs")
def list_jobs(world: World) -> Request:
    job(world)
    return {"Tags": {"team": "ml"}}


@example("glue", "BatchGetJobs")
def batch_get_jobs(world: World) -> Request:
    return {"JobNames": [job(world), "nobody"]}


@example("glue", "DeleteJob")
def delete_job(world: World) -> Request:
    return {"JobName": job(world)}


@example("glue", "StartJobRun")
def start_job_run(world: World) -> Request:
    return {"JobName": job(world), "Arguments": {"--day": "2026-01-15"}}


@example("glue", "GetJobRun")
def get_job_run(world: World) -> Request:
    name, run_id = run(world)
    return {"JobName": name, "RunId": run_id}


@example("glue", "GetJobRuns")
def get_job_runs(world: World) -> Request:
    return {"JobName": run(world)[0]}


@example("glue", "BatchStopJobRun")
def batch_stop_job_run(world: World) -> Request:
    name, run_id = run(world, "import signal\nsignal.pause()\n")
    return {"JobName": name, "JobRunIds": [run_id, "jr_nobody"]}
