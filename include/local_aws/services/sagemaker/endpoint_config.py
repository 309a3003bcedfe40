"""Endpoint configurations: which models an endpoint serves, each as a production variant with a weight."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from local_aws.services.context import Context
from local_aws.services.sagemaker import model, tags
from local_aws.services.sagemaker.arns import arn, existing, missing
from local_aws.services.sagemaker.listing import listed
from local_aws.state.records import RecordExists
from local_aws.wire.errors import AwsError, NotEmulated
from local_aws.wire.registry import Call, operation

KIND = "sagemaker.endpoint_config"

_NOT_EMULATED = (
    "AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants", "CrossRegionTrafficConfig",
)  # fmt: skip
_VARIANTS_NOT_EMULATED = (
    "ServerlessConfig", "InstancePools", "ManagedInstanceScaling", "AcceleratorType", "CoreDumpConfig",
    "CapacityReservationConfig", "AcceleratorPartitionLayouts",
)  # fmt: skip


@operation("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(context: Context, call: Call) -> dict[str, Any]:
    """Store a configuration; its models must exist. Nothing runs until an endpoint uses it."""
    body = {key: value for key, value in call.parameters.items() if key != "Tags"}
    for field in _NOT_EMULATED:
        if body.get(field):
            raise NotEmulated("sagemaker", "CreateEndpointConfig", field)
    if body.get("DataCaptureConfig", {}).get("EnableCapture", "DataCaptureConfig" in body):
        raise NotEmulated("sagemaker", "CreateEndpointConfig", "DataCaptureConfig")
    body["ProductionVariants"] = [_variant(context, variant) for variant in body["ProductionVariants"]]
    names = [variant["VariantName"] for variant in body["ProductionVariants"]]
    if len(set(names)) < len(names):
        raise AwsError("ValidationException", f"Variant names must be unique; they are {', '.join(names)}.")
    name = body["EndpointConfigName"]
    body |= {"EndpointConfigArn": arn(context, "endpoint-config", name), "CreationTime": datetime.now(UTC)}
    body.setdefault("EnableNetworkIsolation", False)
    with context.database.transaction():
        try:
            context.records(KIND).insert(name, body)
        except RecordExists:
            raise existing(context, "endpoint-config", name, "endpoint configuration") from None
        tags.remember(context, body["EndpointConfigArn"], call.parameters.get("Tags"))
    return {"EndpointConfigArn": body["EndpointConfigArn"]}


def _variant(context: Context, variant: dict[str, Any]) -> dict[str, Any]:
    """The variant with AWS's defaults. Raises AwsError for what cannot be served."""
    for field in _VARIANTS_NOT_EMULATED:
        if variant.get(field):
            raise NotEmulated("sagemaker", "CreateEndpointConfig", f"ProductionVariants.{field}")
    if not variant.get("ModelName"):
        raise NotEmulated(
            "sagemaker", "CreateEndpointConfig", "variants for inference components (no ModelName)"
        )
    for field in ("InstanceType", "InitialInstanceCount"):
        if not variant.get(field):
            raise AwsError(
                "ValidationException", f"Production variant {variant['VariantName']} needs {field}."
            )
    model.stored(context, variant["ModelName"])
    return {"InitialVariantWeight": 1.0, **variant}


@operation("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(context: Context, call: Call) -> dict[str, Any]:
    """The configuration as it was created."""
    return stored(context, call.parameters["EndpointConfigName"])


@operation("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(context: Context, call: Call) -> dict[str, Any]:
    """Configurations by name or time of creation."""
    return listed(
        (record.body for record in context.records(KIND).scan()),
        call.parameters,
        name="EndpointConfigName",
        member="EndpointConfigs",
        fields=("EndpointConfigName", "EndpointConfigArn", "CreationTime"),
    )


@operation("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(context: Context, call: Call) -> dict[str, Any]:
    """Remove the record; endpoints that use the configuration go on."""
    name = call.parameters["EndpointConfigName"]
    with context.database.transaction():
        if not context.records(KIND).delete(name):
            raise missing(context, "endpoint-config", name, "endpoint configuration")
        tags.forget(context, arn(context, "endpoint-config", name))
    return {}


def stored(context: Context, name: str) -> dict[str, Any]:
    """The configuration's record. Raises AwsError when there is none."""
    found = context.records(KIND).find(name)
    if found is None:
        raise missing(context, "endpoint-config", name, "endpoint configuration")
    return found.body
