"""Image URIs."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.images.catalog import UnknownImage, find
from local_aws.images.data_wrangler.spark import SPARK_PACKAGES
from local_aws.images.programs import (
    DATA_WRANGLER,
    TOOLKIT,
    XGBOOST,
    processing_program,
    training_program,
)
from local_aws.settings import Settings

ECR = "683313688378.dkr.ecr.us-east-1.amazonaws.com"


@pytest.mark.parametrize(
    ("uri", "name", "tag"),
    [
        (f"{ECR}/sagemaker-xgboost:3.2-0", "xgboost", "3.2-0"),
        (f"{ECR}/sagemaker-scikit-learn:1.4-2-cpu-py3", "scikit_learn", "1.4-2-cpu-py3"),
        (
            "131013547314.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-clarify-processing:1.0",
            "clarify",
            "1.0",
        ),
        ("387376663083.dkr.ecr.cn-north-1.amazonaws.com.cn/sagemaker-xgboost:1.7-1", "xgboost", "1.7-1"),
        (f"{ECR}/sagemaker-xgboost", "xgboost", "latest"),
        (f"{ECR}/sagemaker-xgboost:1.7-1@sha256:{'0' * 64}", "xgboost", "1.7-1"),
    ],
)
def test_an_image_is_known_in_any_account_and_region(uri: str, name: str, tag: str) -> None:
    image = find(uri)
    assert (image.name, image.tag, image.uri) == (name, tag, uri)


@pytest.mark.parametrize(
    "uri", ["", "python:3.11", f"{ECR}/my-own:1", f"{ECR}/sagemaker-xgboost/../x:1", "sagemaker-xgboost:1"]
)
def test_an_unknown_image_names_the_known_ones(uri: str) -> None:
    with pytest.raises(
        UnknownImage,
        match=r"sagemaker-clarify-processing, sagemaker-data-wrangler-container, sagemaker-debugger-rules",
    ):
        find(uri)


def test_xgboost_is_an_algorithm_until_a_script_is_named() -> None:
    image = find(f"{ECR}/sagemaker-xgboost:3.2-0")
    assert training_program(image, {}) == XGBOOST
    assert training_program(image, {"sagemaker_program": "train.py"}) == TOOLKIT


def test_data_wrangler_runs_flows_and_trains_nothing(tmp_path: Path) -> None:
    image = find("663277389841.dkr.ecr.us-east-1.amazonaws.com/sagemaker-data-wrangler-container:3.x")
    assert (image.name, image.tag) == ("data_wrangler", "3.x")
    program = processing_program(image, Settings(data_dir=tmp_path, spark_python=tmp_path / "bin" / "python"))
    assert program
    assert program.argv == DATA_WRANGLER.argv
    assert program.env == {**DATA_WRANGLER.env, SPARK_PACKAGES: ""}, "there is no Spark"
    assert training_program(image, {}) is None


def test_other_images_have_no_processing_program(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    program = processing_program(find(f"{ECR}/sagemaker-clarify-processing:1.0"), settings)
    assert program
    assert program.argv[1].endswith("jobs/bias/clarify.py")
    program = processing_program(find(f"{ECR}/sagemaker-debugger-rules:latest"), settings)
    assert program is not None
    assert program.argv[1].endswith("jobs/training/debugger.py")
    assert processing_program(find(f"{ECR}/sagemaker-xgboost:3.2-0"), settings) is None
    assert training_program(find(f"{ECR}/sagemaker-clarify-processing:1.0"), {}) is None
