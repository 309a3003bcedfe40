"""What Clarify is asked, and that the job is one it allows."""

from __future__ import annotations

from pathlib import Path

from aws_ml.requests.clarify import analysis_config, measure_bias
from aws_ml.schema import Intersection
from aws_ml.workflow import load_workflow
from tests.unit.aws_ml.rendering import rendered

ROOT = Path(__file__).parents[4]
LOAN = load_workflow(ROOT / "include" / "workflows" / "loan_approval.yaml")
CENSUS = load_workflow(ROOT / "tests" / "workflows" / "census_income.yaml")


def test_the_question_names_label_facets_group_and_metrics() -> None:
    assert analysis_config(CENSUS) == {
        "version": "1.0",
        "dataset_type": "application/x-parquet",
        "label": "target",
        "label_values_or_threshold": [">50K"],
        "facet": [{"name_or_index": "sex", "value_or_threshold": ["Female"]}],
        "group_variable": "age",
        "methods": {
            "pre_training_bias": {"methods": ["CI", "DPL", "KL", "JS", "LP", "TVD", "KS", "CDDL"]},
            "report": {"name": "report", "title": "Bias in the labels of census_income"},
        },
    }


def test_a_threshold_is_the_one_value_of_its_facet() -> None:
    facets = analysis_config(LOAN)["facet"]
    assert facets[1] == {"name_or_index": "age", "value_or_threshold": [60]}


def test_crossed_facets_are_asked_for_with_their_values() -> None:
    both = Intersection(facets=["sex", "age"])
    bias = LOAN.bias.model_copy(update={"engine": "portable", "intersections": [both]})
    assert analysis_config(LOAN.model_copy(update={"bias": bias}))["facet_intersections"] == [
        [
            {"name_or_index": "sex", "value_or_threshold": ["female"]},
            {"name_or_index": "age", "value_or_threshold": [60]},
        ]
    ]
    assert "facet_intersections" not in analysis_config(LOAN)  # Clarify would refuse the key


def test_without_a_group_none_is_sent() -> None:
    bias = LOAN.bias.model_copy(update={"group": None})
    assert "group_variable" not in analysis_config(LOAN.model_copy(update={"bias": bias}))


def test_the_job_follows_clarifys_rules() -> None:
    """No entry point, one output uploaded at the end, inputs in the folders that the image reads."""
    job = rendered(LOAN, measure_bias(LOAN))
    assert set(job["AppSpecification"]) == {"ImageUri"}
    assert "sagemaker-clarify-processing" in job["AppSpecification"]["ImageUri"]
    places = {each["InputName"]: each["S3Input"] for each in job["ProcessingInputs"]}
    assert places["analysis_config"]["LocalPath"] == "/opt/ml/processing/input/config"
    assert places["analysis_config"]["S3Uri"].endswith("/bias/analysis_config.json")
    assert places["dataset"]["LocalPath"] == "/opt/ml/processing/input/data"
    (output,) = job["ProcessingOutputConfig"]["Outputs"]
    assert output["OutputName"] == "analysis_result"
    assert output["S3Output"]["S3UploadMode"] == "EndOfJob"


def test_the_portable_engine_asks_the_same_question_of_our_own_program() -> None:
    """Only image, entry point and code differ: the inputs, the output and the limits are Clarify's."""
    bias = LOAN.bias.model_copy(update={"engine": "portable"})
    managed = rendered(LOAN, measure_bias(LOAN))
    portable = rendered(LOAN, measure_bias(LOAN.model_copy(update={"bias": bias})))
    application = portable.pop("AppSpecification")
    assert "sagemaker-scikit-learn" in application["ImageUri"]
    assert application["ContainerEntrypoint"][-1].endswith("/code/jobs/bias/measure.py")
    assert portable.pop("Environment") == {"PYTHONPATH": "/opt/ml/processing/input/code"}
    code, *others = portable.pop("ProcessingInputs")
    assert code["InputName"] == "code"
    assert others == managed.pop("ProcessingInputs")
    managed.pop("AppSpecification")
    assert portable == managed
