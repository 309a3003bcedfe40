"""What AWS's own SDK says of our files. It lives in the jobs' environment, and is asked there."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from aws_ml.requests.clarify import analysis_config
from aws_ml.run import images
from aws_ml.workflow import load_workflows

ROOT = Path(__file__).parents[3]
QUESTIONS = {
    workflow.name: analysis_config(workflow)
    for workflow in load_workflows([ROOT / "include" / "workflows", ROOT / "tests" / "workflows"])
}
BROKEN = {**QUESTIONS["loan_approval"], "label_values": [1]}

# Reads analysis configs from standard input; answers its image URIs, and which configs it would take.
PROGRAM = """
import json, sys
sys.stdout, answer = sys.stderr, sys.stdout  # the SDK talks
from launcher.images import table
images = table()
from sagemaker.core.clarify import ANALYSIS_CONFIG_SCHEMA_V1_0
taken = {name: ANALYSIS_CONFIG_SCHEMA_V1_0.is_valid(config) for name, config in json.load(sys.stdin).items()}
json.dump({"images": images, "taken": taken}, answer)
"""


@pytest.fixture(scope="module")
def sdk() -> dict[str, Any]:
    """The SDK's answer."""
    result = subprocess.run(
        [ROOT / ".venv-jobs" / "bin" / "python", "-c", PROGRAM],
        input=json.dumps({**QUESTIONS, "broken": BROKEN}),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT / "include")},
    )
    assert result.returncode == 0, result.stderr[-3000:]
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_images_json_is_what_the_sdk_says(sdk: dict[str, Any]) -> None:
    """When this fails after an update of the SDK, run `make images`."""
    assert sdk["images"] == images()


def test_clarify_would_take_our_questions(sdk: dict[str, Any]) -> None:
    """And would not take everything, else this says nothing."""
    assert sdk["taken"] == {**dict.fromkeys(QUESTIONS, True), "broken": False}
