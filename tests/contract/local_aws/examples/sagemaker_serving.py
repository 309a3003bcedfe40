"""SageMaker models, endpoint configurations, endpoints, their runtime, and tags."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example
from tests.support.sagemaker_jobs import ROLE, SCIKIT_LEARN
from tests.support.serving import Serving

TAGS = [{"Key": "team", "Value": "ml"}]


@example("sagemaker", "CreateModel")
def create_model(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {
        "ModelName": world.name("model"),
        "PrimaryContainer": {
            "Image": SCIKIT_LEARN,
            "ModelDataUrl": serving.upload(b"x"),
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
        },
        "ExecutionRoleArn": ROLE,
        "Tags": TAGS,
    }


@example("sagemaker", "DescribeModel")
def describe_model(world: World) -> Request:
    return {"ModelName": Serving(world.stand_in).model()}


@example("sagemaker", "ListModels")
def list_models(world: World) -> Request:
    name = Serving(world.stand_in).model()
    return {"NameContains": name, "SortBy": "Name", "SortOrder": "Ascending", "MaxResults": 5}


@example("sagemaker", "DeleteModel")
def delete_model(world: World) -> Request:
    return {"ModelName": Serving(world.stand_in).model()}


@example("sagemaker", "CreateEndpointConfig")
def create_endpoint_config(world: World) -> Request:
    return {
        "EndpointConfigName": world.name("config"),
        "ProductionVariants": [
            {
                "VariantName": "AllTraffic",
                "ModelName": Serving(world.stand_in).model(),
                "InstanceType": "ml.m5.large",
                "InitialInstanceCount": 2,
            }
        ],
        "Tags": TAGS,
    }


@example("sagemaker", "DescribeEndpointConfig")
def describe_endpoint_config(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {"EndpointConfigName": serving.config(serving.model())}


@example("sagemaker", "ListEndpointConfigs")
def list_endpoint_configs(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {"NameContains": serving.config(serving.model())}


@example("sagemaker", "DeleteEndpointConfig")
def delete_endpoint_config(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {"EndpointConfigName": serving.config(serving.model())}


@example("sagemaker", "CreateEndpoint")
def create_endpoint(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {
        "EndpointName": world.name("endpoint"),
        "EndpointConfigName": serving.config(serving.model()),
        "Tags": TAGS,
    }


def in_service(world: World) -> str:
    """The name of an endpoint that answers."""
    serving = Serving(world.stand_in)
    return serving.endpoint(serving.config(serving.model()))


@example("sagemaker", "DescribeEndpoint")
def describe_endpoint(world: World) -> Request:
    return {"EndpointName": in_service(world)}


@example("sagemaker", "ListEndpoints")
def list_endpoints(world: World) -> Request:
    return {"NameContains": in_service(world), "StatusEquals": "InService", "SortBy": "Status"}


@example("sagemaker", "UpdateEndpoint")
def update_endpoint(world: World) -> Request:
    serving = Serving(world.stand_in)
    return {"EndpointName": in_service(world), "EndpointConfigName": serving.config(serving.model())}


@example("sagemaker", "UpdateEndpointWeightsAndCapacities")
def update_endpoint_weights_and_capacities(world: World) -> Request:
    return {
        "EndpointName": in_service(world),
        "DesiredWeightsAndCapacities": [
            {"VariantName": "AllTraffic", "DesiredWeight": 2.0, "DesiredInstanceCount": 3}
        ],
    }


@example("sagemaker", "DeleteEndpoint")
def delete_endpoint(world: World) -> Request:
    return {"EndpointName": in_service(world)}


@example("sagemaker-runtime", "InvokeEndpoint")
def invoke_endpoint(world: World) -> Request:
    return {
        "EndpointName": in_service(world),
        "Body": b"6 * 7",
        "ContentType": "text/csv",
        "Accept": "text/plain",
        "TargetVariant": "AllTraffic",
        "CustomAttributes": "trace=1",
        "InferenceId": "one",
    }


def tagged(world: World) -> str:
    """The ARN of a model with a tag."""
    sagemaker = world.client("sagemaker")
    arn: str = sagemaker.describe_model(ModelName=Serving(world.stand_in).model())["ModelArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=TAGS)
    return arn


@example("sagemaker", "AddTags")
def add_tags(world: World) -> Request:
    return {"ResourceArn": tagged(world), "Tags": [{"Key": "stage", "Value": "test"}]}


@example("sagemaker", "ListTags")
def list_tags(world: World) -> Request:
    return {"ResourceArn": tagged(world)}


@example("sagemaker", "DeleteTags")
def delete_tags(world: World) -> Request:
    return {"ResourceArn": tagged(world), "TagKeys": ["team"]}
