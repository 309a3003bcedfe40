"""What every task would otherwise do again, done once before Airflow forks.

Tasks and DAG files run in forks of the scheduler (LocalExecutor), of a Celery worker and of the
dag-processor. What the parent has done costs its forks neither time nor memory. Measured without it, a task
that makes one small AWS call spends nine tenths of its processor time before that call:

    operators and sensors     1.2 s    imported, and through them the provider's
    AWS's service models      0.2 s    SageMaker's alone is 3 MB of JSON; botocore reads it for each session
    source files              0.1 s    the provider names the calling operator in the user agent, for which
                                       `inspect.stack` looks for the source of every module there is

Drawback: the models stay in the parent's memory, some 60 MB, shared by its forks.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import botocore
import botocore.loaders
import botocore.session

SERVICES = ("s3", "sts", "iam", "logs", "glue", "athena", "sagemaker", "sagemaker-runtime")
NO_KEYS = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
PAGES = "aws_ml.reports"
# What DAG files use beside our own package.
OTHERS = ("airflow.providers.standard.operators.empty", "airflow.providers.standard.operators.trigger_dagrun")


def preload() -> None:
    """Do it all. Makes no call to AWS and reads no credentials."""
    import_code()
    share_models()
    inspect.stack()  # fills the caches of `inspect` and `linecache`, which forks inherit


def import_code() -> None:
    """Import all that DAG files import, and read the workflow files, which are then known by their text."""
    import_modules(import_module("aws_ml"))
    for name in OTHERS:
        import_module(name)
    from aws_ml.workflow import load_workflows

    load_workflows()


def import_modules(package: ModuleType) -> None:
    """All modules of a package and of those within it, but for the pages, which the API server alone serves:
    they would bring FastAPI into every fork."""
    for found in iter_modules(package.__path__, f"{package.__name__}."):
        if found.name != PAGES:
            module = import_module(found.name)
            if found.ispkg:
                import_modules(module)


def share_models(services: Iterable[str] = SERVICES) -> None:
    """Let all botocore sessions of this process, and of its forks, read AWS's models from one place."""
    loader = botocore.loaders.create_loader(os.environ.get("AWS_DATA_PATH"))

    def share(session: Any) -> None:
        session.register_component("data_loader", loader)

    botocore.register_initializer(share)
    session = botocore.session.get_session()
    for service in services:
        # A client reads more than the model: endpoints, rules, retries. With keys given, it looks for none.
        session.create_client(service, region_name="us-east-1", **NO_KEYS)
