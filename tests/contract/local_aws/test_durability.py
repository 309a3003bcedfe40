"""What was acknowledged is there after a kill -9; what was not leaves nothing behind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.support.stand_in import StandIn

Start = Callable[..., StandIn]
WRITERS = 4
ENOUGH = 60  # acknowledged writes of every writer before the kill


def body_of(key: str) -> bytes:
    """Different for every key, and large enough that a torn write would show."""
    return (key.encode() + b"|") * 5000


def test_kill_during_writes(start_stand_in: Start) -> None:
    server = start_stand_in()
    once = Config(retries={"total_max_attempts": 1}, read_timeout=10)
    s3 = server.client("s3", config=once)
    iam = server.client("iam", config=once)
    s3.create_bucket(Bucket="durable")
    acknowledged: list[tuple[str, str]] = []
    enough = threading.Semaphore(0)

    def write(writer: int) -> None:
        number = 0
        try:
            while True:
                name = f"w{writer}-{number}"
                s3.put_object(Bucket="durable", Key=name, Body=body_of(name))
                acknowledged.append(("object", name))
                s3.put_object(Bucket="durable", Key=f"same{writer}", Body=body_of(name))
                acknowledged.append((f"same{writer}", name))
                if number % 5 == 0:
                    iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
                    acknowledged.append(("role", name))
                number += 1
                if number == ENOUGH:
                    enough.release()
        except (BotoCoreError, ClientError):
            enough.release()  # the server is gone, or failed: then the assertions below say what

    with ThreadPoolExecutor(WRITERS) as pool:
        for writer in range(WRITERS):
            pool.submit(write, writer)
        for _ in range(WRITERS):
            assert enough.acquire(timeout=120)
        server.kill()
    assert len(acknowledged) >= WRITERS * ENOUGH
    server.restart()

    s3, iam = server.client("s3"), server.client("iam")
    latest: dict[str, str] = {}
    for kind, name in acknowledged:
        if kind == "object":
            assert s3.get_object(Bucket="durable", Key=name)["Body"].read() == body_of(name)
        elif kind == "role":
            assert iam.get_role(RoleName=name)["Role"]["RoleName"] == name
        else:
            latest[kind] = name
    for key, name in latest.items():
        # The write that was under way when the server died may have been the one after.
        prefix, _, number = name.partition("-")
        allowed = {body_of(name), body_of(f"{prefix}-{int(number) + 1}")}
        assert s3.get_object(Bucket="durable", Key=key)["Body"].read() in allowed
    files = list((server.data_dir / "objects").glob("??/*"))
    assert len(files) == s3.list_objects_v2(Bucket="durable")["KeyCount"]
    assert "Traceback" not in server.log()


def test_half_a_body_leaves_nothing(start_stand_in: Start) -> None:
    """A client that goes away in the middle of a PUT has not put anything."""
    import socket
    from urllib.parse import urlsplit

    from botocore.auth import S3SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    server = start_stand_in()
    s3 = server.client("s3")
    s3.create_bucket(Bucket="durable")
    request = AWSRequest("PUT", f"{server.endpoint_url}/durable/half", data=b"x" * 2_000_000)
    S3SigV4Auth(Credentials(server.access_key, server.secret_key), "s3", server.region).add_auth(request)
    address = urlsplit(server.endpoint_url)
    head = f"PUT /durable/half HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Length: 2000000\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    with socket.create_connection((address.hostname or "", address.port or 0)) as connection:
        connection.sendall(head.encode() + b"\r\n" + b"x" * 1_000_000)
    s3.put_object(Bucket="durable", Key="whole", Body=b"x")
    assert [one["Key"] for one in s3.list_objects_v2(Bucket="durable")["Contents"]] == ["whole"]
    assert list((server.data_dir / "spool").iterdir()) == []


def test_everything_is_there_after_an_orderly_restart(start_stand_in: Start) -> None:
    server = start_stand_in()
    s3, logs = server.client("s3"), server.client("logs")
    s3.create_bucket(Bucket="durable")
    s3.put_object(Bucket="durable", Key="k", Body=b"x", Metadata={"m": "1"}, Tagging="t=1")
    upload = s3.create_multipart_upload(Bucket="durable", Key="large")["UploadId"]
    part = s3.upload_part(Bucket="durable", Key="large", UploadId=upload, PartNumber=1, Body=b"part")
    logs.create_log_group(logGroupName="g")
    assert server.stop() == 0
    server.restart()
    assert s3.head_object(Bucket="durable", Key="k")["Metadata"] == {"m": "1"}
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(Bucket="durable", Key="large", UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(Bucket="durable", Key="large")["Body"].read() == b"part"
    assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "g"
