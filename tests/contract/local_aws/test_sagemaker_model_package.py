"""The model registry: groups, their numbered versions, approval, and models that are made of a version."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.sagemaker_jobs import ROLE, SCIKIT_LEARN
from tests.support.serving import Serving, script
from tests.support.stand_in import StandIn

ACCOUNT = "arn:aws:sagemaker:us-east-1:000000000000"


@pytest.fixture(scope="module")
def serving(stand_in: StandIn) -> Serving:
    return Serving(stand_in)


@pytest.fixture
def group(serving: Serving) -> str:
    name = serving.name("Group")
    serving.sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def specification(serving: Serving, program: bytes | None = None) -> dict[str, Any]:
    return {"Containers": [{"Image": SCIKIT_LEARN, "ModelDataUrl": serving.upload(program or script())}]}


def version(serving: Serving, group: str, **more: Any) -> str:
    """The ARN of a new version."""
    answer = serving.sagemaker.create_model_package(
        **{"ModelPackageGroupName": group, "InferenceSpecification": specification(serving)} | more
    )
    return str(answer["ModelPackageArn"])


def refused(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call()
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


class TestGroup:
    def test_is_found_by_name_and_by_arn(self, serving: Serving, group: str) -> None:
        found = serving.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
        assert found["ModelPackageGroupStatus"] == "Completed"
        arn = found["ModelPackageGroupArn"]
        assert arn == f"{ACCOUNT}:model-package-group/{group.lower()}"
        again = serving.sagemaker.describe_model_package_group(ModelPackageGroupName=arn)
        assert again["ModelPackageGroupName"] == group

    def test_a_second_one_of_a_name_is_refused_as_airflow_expects(self, serving: Serving, group: str) -> None:
        code, said = refused(
            lambda: serving.sagemaker.create_model_package_group(ModelPackageGroupName=group)
        )
        assert code == "ValidationException"
        assert said.startswith("Model Package Group already exists")

    def test_is_deleted_when_it_is_empty(self, serving: Serving, group: str) -> None:
        first = version(serving, group)
        delete = lambda: serving.sagemaker.delete_model_package_group(ModelPackageGroupName=group)  # noqa: E731
        assert refused(delete)[0] == "ConflictException"
        serving.sagemaker.delete_model_package(ModelPackageName=first)
        delete()
        assert refused(
            lambda: serving.sagemaker.describe_model_package_group(ModelPackageGroupName=group)
        ) == (
            "ValidationException",
            f"ModelPackageGroup {ACCOUNT}:model-package-group/{group.lower()} does not exist.",
        )


class TestVersions:
    def test_are_numbered_and_a_number_is_never_used_again(self, serving: Serving, group: str) -> None:
        arns = [version(serving, group) for _ in range(11)]
        assert arns == [f"{ACCOUNT}:model-package/{group.lower()}/{number}" for number in range(1, 12)]
        serving.sagemaker.delete_model_package(ModelPackageName=arns[-1])
        assert version(serving, group) == f"{ACCOUNT}:model-package/{group.lower()}/12"
        listed = serving.sagemaker.get_paginator("list_model_packages").paginate(
            ModelPackageGroupName=group, SortBy="CreationTime", SortOrder="Descending", MaxResults=5
        )
        numbers = [p["ModelPackageVersion"] for page in listed for p in page["ModelPackageSummaryList"]]
        assert numbers == [12, *range(10, 0, -1)]

    def test_wait_for_approval_unless_they_say_otherwise(self, serving: Serving, group: str) -> None:
        pending = version(serving, group)
        approved = version(serving, group, ModelApprovalStatus="Approved")

        def of_status(status: str) -> list[str]:
            answer = serving.sagemaker.list_model_packages(
                ModelPackageGroupName=group, ModelApprovalStatus=status
            )
            return [package["ModelPackageArn"] for package in answer["ModelPackageSummaryList"]]

        assert of_status("PendingManualApproval") == [pending]
        assert of_status("Approved") == [approved]
        serving.sagemaker.update_model_package(
            ModelPackageArn=pending, ModelApprovalStatus="Rejected", ApprovalDescription="worse"
        )
        found = serving.sagemaker.describe_model_package(ModelPackageName=pending)
        assert (found["ModelApprovalStatus"], found["ApprovalDescription"]) == ("Rejected", "worse")
        assert found["LastModifiedTime"] >= found["CreationTime"]
        assert of_status("PendingManualApproval") == []

    def test_keep_what_is_known_of_them(self, serving: Serving, group: str) -> None:
        report = {"ContentType": "application/json", "S3Uri": "s3://b/evaluation.json"}
        given: dict[str, Any] = {
            "ModelMetrics": {"ModelQuality": {"Statistics": report}, "Explainability": {"Report": report}},
            "DriftCheckBaselines": {"ModelQuality": {"Statistics": report}},
            "MetadataProperties": {"GeneratedBy": "a job"},
            "CustomerMetadataProperties": {"auc": "0.85", "day": "2026-01-15"},
            "ModelCard": {"ModelCardContent": '{"model_overview": {}}', "ModelCardStatus": "Draft"},
        }
        arn = version(serving, group, **given)
        found = serving.sagemaker.describe_model_package(ModelPackageName=arn)
        assert {key: found[key] for key in given} == given
        serving.sagemaker.update_model_package(
            ModelPackageArn=arn,
            CustomerMetadataProperties={"auc": "0.86"},
            CustomerMetadataPropertiesToRemove=["day"],
            ModelCard={"ModelCardStatus": "Approved"},
        )
        found = serving.sagemaker.describe_model_package(ModelPackageName=arn)
        assert found["CustomerMetadataProperties"] == {"auc": "0.86"}
        assert found["ModelCard"] == given["ModelCard"] | {"ModelCardStatus": "Approved"}

    def test_the_same_call_again_makes_no_second_one(self, serving: Serving, group: str) -> None:
        token = serving.name("token")
        assert version(serving, group, ClientToken=token) == version(serving, group, ClientToken=token)
        found = serving.sagemaker.list_model_packages(ModelPackageGroupName=group)
        assert len(found["ModelPackageSummaryList"]) == 1

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"ModelPackageGroupName": "nobodys"}, "model-package-group/nobodys does not exist"),
            ({"ModelPackageName": "both"}, "not both"),
            ({"InferenceSpecification": {"Containers": [{"Image": "me/own:1"}]}}, "me/own:1"),
            (
                {
                    "InferenceSpecification": {
                        "Containers": [{"Image": SCIKIT_LEARN, "ModelDataUrl": "s3://nobody/m.tar.gz"}]
                    }
                },
                "Could not find model data at s3://nobody/m.tar.gz.",
            ),
        ],
    )
    def test_what_could_not_be_deployed_is_refused(
        self, serving: Serving, group: str, change: dict[str, Any], said: str
    ) -> None:
        code, message = refused(lambda: version(serving, group, **change))
        assert code == "ValidationException"
        assert said in message
        assert (
            serving.sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]
            == []
        )


class TestModelOfAVersion:
    def test_serves_when_the_version_is_approved(self, serving: Serving, group: str) -> None:
        program = script("def model_fn(d): return 1\ndef transform_fn(*a): return 'version one'\n")
        arn = version(serving, group, InferenceSpecification=specification(serving, program))
        name = serving.name("model")
        create = lambda: serving.sagemaker.create_model(  # noqa: E731
            ModelName=name, PrimaryContainer={"ModelPackageName": arn}, ExecutionRoleArn=ROLE
        )
        code, said = refused(create)
        assert code == "ValidationException"
        assert "PendingManualApproval" in said
        serving.sagemaker.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved")
        create()
        found = serving.sagemaker.describe_model(ModelName=name)
        assert found["PrimaryContainer"] == {"ModelPackageName": arn}
        endpoint = serving.endpoint(serving.config(name))
        assert serving.ask(endpoint, "x") == "version one"
        serving.sagemaker.delete_endpoint(EndpointName=endpoint)
