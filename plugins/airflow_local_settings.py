"""Airflow imports this in each of its processes, before all else.

Tasks and DAG files run in forks of the scheduler (LocalExecutor), of a Celery worker and of the
dag-processor. What the parent has imported costs its forks neither time nor memory, and the operators take
more than a second: without this, that second is spent again by every task, and twice by one that defers.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pkgutil import iter_modules

FORKING = {"scheduler", "dag-processor", "celery"}


def preload() -> None:
    """Import all that DAG files import: every operator and sensor of ours, and through them the
    provider's."""
    for name in ("aws_ml.operators", "aws_ml.sensors"):
        package = import_module(name)
        for module in iter_modules(package.__path__):
            import_module(f"{name}.{module.name}")


if FORKING & set(sys.argv[1:2]):
    preload()
