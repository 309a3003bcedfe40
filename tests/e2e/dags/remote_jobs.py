"""Processing jobs whose workers die where a run's conf says so: for tests of the operator base."""

import os
import signal
from datetime import timedelta

from airflow.sdk import DAG

from aws_ml.operators.processing_job import ProcessingJobOperator
from aws_ml.retry import OnlyIfItMayHelp

IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3"
ARGUMENTS = {"retries": 1, "retry_delay": timedelta(seconds=1), "retry_policy": OnlyIfItMayHelp()}
CONFIG = {
    "ProcessingJobName": "{{ dag_run.conf['name'] }}",
    "RoleArn": "{{ var.value.aws_ml_role_arn }}",
    "AppSpecification": {
        "ImageUri": IMAGE,
        "ContainerEntrypoint": ["python3", "-c", "import os; exec(os.environ['PROGRAM'])"],
    },
    "Environment": {"PROGRAM": "{{ dag_run.conf['program'] }}"},
    "ProcessingResources": {
        "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
    },
}


class MortalProcessingJobOperator(ProcessingJobOperator):
    """Its first worker is killed when the job was created or when the trigger fired, if it is told so."""

    defer_after = 0  # the tests of deferral need one

    def follow(self, context, *arguments, **state):
        self.die(context, "created")
        return super().follow(context, *arguments, **state)

    def resume(self, context, *arguments, **state):
        self.die(context, "resumed")
        return super().resume(context, *arguments, **state)

    def die(self, context, when):
        if context["dag_run"].conf.get("die") == when and context["ti"].try_number == 1:
            os.kill(os.getpid(), signal.SIGKILL)


for name, deferrable, timeout in [
    ("sync", False, None),
    ("deferred", True, None),
    ("sync_brief", False, 5),
    ("deferred_brief", True, 5),
]:
    with DAG(f"remote.{name}", schedule=None, default_args=ARGUMENTS, tags=["tests"]):
        MortalProcessingJobOperator(
            task_id="job",
            config=CONFIG,
            deferrable=deferrable,
            execution_timeout=timedelta(seconds=timeout) if timeout else None,
        )
