"""Airflow imports this in each of its processes, before all else."""

from __future__ import annotations

import sys

FORKING = {"scheduler", "dag-processor", "celery"}

if FORKING & set(sys.argv[1:2]):
    from aws_ml.preload import preload

    preload()
