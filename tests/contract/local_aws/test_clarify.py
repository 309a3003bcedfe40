"""The Clarify image asks a model as AWS's does, and the portable engine gives the same files."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.support.sagemaker_jobs import (
    CLARIFY,
    CODE,
    SCIKIT_LEARN,
    ended_processing,
    needs_opt_ml,
    processing_input,
    processing_output,
    processing_request,
)
from tests.support.serving import Serving, script
from tests.support.stand_in import StandIn

pytestmark = needs_opt_ml

JOBS = Path(__file__).parents[3] / "include" / "jobs"
# A score that is linear, so that its SHAP values are known: weight times distance from the baseline.
MODEL = """
def model_fn(model_dir):
    return None
def transform_fn(model, body, content_type, accept):
    text = body if isinstance(body, str) else bytes(body).decode()
    rows = [[float(cell) for cell in line.split(',')] for line in text.splitlines()]
    scores = [0.01 * age + 0.02 * income for age, income in rows]
    return ''.join(f'{score!r},{int(score > 0.8)}\\n' for score in scores), 'text/csv'
"""
RANDOM = np.random.default_rng(1)
ROWS = pd.DataFrame(
    {
        "sex": RANDOM.choice(["f", "m"], 80),
        "age": RANDOM.normal(40, 10, 80).round(1),
        "income": RANDOM.normal(20, 8, 80).round(1),
        "approved": RANDOM.integers(0, 2, 80),
    }
)


def question(model: str) -> dict[str, Any]:
    return {
        "version": "1.0",
        "dataset_type": "text/csv",
        "label": "approved",
        "label_values_or_threshold": [1],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["f"]}],
        "excluded_columns": ["sex"],
        "predictor": {
            "model_name": model,
            "instance_type": "ml.m5.large",
            "initial_instance_count": 1,
            "probability": 0,
            "label": 1,
        },
        "methods": {
            "pre_training_bias": {"methods": ["CI"]},
            "post_training_bias": {"methods": "all"},
            "shap": {"baseline": [[40, 10]], "num_samples": 50, "seed": 1},
            "pdp": {"grid_resolution": 4, "top_k_features": 1},
            "report": {"name": "report", "title": "Loans"},
        },
    }


class Lab:
    """A bucket with the question, the data and the code; and its jobs."""

    def __init__(self, stand_in: StandIn) -> None:
        self.serving = Serving(stand_in)
        self.s3 = stand_in.client("s3")
        self.sagemaker = self.serving.sagemaker

    def put(self, key: str, body: str | bytes) -> None:
        self.s3.put_object(Bucket=self.serving.bucket, Key=key, Body=body)

    def run(self, config: dict[str, Any], *, portable: bool = False) -> tuple[dict[str, Any], str]:
        """The job that has ended, and the prefix of what it wrote."""
        name = self.serving.name("clarify")
        uri = f"s3://{self.serving.bucket}/{name}"
        self.put(f"{name}/config/analysis_config.json", json.dumps(config))
        self.put(f"{name}/data/rows.csv", ROWS.to_csv(index=False))
        inputs = [
            processing_input("analysis_config", f"{uri}/config/", "/opt/ml/processing/input/config"),
            processing_input("dataset", f"{uri}/data/", "/opt/ml/processing/input/data"),
        ]
        more: dict[str, Any] = {"AppSpecification": {"ImageUri": CLARIFY}}
        if portable:
            for path in JOBS.rglob("*.py"):
                self.put(f"{name}/code/jobs/{path.relative_to(JOBS)}", path.read_bytes())
            inputs.append(processing_input("code", f"{uri}/code/", CODE))
            entry = ["python3", f"{CODE}/jobs/bias/measure.py"]
            more = {
                "AppSpecification": {"ImageUri": SCIKIT_LEARN, "ContainerEntrypoint": entry},
                "Environment": {"PYTHONPATH": CODE},
            }
        output = processing_output("analysis_result", f"{uri}/result")
        output["S3Output"]["LocalPath"] = "/opt/ml/processing/output"
        request = processing_request(
            name, ProcessingInputs=inputs, ProcessingOutputConfig={"Outputs": [output]}, **more
        )
        self.sagemaker.create_processing_job(**request)
        return ended_processing(self.sagemaker, name), f"{name}/result/"

    def read(self, key: str) -> str:
        text: str = self.s3.get_object(Bucket=self.serving.bucket, Key=key)["Body"].read().decode()
        return text


@pytest.fixture(scope="module")
def lab(stand_in: StandIn) -> Lab:
    return Lab(stand_in)


@pytest.fixture(scope="module")
def config(lab: Lab) -> dict[str, Any]:
    return question(lab.serving.model(script(MODEL)))


@pytest.fixture(scope="module")
def asked(lab: Lab, config: dict[str, Any]) -> str:
    """Where the Clarify image's files lie."""
    job, folder = lab.run(config)
    assert job["ProcessingJobStatus"] == "Completed", job
    return folder


def test_bias_after_training_is_that_of_the_models_predictions(lab: Lab, asked: str) -> None:
    """DPPL by its formula: the share of predicted positives among men, less that among women."""
    analysis = json.loads(lab.read(f"{asked}analysis.json"))
    assert list(analysis) == [
        "version",
        "post_training_bias_metrics",
        "pre_training_bias_metrics",
        "explanations",
    ]
    (block,) = analysis["post_training_bias_metrics"]["facets"]["sex"]
    assert len(block["metrics"]) == 13
    found = {metric["name"]: metric["value"] for metric in block["metrics"]}
    positive = 0.01 * ROWS["age"] + 0.02 * ROWS["income"] > 0.8
    women = ROWS["sex"] == "f"
    assert found["DPPL"] == pytest.approx(positive[~women].mean() - positive[women].mean())
    assert -1 <= found["FT"] <= 1  # rows of numbers have a distance


def test_shap_values_are_what_a_linear_model_has(lab: Lab, asked: str) -> None:
    header, *lines = csv.reader(io.StringIO(lab.read(f"{asked}explanations_shap/out.csv")))
    assert header == ["age_label0", "income_label0"]
    expected = np.stack([0.01 * (ROWS["age"] - 40), 0.02 * (ROWS["income"] - 10)], axis=1)
    assert np.array(lines, dtype=float) == pytest.approx(expected, abs=1e-9)
    shap = json.loads(lab.read(f"{asked}analysis.json"))["explanations"]["kernel_shap"]["label0"]
    assert shap["expected_value"] == pytest.approx(0.01 * 40 + 0.02 * 10)
    assert list(shap["global_shap_values"].values()) == pytest.approx(np.abs(expected).mean(axis=0))


def test_partial_dependence_follows_what_matters_most(lab: Lab, asked: str) -> None:
    (curve,) = json.loads(lab.read(f"{asked}analysis.json"))["explanations"]["pdp"]
    assert (curve["feature_name"], curve["label_headers"]) == ("income", ["label0"])
    expected = [0.01 * ROWS["age"].mean() + 0.02 * value for value in curve["feature_values"]]
    assert curve["model_predictions"][0] == pytest.approx(expected)
    page = lab.read(f"{asked}report.html")
    assert "What matters to" in page
    assert "after training" in page


def test_the_shadow_endpoint_is_gone(lab: Lab, asked: str) -> None:
    assert lab.sagemaker.list_endpoints(NameContains="sm-clarify")["Endpoints"] == []
    assert lab.sagemaker.list_endpoint_configs(NameContains="sm-clarify")["EndpointConfigs"] == []


def test_the_portable_engine_gives_the_same_files(lab: Lab, config: dict[str, Any], asked: str) -> None:
    job, folder = lab.run(config, portable=True)
    assert job["ProcessingJobStatus"] == "Completed", job
    for name in ("analysis.json", "explanations_shap/out.csv", "report.html"):
        assert lab.read(folder + name) == lab.read(asked + name)


def test_a_model_that_is_not_there_is_named(lab: Lab) -> None:
    job, _ = lab.run(question("no-such-model"))
    assert job["ProcessingJobStatus"] == "Failed"
    assert "no endpoint can be made of predictor.model_name 'no-such-model'" in job["ExitMessage"]
