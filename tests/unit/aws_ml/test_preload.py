"""What the parents of Airflow's forks do beforehand. In fresh interpreters: it changes the whole process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

WATCHED = """
import json, sys
from botocore.loaders import JSONFileLoader

read = []
load = JSONFileLoader.load_file
JSONFileLoader.load_file = lambda self, path: read.append(path) or load(self, path)
{before}
read.clear()
imported = set(sys.modules)
import boto3
boto3.session.Session(region_name="eu-west-1").client("sagemaker")
{dag_files}
new = sorted(name for name in set(sys.modules) - imported if name.startswith(("aws_ml", "airflow.providers")))
print(json.dumps({{"read": read, "imported": new}}))
"""
DAG_FILES = """
import pathlib, runpy
for file in sorted(pathlib.Path("dags").glob("*.py")):
    runpy.run_path(str(file))
"""


def watched(before: str, tmp_path: Any) -> dict[str, Any]:
    """What a process reads and imports for a client and all DAG files, after it did `before`."""
    program = WATCHED.format(before=before, dag_files=DAG_FILES)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(["plugins", "include"]),
        "AIRFLOW_HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "none",
        "AWS_SECRET_ACCESS_KEY": "none",
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_after_it_neither_clients_nor_dag_files_read_anything(tmp_path: Any) -> None:
    """A task pays neither for the models nor for the imports; without it, it pays for both."""
    with_it = watched("from aws_ml.preload import preload; preload()", tmp_path)
    assert with_it == {"read": [], "imported": []}
    without = watched("", tmp_path)
    assert any("sagemaker" in path for path in without["read"])
    assert "aws_ml.operators.processing_job" in without["imported"]


def test_the_pages_stay_with_the_api_server(tmp_path: Any) -> None:
    """Nor does what serves them come into the process that every task is a fork of."""
    program = """
import json, sys
from aws_ml.preload import preload; preload()
print(json.dumps(sorted(name for name in sys.modules if name.startswith("aws_ml.reports"))))
print("airflow.api_fastapi.core_api.security" in sys.modules)
"""
    environment = os.environ | {"PYTHONPATH": "plugins", "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-2:] == ["[]", "False"]
