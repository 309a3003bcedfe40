"""IAM."""

from __future__ import annotations

import json

from tests.contract.local_aws.examples import Request, World, example

TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
POLICY_ARN = "arn:aws:iam::aws:policy/AmazonSageMakerFullAccess"


def role_name(world: World) -> str:
    return world.role().rpartition("/")[2]


@example("iam", "CreateRole")
def create_role(world: World) -> Request:
    return {
        "RoleName": world.name("role"),
        "AssumeRolePolicyDocument": TRUST,
        "Path": "/service-role/",
        "Description": "Trains",
        "Tags": [{"Key": "team", "Value": "ml"}],
    }


@example("iam", "GetRole")
def get_role(world: World) -> Request:
    return {"RoleName": role_name(world)}


@example("iam", "ListRoles")
def list_roles(world: World) -> Request:
    world.role()
    return {"MaxItems": 1}


@example("iam", "DeleteRole")
def delete_role(world: World) -> Request:
    return {"RoleName": role_name(world)}


@example("iam", "UpdateAssumeRolePolicy")
def update_assume_role_policy(world: World) -> Request:
    return {"RoleName": role_name(world), "PolicyDocument": TRUST}


@example("iam", "TagRole")
def tag_role(world: World) -> Request:
    return {"RoleName": role_name(world), "Tags": [{"Key": "a", "Value": "1"}]}


@example("iam", "UntagRole")
def untag_role(world: World) -> Request:
    return {"RoleName": role_name(world), "TagKeys": ["a"]}


@example("iam", "ListRoleTags")
def list_role_tags(world: World) -> Request:
    name = role_name(world)
    world.client("iam").tag_role(RoleName=name, Tags=[{"Key": "a", "Value": "1"}])
    return {"RoleName": name}


@example("iam", "AttachRolePolicy")
def attach_role_policy(world: World) -> Request:
    return {"RoleName": role_name(world), "PolicyArn": POLICY_ARN}


def role_with_policy(world: World) -> str:
    name = role_name(world)
    world.client("iam").attach_role_policy(RoleName=name, PolicyArn=POLICY_ARN)
    return name


@example("iam", "DetachRolePolicy")
def detach_role_policy(world: World) -> Request:
    return {"RoleName": role_with_policy(world), "PolicyArn": POLICY_ARN}


@example("iam", "ListAttachedRolePolicies")
def list_attached_role_policies(world: World) -> Request:
    return {"RoleName": role_with_policy(world)}


@example("iam", "PutRolePolicy")
def put_role_policy(world: World) -> Request:
    return {"RoleName": role_name(world), "PolicyName": "p", "PolicyDocument": TRUST}


def role_with_inline_policy(world: World) -> str:
    name = role_name(world)
    world.client("iam").put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=TRUST)
    return name


@example("iam", "GetRolePolicy")
def get_role_policy(world: World) -> Request:
    return {"RoleName": role_with_inline_policy(world), "PolicyName": "p"}


@example("iam", "ListRolePolicies")
def list_role_policies(world: World) -> Request:
    return {"RoleName": role_with_inline_policy(world)}


@example("iam", "DeleteRolePolicy")
def delete_role_policy(world: World) -> Request:
    return {"RoleName": role_with_inline_policy(world), "PolicyName": "p"}
