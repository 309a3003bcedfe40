"""IAM roles through boto3."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn

TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}
POLICY = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


@pytest.fixture
def iam(stand_in: StandIn) -> Any:
    return stand_in.client("iam")


@pytest.fixture
def role(iam: Any) -> str:
    name = f"role-{uuid.uuid4().hex[:8]}"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(TRUST))
    return name


def code(call: Any, **parameters: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    found: str = caught.value.response["Error"]["Code"]
    return found


def test_a_role_comes_back_as_it_was_made(iam: Any) -> None:
    made = iam.create_role(
        RoleName="whole",
        Path="/service-role/",
        AssumeRolePolicyDocument=json.dumps(TRUST),
        Description="Trains & <deploys>",
        MaxSessionDuration=7200,
        Tags=[{"Key": "team", "Value": "ml"}],
    )["Role"]
    assert made["Arn"] == "arn:aws:iam::000000000000:role/service-role/whole"
    assert made["AssumeRolePolicyDocument"] == TRUST
    assert iam.get_role(RoleName="whole")["Role"] == made
    assert iam.list_roles(PathPrefix="/service-role/")["Roles"][0]["RoleName"] == "whole"


def test_names_are_unique(iam: Any, role: str) -> None:
    again = {"RoleName": role, "AssumeRolePolicyDocument": "{}"}
    assert code(iam.create_role, **again) == "EntityAlreadyExists"
    assert code(iam.get_role, RoleName="absent") == "NoSuchEntity"


def test_policies_of_a_role(iam: Any, role: str) -> None:
    iam.attach_role_policy(RoleName=role, PolicyArn=POLICY)
    iam.attach_role_policy(RoleName=role, PolicyArn=POLICY)
    attached = iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert attached == [{"PolicyName": "AmazonSageMakerFullAccess", "PolicyArn": POLICY}]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=json.dumps(TRUST))
    assert iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyDocument"] == TRUST
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["own"]
    assert code(iam.delete_role, RoleName=role) == "DeleteConflict"
    iam.detach_role_policy(RoleName=role, PolicyArn=POLICY)
    assert code(iam.detach_role_policy, RoleName=role, PolicyArn=POLICY) == "NoSuchEntity"
    assert code(iam.delete_role, RoleName=role) == "DeleteConflict"
    iam.delete_role_policy(RoleName=role, PolicyName="own")
    iam.delete_role(RoleName=role)
    assert code(iam.get_role, RoleName=role) == "NoSuchEntity"


def test_bad_documents_and_policies(iam: Any, role: str) -> None:
    bad = {"RoleName": "bad", "AssumeRolePolicyDocument": "not json"}
    assert code(iam.create_role, **bad) == "MalformedPolicyDocument"
    unknown = "arn:aws:iam::000000000000:policy/mine"
    assert code(iam.attach_role_policy, RoleName=role, PolicyArn=unknown) == "NoSuchEntity"


def test_roles_are_paged(iam: Any) -> None:
    names = [f"paged-{number}" for number in range(5)]
    for name in names:
        iam.create_role(RoleName=name, Path="/paged/", AssumeRolePolicyDocument="{}")
    pages = iam.get_paginator("list_roles").paginate(PathPrefix="/paged/", PaginationConfig={"PageSize": 2})
    assert [role["RoleName"] for page in pages for role in page["Roles"]] == names


def test_several_faults_come_in_one_message(iam: Any) -> None:
    with pytest.raises(ClientError) as caught:
        iam.create_role(RoleName="has space", AssumeRolePolicyDocument="{}", MaxSessionDuration=999_999)
    message = caught.value.response["Error"]["Message"]
    assert message.startswith("2 validation errors detected: ")
    assert (
        "Value 'has space' at 'roleName' failed to satisfy constraint: Member must satisfy regular" in message
    )
    assert "at 'maxSessionDuration'" in message
    assert "Member must have value less than or equal to 43200" in message
