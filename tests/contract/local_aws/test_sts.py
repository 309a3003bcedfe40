"""STS: the key of a session works, until it expires or is used wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.fixture
def role_arn(stand_in: StandIn) -> str:
    iam = stand_in.client("iam")
    try:
        arn: str = iam.get_role(RoleName="worker")["Role"]["Arn"]
    except iam.exceptions.NoSuchEntityException:
        arn = iam.create_role(RoleName="worker", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    return arn


def session_client(stand_in: StandIn, service: str, credentials: dict[str, Any], **changes: str) -> Any:
    known = {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"],
    }
    return stand_in.client(service, **{**known, **changes})


def test_root(stand_in: StandIn) -> None:
    answer = stand_in.client("sts").get_caller_identity()
    assert answer["Arn"] == "arn:aws:iam::000000000000:root"
    assert answer["Account"] == stand_in.account_id


def test_a_session_can_work(stand_in: StandIn, role_arn: str) -> None:
    sts = stand_in.client("sts")
    answer = sts.assume_role(RoleArn=role_arn, RoleSessionName="me", DurationSeconds=900)
    credentials = answer["Credentials"]
    identity = session_client(stand_in, "sts", credentials).get_caller_identity()
    assert identity["Arn"] == "arn:aws:sts::000000000000:assumed-role/worker/me"
    assert identity["Arn"] == answer["AssumedRoleUser"]["Arn"]
    session_client(stand_in, "s3", credentials).list_buckets()
    session_client(stand_in, "logs", credentials).describe_log_groups()


def test_a_presigned_link_of_a_session(stand_in: StandIn, role_arn: str) -> None:
    import urllib.request

    credentials = stand_in.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="me")["Credentials"]
    s3 = session_client(stand_in, "s3", credentials)
    s3.create_bucket(Bucket="links-of-a-session")
    s3.put_object(Bucket="links-of-a-session", Key="k", Body=b"x")
    link = s3.generate_presigned_url("get_object", {"Bucket": "links-of-a-session", "Key": "k"})
    with urllib.request.urlopen(link) as answer:  # noqa: S310 - our own server
        assert answer.read() == b"x"


def test_a_session_without_its_token(stand_in: StandIn, role_arn: str) -> None:
    credentials = stand_in.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="me")["Credentials"]
    for token in (None, "made up"):
        client = session_client(stand_in, "s3", credentials, aws_session_token=token)  # type: ignore[arg-type]
        with pytest.raises(ClientError) as caught:
            client.list_buckets()
        assert caught.value.response["Error"]["Code"] == "InvalidToken"


def test_a_role_that_is_not_there(stand_in: StandIn) -> None:
    with pytest.raises(ClientError, match="no such role") as caught:
        stand_in.client("sts").assume_role(
            RoleArn="arn:aws:iam::000000000000:role/absent", RoleSessionName="me"
        )
    assert caught.value.response["Error"]["Code"] == "AccessDenied"


def test_a_session_survives_a_restart(start_stand_in: Any) -> None:
    server = start_stand_in()
    arn = server.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    credentials = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    server.kill()
    server.restart()
    assert session_client(server, "sts", credentials).get_caller_identity()["Arn"].endswith("/me")


def test_input_is_validated(stand_in: StandIn, role_arn: str) -> None:
    with pytest.raises(ClientError, match=r"1 validation error detected: Value 'a b' at 'roleSessionName'"):
        stand_in.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="a b")
