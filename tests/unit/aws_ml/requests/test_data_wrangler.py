"""The Data Wrangler job's request, and the flow that a run gives it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from aws_ml import flow
from aws_ml.requests import data_wrangler, processing_job
from aws_ml.schema import Workflow
from aws_ml.workflow import load_workflow
from tests.support.aws_model import faults
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CURATED = "s3://local-ml/loan_approval/curated/dt=2026-01-15/"
RUN = "s3://local-ml/loan_approval/runs/2026-01-15/ingest_analyze"


def test_the_request_is_that_of_awss_export_notebook() -> None:
    body = rendered(LOAN, data_wrangler.wrangle(LOAN))
    assert faults("sagemaker", "CreateProcessingJob", body) == []
    assert body["AppSpecification"] == {
        "ImageUri": "663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:3.x",
        "ContainerArguments": ['--output-config \'{"sample.default": {"content_type": "CSV"}}\''],
    }
    inputs = {
        each["InputName"]: (each["S3Input"]["S3Uri"], each["S3Input"]["LocalPath"])
        for each in body["ProcessingInputs"]
    }
    assert inputs == {
        "flow": (f"{RUN}/wrangler.flow", "/opt/ml/processing/flow"),
        "curated": (CURATED, "/opt/ml/processing/curated"),
    }
    (output,) = body["ProcessingOutputConfig"]["Outputs"]
    assert output["OutputName"] == "sample.default"
    assert output["S3Output"]["S3Uri"] == f"{RUN}/wrangled"
    assert output["S3Output"]["LocalPath"] == "/opt/ml/processing/output"


def test_the_flow_of_a_run_is_the_file_with_its_partition() -> None:
    document = rendered(LOAN, data_wrangler.flow_of_run(LOAN))
    file = json.loads((flow.FLOWS / "loan_approval.flow").read_text())
    (source,) = [node for node in document["nodes"] if node["type"] == "SOURCE"]
    context = source["parameters"]["dataset_definition"]["s3ExecutionContext"]
    assert context.pop("s3Uri") == CURATED
    (source,) = [node for node in file["nodes"] if node["type"] == "SOURCE"]
    del source["parameters"]["dataset_definition"]["s3ExecutionContext"]["s3Uri"]
    assert document == file


def by_a_flow() -> Workflow:
    """The sample workflow with features by a flow."""
    features = {
        "engine": "data_wrangler",
        "flow": "loan_approval_features.flow",
        "output_node": "encoded",
    }
    changed: Workflow = LOAN.model_copy(update={"features": LOAN.features.model_copy(update=features)})
    return changed


def test_a_flow_of_features_is_fitted_anew_on_the_training_rows() -> None:
    """Whatever the file has learned elsewhere: else a model learns from rows that it is judged by."""
    workflow = by_a_flow()
    body = rendered(workflow, data_wrangler.wrangle_features(workflow))
    assert faults("sagemaker", "CreateProcessingJob", body) == []
    assert body["AppSpecification"]["ContainerArguments"] == [
        '--output-config \'{"encoded.default": {"content_type": "PARQUET"}}\'',
        '--refit-trained-params \'{"refit": true, "output_flow": "fitted.flow"}\'',
    ]
    stage = RUN.replace("ingest_analyze", "prepare_transform")
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in body["ProcessingInputs"]}
    assert inputs == {"flow": f"{stage}/wrangler.flow", "curated": f"{stage}/rows/"}
    (output,) = body["ProcessingOutputConfig"]["Outputs"]
    assert output["S3Output"]["S3Uri"] == f"{stage}/wrangled"
    document = rendered(workflow, data_wrangler.features_flow(workflow))
    (source,) = [node for node in document["nodes"] if node["type"] == "SOURCE"]
    assert source["parameters"]["dataset_definition"]["s3ExecutionContext"]["s3Uri"] == f"{stage}/rows/"


def test_the_rows_to_fit_on_are_written_before_and_the_fitted_flow_is_read_after() -> None:
    workflow = by_a_flow()
    split = rendered(workflow, processing_job.split_rows(workflow))
    assert faults("sagemaker", "CreateProcessingJob", split) == []
    (output,) = split["ProcessingOutputConfig"]["Outputs"]
    stage = RUN.replace("ingest_analyze", "prepare_transform")
    assert output["S3Output"]["S3Uri"] == f"{stage}/rows"
    build = rendered(workflow, processing_job.build_features(workflow))
    assert faults("sagemaker", "CreateProcessingJob", build) == []
    inputs = {each["InputName"]: each["S3Input"]["S3Uri"] for each in build["ProcessingInputs"]}
    assert inputs["wrangled"] == f"{stage}/wrangled/loan-approval-wrangle-features-1/"
    same = {each["InputName"]: each["S3Input"]["S3Uri"] for each in split["ProcessingInputs"]}
    assert {name: inputs[name] for name in ("curated", "training")} == {
        name: same[name] for name in ("curated", "training")
    }


def faults_of(change: Any, output_node: str = "sample") -> str:
    document = flow.read("loan_approval.flow")
    change(document)
    return "\n".join(flow.faults(document, output_node))


def rename_source(document: Any) -> None:
    document["nodes"][0]["parameters"]["dataset_definition"]["name"] = "raw"


def make_csv(document: Any) -> None:
    document["nodes"][0]["parameters"]["dataset_definition"]["s3ExecutionContext"]["s3ContentType"] = "csv"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda document: document["nodes"].append(document["nodes"][1]),
            "types: its node_id is there 2 times",
        ),
        (lambda document: document["nodes"].pop(1), "node anonymous: its input types is no node of the flow"),
        (lambda document: document["nodes"].append(7), "found something else than mappings"),
        (
            rename_source,
            "found the sources sagemaker.s3_source_0.1 raw; allowed: one, sagemaker.s3_source_0.1 with",
        ),
        (lambda document: document["nodes"].clear(), "found the sources none; allowed: one"),
        (make_csv, "found another s3ContentType than parquet"),
        (lambda document: document["nodes"].pop(), "output_node: found sample; allowed: curated, types"),
        (
            lambda document: document["nodes"][1]["parameters"].update(code="print('{{ x }}')"),
            "found {{ in a text; allowed: texts without it",
        ),
    ],
)
def test_a_flow_that_does_not_fit_is_refused(change: Any, says: str) -> None:
    assert says in faults_of(change)


def test_the_projects_flows_fit() -> None:
    assert faults_of(str) == ""
    assert flow.names() == ["census_income.flow", "loan_approval.flow", "loan_approval_features.flow"]


def test_a_file_that_is_not_there_or_not_json_is_told(tmp_path: Path) -> None:
    with pytest.raises(flow.FlowUnfit, match=r"found x\.flow; allowed: none|found x\.flow; allowed: "):
        flow.read("x.flow", tmp_path)
    (tmp_path / "x.flow").write_text("{")
    with pytest.raises(flow.FlowUnfit, match=r"x\.flow is not JSON"):
        flow.read("x.flow", tmp_path)
    (tmp_path / "x.flow").write_text("{}")
    with pytest.raises(flow.FlowUnfit, match='not a mapping with a list "nodes"'):
        flow.read("x.flow", tmp_path)
