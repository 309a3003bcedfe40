"""Models, endpoint configurations and tags: records that are checked when they are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import ROLE, SCIKIT_LEARN
from tests.support.serving import Serving, script
from tests.support.stand_in import StandIn


@pytest.fixture(scope="module")
def serving(stand_in: StandIn) -> Serving:
    return Serving(stand_in)


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class TestModel:
    def test_describe_is_what_was_created(self, serving: Serving) -> None:
        container = {
            "Image": SCIKIT_LEARN,
            "ModelDataUrl": serving.upload(script()),
            "Environment": {"SAGEMAKER_PROGRAM": "inference.py"},
            "Mode": "SingleModel",
        }
        name = serving.name("model")
        arn = serving.sagemaker.create_model(
            ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE
        )["ModelArn"]
        assert arn == f"arn:aws:sagemaker:us-east-1:000000000000:model/{name}"
        found = serving.sagemaker.describe_model(ModelName=name)
        assert found["PrimaryContainer"] == container
        assert (found["ModelArn"], found["ExecutionRoleArn"]) == (arn, ROLE)
        assert found["EnableNetworkIsolation"] is False

    def test_uncompressed_model_data(self, serving: Serving) -> None:
        """ModelDataSource with a prefix: the objects below it are the model's files."""
        key = f"{serving.name('plain')}/code/inference.py"
        text = b"def model_fn(d): return 1\ndef transform_fn(*a): return 'plain'\n"
        serving.stand_in.client("s3").put_object(Bucket=serving.bucket, Key=key, Body=text)
        source = {
            "S3Uri": f"s3://{serving.bucket}/{key.split('/', maxsplit=1)[0]}/",
            "S3DataType": "S3Prefix",
            "CompressionType": "None",
        }
        name = serving.name("model")
        serving.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": SCIKIT_LEARN, "ModelDataSource": {"S3DataSource": source}},
            ExecutionRoleArn=ROLE,
        )
        endpoint = serving.endpoint(serving.config(name))
        assert serving.ask(endpoint, "x") == "plain"
        serving.sagemaker.delete_endpoint(EndpointName=endpoint)

    def test_names(self, serving: Serving) -> None:
        name = serving.model()
        arn = serving.sagemaker.describe_model(ModelName=name)["ModelArn"]
        again: dict[str, Any] = {"ModelName": name, "PrimaryContainer": {"Image": SCIKIT_LEARN}}
        assert refused(lambda: serving.sagemaker.create_model(**again, ExecutionRoleArn=ROLE)) == (
            "ValidationException",
            f'Cannot create already existing model "{arn}".',
        )
        serving.sagemaker.delete_model(ModelName=name)
        missing = ("ValidationException", f'Could not find model "{arn}".')
        assert refused(lambda: serving.sagemaker.describe_model(ModelName=name)) == missing
        assert refused(lambda: serving.sagemaker.delete_model(ModelName=name)) == missing

    @pytest.mark.parametrize(
        ("container", "code", "said"),
        [
            ({"Image": "me/own:1"}, "ValidationException", "sagemaker-scikit-learn"),
            (
                {"Image": SCIKIT_LEARN.replace("scikit-learn", "clarify-processing")},
                "ValidationException",
                "serve",
            ),
            ({}, "ValidationException", "Image"),
            (
                {"Image": SCIKIT_LEARN, "ModelDataUrl": "s3://nobody/model.tar.gz"},
                "ValidationException",
                "Could not find model data at s3://nobody/model.tar.gz.",
            ),
            ({"Image": SCIKIT_LEARN, "Mode": "MultiModel"}, "NotImplemented", "MultiModel"),
            (
                {"Image": SCIKIT_LEARN, "ModelPackageName": "package"},
                "ValidationException",
                "no Image of its own",
            ),
            ({"ModelPackageName": "nobodys"}, "ValidationException", "nobodys does not exist"),
        ],
    )
    def test_what_cannot_be_served_is_refused(
        self, serving: Serving, container: dict[str, str], code: str, said: str
    ) -> None:
        """When the model is made, not when an endpoint fails with it."""
        found, message = refused(
            lambda: serving.sagemaker.create_model(
                ModelName=serving.name("model"), PrimaryContainer=container, ExecutionRoleArn=ROLE
            )
        )
        assert found == code
        assert said in message

    def test_no_container(self, serving: Serving) -> None:
        code, _ = refused(lambda: serving.sagemaker.create_model(ModelName="x", ExecutionRoleArn=ROLE))
        assert code == "ValidationException"

    def test_list_pages(self, serving: Serving) -> None:
        prefix = serving.name("page")
        for number in range(12):
            serving.sagemaker.create_model(
                ModelName=f"{prefix}-{number:02}",
                PrimaryContainer={"Image": SCIKIT_LEARN},
                ExecutionRoleArn=ROLE,
            )
        first = serving.sagemaker.list_models(NameContains=prefix, SortBy="Name", SortOrder="Ascending")
        assert len(first["Models"]) == 10
        rest = serving.sagemaker.list_models(
            NameContains=prefix, SortBy="Name", SortOrder="Ascending", NextToken=first["NextToken"]
        )
        assert [m["ModelName"][-2:] for m in rest["Models"]] == ["10", "11"]
        assert "NextToken" not in rest


class TestEndpointConfig:
    def variant(self, serving: Serving, **more: Any) -> dict[str, Any]:
        return {
            "VariantName": "AllTraffic",
            "ModelName": serving.model(),
            "InstanceType": "ml.m5.large",
            "InitialInstanceCount": 1,
            **more,
        }

    def create(self, serving: Serving, *variants: dict[str, Any], **more: Any) -> str:
        name = serving.name("config")
        serving.sagemaker.create_endpoint_config(
            EndpointConfigName=name, ProductionVariants=list(variants), **more
        )
        return name

    def test_describe_is_what_was_created(self, serving: Serving) -> None:
        variant = self.variant(serving)
        name = self.create(serving, variant)
        found = serving.sagemaker.describe_endpoint_config(EndpointConfigName=name)
        assert found["ProductionVariants"] == [{**variant, "InitialVariantWeight": 1.0}]
        arn = f"arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/{name}"
        assert found["EndpointConfigArn"] == arn
        assert refused(
            lambda: serving.sagemaker.create_endpoint_config(
                EndpointConfigName=name, ProductionVariants=[variant]
            )
        ) == ("ValidationException", f'Cannot create already existing endpoint configuration "{arn}".')
        serving.sagemaker.delete_endpoint_config(EndpointConfigName=name)
        assert refused(lambda: serving.sagemaker.describe_endpoint_config(EndpointConfigName=name)) == (
            "ValidationException",
            f'Could not find endpoint configuration "{arn}".',
        )

    def test_its_models_must_exist(self, serving: Serving) -> None:
        code, message = refused(lambda: self.create(serving, self.variant(serving, ModelName="nobody")))
        assert code == "ValidationException"
        assert message.startswith("Could not find model")

    def test_variant_names_are_unique(self, serving: Serving) -> None:
        variant = self.variant(serving)
        assert refused(lambda: self.create(serving, variant, variant))[0] == "ValidationException"

    def test_an_instance_type_that_does_not_exist(self, serving: Serving) -> None:
        variant = self.variant(serving, InstanceType="ml.m99.huge")
        assert refused(lambda: self.create(serving, variant))[0] == "ValidationException"

    def test_what_is_not_emulated_is_named(self, serving: Serving) -> None:
        serverless = {
            "VariantName": "AllTraffic",
            "ModelName": serving.model(),
            "ServerlessConfig": {"MemorySizeInMB": 2048, "MaxConcurrency": 1},
        }
        variant = self.variant(serving)
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://b/c",
            "CaptureOptions": [{"CaptureMode": "Input"}],
        }
        asynchronous = {"OutputConfig": {"S3OutputPath": "s3://bucket/out"}}
        for call, what in (
            (lambda: self.create(serving, serverless), "ServerlessConfig"),
            (lambda: self.create(serving, variant, DataCaptureConfig=capture), "DataCaptureConfig"),
            (
                lambda: self.create(serving, variant, AsyncInferenceConfig=asynchronous),
                "AsyncInferenceConfig",
            ),
            (
                lambda: self.create(serving, variant, ShadowProductionVariants=[variant]),
                "ShadowProductionVariants",
            ),
        ):
            code, message = refused(call)
            assert code == "NotImplemented"
            assert f"sagemaker.CreateEndpointConfig with {what}" in message or what in message


class TestTags:
    def tags(self, serving: Serving, arn: str) -> dict[str, str]:
        return {t["Key"]: t["Value"] for t in serving.sagemaker.list_tags(ResourceArn=arn)["Tags"]}

    def test_life(self, serving: Serving) -> None:
        """Given at creation, added, overwritten, removed, gone with the resource."""
        name = serving.name("model")
        arn = serving.sagemaker.create_model(
            ModelName=name,
            PrimaryContainer={"Image": SCIKIT_LEARN},
            ExecutionRoleArn=ROLE,
            Tags=[{"Key": "a", "Value": "1"}],
        )["ModelArn"]
        assert self.tags(serving, arn) == {"a": "1"}
        added = serving.sagemaker.add_tags(
            ResourceArn=arn, Tags=[{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
        )
        assert added["Tags"] == [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": ""}]
        serving.sagemaker.delete_tags(ResourceArn=arn, TagKeys=["a", "absent"])
        assert self.tags(serving, arn) == {"b": ""}
        serving.sagemaker.delete_model(ModelName=name)
        assert refused(lambda: self.tags(serving, arn))[0] == "ValidationException"

    def test_at_most_fifty(self, serving: Serving) -> None:
        arn = serving.sagemaker.describe_model(ModelName=serving.model())["ModelArn"]
        fifty = [{"Key": f"k{number:02}", "Value": "v"} for number in range(50)]
        serving.sagemaker.add_tags(ResourceArn=arn, Tags=fifty)
        code, _ = refused(
            lambda: serving.sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "one-more", "Value": ""}])
        )
        assert code == "ResourceLimitExceeded"
        assert len(self.tags(serving, arn)) == 50
