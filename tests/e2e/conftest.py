"""One running Airflow and one stand-in for all tests from the outside, started as `make run` starts them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from launcher.landing import prepare_account
from launcher.settings import ROOT, Choices, Layout, Ports
from launcher.stack import Stack
from tests.e2e import variants

HERE = Path(__file__).parent
BROKEN = """\
name: broken
description: A file that somebody is just writing.
no_such_key: 1
"""


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this session's Airflow and stand-in keep everything."""
    return tmp_path_factory.mktemp("e2e")


@pytest.fixture(scope="session")
def stack(home: Path) -> Iterator[Stack]:
    """Everything running, on free ports, with the tests' own workflows and DAGs beside the project's."""
    for environment in (".venv", ".venv-jobs"):
        if not (ROOT / environment / "bin" / "python").exists():
            pytest.skip(f"{environment} is missing: `make setup` makes it")
    workflows = home / "workflows"
    workflows.mkdir()
    (workflows / "broken.yaml").write_text(BROKEN)
    variants.write(workflows)
    room = home / "room"
    room.mkdir()
    bundle = "airflow.dag_processing.bundles.local.LocalDagBundle"
    bundles = [
        {"name": name, "classpath": bundle, "kwargs": {"path": str(path), "refresh_interval": 10}}
        for name, path in {"dags-folder": ROOT / "dags", "tests": HERE / "dags"}.items()
    ]
    folders = [ROOT / "include" / "workflows", ROOT / "tests" / "workflows", workflows]
    stack = Stack(
        Choices(ports=Ports(0, 0), layout=Layout(home=home / "local")),
        extra={
            "AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(bundles),
            # No test changes a DAG file, and to read those of a dozen workflows again twice a minute takes a
            # tenth of a core of each worker. Unread so long, a DAG must not be taken for one that is gone.
            "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "300",
            "AIRFLOW__DAG_PROCESSOR__STALE_DAG_THRESHOLD": "3600",
            "AWS_ML_WORKFLOWS": os.pathsep.join(map(str, folders)),
            "ENSURED_ROOM": str(room),
        },
    )
    try:
        stack.start()
        prepare_account(stack)
        yield stack
    finally:
        stack.stop()
