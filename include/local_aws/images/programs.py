"""Which program an image runs when a job does not name its own.

image          processing              training
scikit_learn   the job must name one   AWS's training toolkit: script mode
xgboost        the job must name one   script mode, or the built-in algorithm when no script is named
clarify        the analysis            none
debugger_rules one rule                none
data_wrangler  the flow                none
autopilot      the job must name one   none; an AutoML job runs its program
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from local_aws.images.catalog import Image
from local_aws.images.data_wrangler.spark import SPARK_PACKAGES
from local_aws.settings import Settings

SCRIPT_PARAMETER = "sagemaker_program"  # the hyperparameter that makes a training job a script-mode job


@dataclass(frozen=True)
class Program:
    """An image's ENTRYPOINT."""

    argv: list[str]
    env: Mapping[str, str] = field(default_factory=dict)


# The toolkit (sagemaker-training) reads /opt/ml/input/config, fetches and unpacks
# `sagemaker_submit_directory`, installs its requirements.txt into the room and runs `sagemaker_program`.
# Without SM_STUDIO_LOCAL_MODE it waits for a host called algo-1 to appear in the DNS.
TOOLKIT = Program(["python3", "-m", "sagemaker_training.cli.train"], {"SM_STUDIO_LOCAL_MODE": "true"})

_INCLUDE = str(Path(__file__).parents[2])  # where the package local_aws lies

# -P keeps the program's directory off sys.path, where xgboost.py would hide the library.
XGBOOST = Program(
    ["python3", "-P", str(Path(__file__).with_name("xgboost_program.py"))], {"PYTHONPATH": _INCLUDE}
)

# A package, so it is run by its name; -P as above.
DATA_WRANGLER = Program(["python3", "-P", "-m", "local_aws.images.data_wrangler"], {"PYTHONPATH": _INCLUDE})


# An AutoML job's. One thread a process: its candidates are processes, and are forked from one without a team.
AUTOPILOT = Program(
    ["python3", "-P", "-m", "local_aws.images.autopilot"],
    {
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
    },
)


def processing_program(image: Image, settings: Settings) -> Program | None:
    """What a processing job runs without ContainerEntrypoint; ``None`` when the image has nothing to run."""
    if image.name == "data_wrangler":
        packages = spark_packages(settings)
        return Program(DATA_WRANGLER.argv, {**DATA_WRANGLER.env, SPARK_PACKAGES: str(packages or "")})
    if image.name == "clarify":
        return _of_jobs(settings.clarify_program)
    return _of_jobs(settings.debugger_program) if image.name == "debugger_rules" else None


def _of_jobs(program: Path) -> Program:
    """A program such as .../jobs/bias/clarify.py, which imports the package `jobs`."""
    return Program(["python3", str(program)], {"PYTHONPATH": str(program.parents[2])})


def spark_packages(settings: Settings) -> Path | None:
    """Where the Spark environment keeps its packages; ``None`` when it is not installed for this Python."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = settings.spark_python.parents[1] / "lib" / version / "site-packages"
    return found if found.exists() else None


def training_program(image: Image, hyperparameters: Mapping[str, str]) -> Program | None:
    """What a training job runs without ContainerEntrypoint; ``None`` when the image does not train."""
    if image.name == "xgboost" and SCRIPT_PARAMETER not in hyperparameters:
        return XGBOOST
    return TOOLKIT if image.name in ("scikit_learn", "xgboost") else None
