"""Validation in AWS's words, against botocore's real models."""

from __future__ import annotations

from typing import Any

import pytest

from local_aws.app import load_services
from local_aws.wire import protocol, validation
from local_aws.wire.errors import AwsError
from local_aws.wire.registry import REGISTRY

load_services()

ROLE = "arn:aws:iam::000000000000:role/r"


def message(service: str, operation: str, parameters: dict[str, Any], **more: Any) -> str:
    with pytest.raises(AwsError) as caught:
        validation.check(service, operation, parameters, **more)
    return f"{caught.value.code}: {caught.value.message}"


def model(**changes: Any) -> dict[str, Any]:
    return {"ModelName": "m", "ExecutionRoleArn": ROLE, **changes}


def test_good_input_passes() -> None:
    validation.check(
        "sagemaker", "CreateModel", model(PrimaryContainer={"Image": "i", "Environment": {"A": "1"}})
    )


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        (
            model(ModelName="a b"),
            "1 validation error detected: Value 'a b' at 'modelName' failed to satisfy constraint: "
            "Member must satisfy regular expression pattern: ",
        ),
        (
            model(ModelName="m" * 64),
            f"Value '{'m' * 64}' at 'modelName' failed to satisfy constraint: "
            "Member must have length less than or equal to 63",
        ),
        (
            {},
            "1 validation error detected: Value null at 'modelName' failed to satisfy constraint: "
            "Member must not be null",
        ),
        (
            model(PrimaryContainer={"Image": "i", "Mode": "Some"}),
            "Value 'Some' at 'primaryContainer.mode' failed to satisfy constraint: "
            "Member must satisfy enum value set: [SingleModel, MultiModel]",
        ),
        (
            model(Tags=[{"Key": "k", "Value": "v"}, {"Key": "", "Value": "v"}]),
            "Value '' at 'tags.2.member.key' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        ),
        (
            model(VpcConfig={"SecurityGroupIds": ["bad id"], "Subnets": ["s"]}),
            "Value '[bad id]' at 'vpcConfig.securityGroupIds' failed to satisfy constraint: "
            "Member must satisfy constraint: [Member must have length less than or equal to 32, ",
        ),
        (
            model(PrimaryContainer={"Environment": {"not a name": "1"}}),
            "at 'primaryContainer.environment' failed to satisfy constraint: "
            "Map keys must satisfy constraint: ",
        ),
    ],
)
def test_one_fault(parameters: dict[str, Any], expected: str) -> None:
    assert expected in message("sagemaker", "CreateModel", parameters)


def test_several_faults_in_one_message() -> None:
    told = message("sagemaker", "CreateModel", {"ModelName": "a b", "ExecutionRoleArn": "no arn"})
    assert told.startswith("ValidationException: 3 validation errors detected: ")  # pattern, length, pattern
    assert told.count("failed to satisfy constraint") == 3


def test_numbers() -> None:
    told = message(
        "sagemaker",
        "CreateEndpointConfig",
        {
            "EndpointConfigName": "c",
            "ProductionVariants": [{"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 0}],
        },
    )
    assert "Value '0' at 'productionVariants.1.member.initialInstanceCount'" in told
    assert "Member must have value greater than or equal to 1" in told


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sagemaker", "DescribeModel", "ValidationException"),
        ("glue", "GetTable", "InvalidInputException"),
        ("athena", "GetQueryExecution", "InvalidRequestException"),
        ("logs", "CreateLogGroup", "InvalidParameterException"),
        ("sts", "AssumeRole", "ValidationError"),
        ("sagemaker-runtime", "InvokeEndpoint", "ValidationError"),
    ],
)
def test_each_service_has_its_code(service: str, operation: str, code: str) -> None:
    assert message(service, operation, {}).startswith(f"{code}: ")


def instance(kind: str) -> dict[str, Any]:
    variant = {"VariantName": "v", "ModelName": "m", "InitialInstanceCount": 1, "InstanceType": kind}
    return {"EndpointConfigName": "c", "ProductionVariants": [variant]}


def test_instance_types_that_botocore_does_not_know_yet() -> None:
    call = ("sagemaker", "CreateEndpointConfig")
    assert "enum value set" in message(*call, instance("ml.m99.large"))
    validation.check(*call, instance("ml.m99.large"), check_instance_types=False)
    assert "enum value set" in message(*call, instance("large"), check_instance_types=False)


def test_every_pattern_of_every_emulated_service_compiles() -> None:
    for service in REGISTRY.services:
        shapes = protocol.model(service)
        for name in shapes.shape_names:
            pattern = shapes.shape_for(name).metadata.get("pattern")
            if pattern:
                validation._pattern(pattern)


def test_characters_beyond_the_basic_plane() -> None:
    """Glue's models write them as Java's surrogate pairs."""
    validation.check("glue", "GetTable", {"DatabaseName": "d", "Name": "table😀"})
    assert "pattern" in message("glue", "GetTable", {"DatabaseName": "d", "Name": "bell\x07"})
