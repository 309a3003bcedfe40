"""What a run needs to find on AWS: a bucket, a role, and the data of its day."""

from __future__ import annotations

import json
import subprocess
from typing import Any

import boto3
from botocore.exceptions import ClientError

from launcher import stand_in
from launcher.problem import Problem
from launcher.settings import Choices
from launcher.stack import Stack

# Workflows whose data `python -m sample_data` can make for any day.
GENERATED = ("loan_approval",)
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": ["sagemaker.amazonaws.com", "glue.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    ],
}


def client(stack: Stack, service: str) -> Any:
    """A boto3 client of the stand-in."""
    connection = stack.connection
    return boto3.client(
        service,
        endpoint_url=connection.endpoint_url,
        region_name=connection.region,
        aws_access_key_id=connection.access_key_id,
        aws_secret_access_key=connection.secret_access_key,
    )


def prepare_account(stack: Stack) -> None:
    """Create the bucket and the role unless they exist."""
    deployment = stack.choices.deployment
    client(stack, "s3").create_bucket(Bucket=deployment.bucket)
    try:
        client(stack, "iam").create_role(
            RoleName=deployment.role_name, AssumeRolePolicyDocument=json.dumps(TRUST)
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "EntityAlreadyExists":
            raise


def land(stack: Stack, choices: Choices) -> str:
    """Put the data of the chosen day where its owner would: `<workflow>/landing/dt=<day>/`.

    :return: a sentence about what lies there
    :raises Problem: nothing lies there and nothing can be put there
    """
    bucket = choices.deployment.bucket
    prefix = f"{choices.workflow}/landing/dt={choices.date}/"
    if choices.data:
        client(stack, "s3").upload_file(str(choices.data), bucket, prefix + choices.data.name)
        return f"{choices.data.name} landed in s3://{bucket}/{prefix}"
    if choices.workflow in GENERATED:
        _generate(stack, choices, f"s3://{bucket}/{choices.workflow}/landing")
        return f"generated and landed in s3://{bucket}/{prefix}"
    found = client(stack, "s3").list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    if not found["KeyCount"]:
        raise Problem(
            f"There is no data for {choices.workflow} on {choices.date}: give a file with "
            f"`make run WORKFLOW={choices.workflow} DATE={choices.date} DATA=path/to/file.csv`."
        )
    return f"found in s3://{bucket}/{prefix}"


def _generate(stack: Stack, choices: Choices, target: str) -> None:
    layout = choices.layout
    answer = subprocess.run(
        [str(layout.jobs_python), "-m", "sample_data", "--day", choices.date, "--s3", target],
        env=stand_in.clean_environment(layout, stack.source) | stack.connection.environment(),
        cwd=layout.root,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        layout.logs.mkdir(parents=True, exist_ok=True)
        log = layout.logs / "sample-data.log"
        log.write_text(answer.stdout + answer.stderr)
        last = (answer.stderr.strip() or "it said nothing").splitlines()[-1]
        raise Problem(f"The sample data of {choices.date} could not be made: {last} (all of it: {log})")
