"""Who may call: only signed requests from this machine's own programs."""

from __future__ import annotations

import base64
import hashlib
import http.client
import socket
import uuid
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from tests.support.stand_in import StandIn


@pytest.fixture
def bucket(stand_in: StandIn) -> str:
    name = f"guarded-{uuid.uuid4().hex[:12]}"
    stand_in.client("s3").create_bucket(Bucket=name)
    stand_in.client("s3").put_object(Bucket=name, Key="k", Body=b"secret")
    return name


def send(
    stand_in: StandIn, method: str, path: str, headers: dict[str, str], body: bytes = b""
) -> tuple[int, str]:
    """One raw request; the status and the error's code."""
    address = urlsplit(stand_in.endpoint_url)
    connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=20)
    try:
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    if not text.startswith(b"<"):
        return answer.status, text.decode("utf-8", "replace")
    code = ElementTree.fromstring(text).find(".//Code")  # noqa: S314 - our own server's answer
    return answer.status, (code.text or "") if code is not None else ""


def signed(stand_in: StandIn, path: str, *, host: str | None = None, **extra: str) -> dict[str, str]:
    """Headers of a correctly signed GET."""
    url = f"http://{host or urlsplit(stand_in.endpoint_url).netloc}{path}"
    request = AWSRequest("GET", url, headers=extra)
    key = Credentials(stand_in.access_key, stand_in.secret_key)
    S3SigV4Auth(key, "s3", stand_in.region).add_auth(request)
    return {**dict(request.headers.items()), "Host": urlsplit(url).netloc}


def test_a_signed_request_is_answered(stand_in: StandIn, bucket: str) -> None:
    """The other tests change one thing of this."""
    assert send(stand_in, "GET", f"/{bucket}/k", signed(stand_in, f"/{bucket}/k")) == (200, "secret")


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:4566", "10.0.0.1", "localhost.evil.example"]
)
def test_a_foreign_host_is_refused(stand_in: StandIn, bucket: str, host: str) -> None:
    path = f"/{bucket}/k"
    assert send(stand_in, "GET", path, signed(stand_in, path, host=host)) == (403, "AccessDenied")


def test_localhost_by_name_is_answered(stand_in: StandIn, bucket: str) -> None:
    path = f"/{bucket}/k"
    assert send(stand_in, "GET", path, signed(stand_in, path, host="localhost:1234"))[0] == 200


@pytest.mark.parametrize("origin", ["http://evil.example", "http://127.0.0.1:4566", "null"])
def test_any_origin_is_refused(stand_in: StandIn, bucket: str, origin: str) -> None:
    path = f"/{bucket}/k"
    headers = {**signed(stand_in, path), "Origin": origin}
    assert send(stand_in, "GET", path, headers) == (403, "AccessDenied")


@pytest.mark.parametrize("path", ["/", "/bucket/k", "/moto-api/reset", "/_localstack/health"])
def test_an_unsigned_request_is_refused(stand_in: StandIn, path: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE"):
        assert send(stand_in, method, path, {}) == (403, "AccessDenied")


def test_an_unsigned_json_call_is_refused_in_json(stand_in: StandIn) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    status, text = send(stand_in, "POST", "/", headers, b"{}")
    assert status == 400
    assert '"MissingAuthenticationTokenException"' in text


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "SignatureDoesNotMatch"),
        ("sts", "get_caller_identity", "SignatureDoesNotMatch"),
        ("logs", "describe_log_groups", "InvalidSignatureException"),
        ("sagemaker", "list_models", "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret(stand_in: StandIn, service: str, operation: str, code: str) -> None:
    client = stand_in.client(service, aws_access_key_id=stand_in.access_key, aws_secret_access_key="guess")
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    assert caught.value.response["Error"]["Code"] == code


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("s3", "list_buckets", "InvalidAccessKeyId"),
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("logs", "describe_log_groups", "UnrecognizedClientException"),
    ],
)
def test_an_unknown_key(stand_in: StandIn, service: str, operation: str, code: str) -> None:
    client = stand_in.client(service, aws_access_key_id="AKIANOBODY", aws_secret_access_key="guess")
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)()
    assert caught.value.response["Error"]["Code"] == code


def test_a_changed_body_is_refused(stand_in: StandIn, bucket: str) -> None:
    """The signature covers the body's hash, and the body is held against it."""
    path = f"/{bucket}/new"
    url = stand_in.endpoint_url + path
    request = AWSRequest("PUT", url, data=b"what was signed")
    S3SigV4Auth(Credentials(stand_in.access_key, stand_in.secret_key), "s3", stand_in.region).add_auth(
        request
    )
    headers = {**dict(request.headers.items()), "Host": urlsplit(url).netloc}
    assert send(stand_in, "PUT", path, headers, b"what was sent..") == (400, "XAmzContentSHA256Mismatch")
    with pytest.raises(ClientError, match="404"):
        stand_in.client("s3").head_object(Bucket=bucket, Key="new")


def test_a_changed_json_body_is_refused(stand_in: StandIn) -> None:
    url = stand_in.endpoint_url + "/"
    target = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", url, data=b"{}", headers=target)
    SigV4Auth(Credentials(stand_in.access_key, stand_in.secret_key), "logs", stand_in.region).add_auth(
        request
    )
    headers = {**dict(request.headers.items()), "Host": urlsplit(url).netloc}
    assert send(stand_in, "POST", "/", headers, b"{}")[0] == 200
    status, text = send(stand_in, "POST", "/", headers, b'{"limit": 1}')
    assert (status, "InvalidSignatureException" in text) == (400, True)


def test_json_without_end_is_the_callers_fault(stand_in: StandIn) -> None:
    """A 500 would make clients try again."""
    body = b'{"limit":' * 5000 + b"1" + b"}" * 5000
    target = {"X-Amz-Target": "Logs_20140328.DescribeLogGroups", "Content-Type": "application/x-amz-json-1.1"}
    request = AWSRequest("POST", stand_in.endpoint_url + "/", data=body, headers=target)
    key = Credentials(stand_in.access_key, stand_in.secret_key)
    SigV4Auth(key, "logs", stand_in.region).add_auth(request)
    headers = {**dict(request.headers.items()), "Host": urlsplit(stand_in.endpoint_url).netloc}
    status, text = send(stand_in, "POST", "/", headers, body)
    assert (status, "SerializationException" in text) == (400, True)


def test_a_header_that_was_not_signed_is_refused(stand_in: StandIn, bucket: str) -> None:
    path = f"/{bucket}/k"
    headers = {**signed(stand_in, path), "x-amz-meta-added": "later"}
    assert send(stand_in, "GET", path, headers) == (403, "SignatureDoesNotMatch")


def test_a_changed_path_is_refused(stand_in: StandIn, bucket: str) -> None:
    headers = signed(stand_in, f"/{bucket}/k")
    assert send(stand_in, "GET", f"/{bucket}/other", headers) == (403, "SignatureDoesNotMatch")


def test_an_old_request_is_refused(stand_in: StandIn, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = f"/{bucket}/k"
    old = datetime.now(UTC) - timedelta(minutes=16)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: old.replace(tzinfo=None))
    assert send(stand_in, "GET", path, signed(stand_in, path)) == (403, "RequestTimeTooSkewed")


def test_another_region_is_named(stand_in: StandIn) -> None:
    client = stand_in.client("logs", region_name="eu-west-1")
    with pytest.raises(ClientError, match="this stand-in is us-east-1"):
        client.describe_log_groups()


@pytest.mark.parametrize("version", ["s3v4", "s3"])
class TestPresignedLinks:
    """Both signatures that boto3 makes."""

    def link(self, stand_in: StandIn, version: str, operation: str, **parameters: Any) -> str:
        client = stand_in.client("s3", config=Config(signature_version=version))
        made: str = client.generate_presigned_url(operation, Params=parameters, ExpiresIn=60)
        return made.removeprefix(stand_in.endpoint_url)

    def test_get(self, stand_in: StandIn, bucket: str, version: str) -> None:
        path = self.link(
            stand_in, version, "get_object", Bucket=bucket, Key="k", ResponseContentType="text/plain"
        )
        assert send(stand_in, "GET", path, {}) == (200, "secret")
        assert send(stand_in, "PUT", path, {}) == (403, "SignatureDoesNotMatch")
        other = path.replace("/k?", "/other?")
        assert send(stand_in, "GET", other, {}) == (403, "SignatureDoesNotMatch")

    def test_put(self, stand_in: StandIn, bucket: str, version: str) -> None:
        path = self.link(stand_in, version, "put_object", Bucket=bucket, Key="ä b")
        assert send(stand_in, "PUT", path, {}, b"uploaded")[0] == 200
        assert stand_in.client("s3").get_object(Bucket=bucket, Key="ä b")["Body"].read() == b"uploaded"


def test_an_expired_link(stand_in: StandIn, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A link made two minutes ago works if it was made for ten, not if it was made for one."""
    old = datetime.now(UTC) - timedelta(minutes=2)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: old.replace(tzinfo=None))
    key = Credentials(stand_in.access_key, stand_in.secret_key)
    for seconds, expected in ((60, (403, "AccessDenied")), (600, (200, "secret"))):
        request = AWSRequest("GET", f"{stand_in.endpoint_url}/{bucket}/k")
        S3SigV4QueryAuth(key, "s3", stand_in.region, expires=seconds).add_auth(request)
        path = request.prepare().url.removeprefix(stand_in.endpoint_url)
        assert send(stand_in, "GET", path, {}) == expected


def test_an_expired_link_of_the_old_kind(stand_in: StandIn, bucket: str) -> None:
    client = stand_in.client("s3", config=Config(signature_version="s3"))
    link: str = client.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}, ExpiresIn=-10)
    assert send(stand_in, "GET", link.removeprefix(stand_in.endpoint_url), {}) == (403, "AccessDenied")


def test_only_loopback_listens(stand_in: StandIn) -> None:
    """Another address of this machine is not answered."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing; tells which address would be used
        except OSError:
            pytest.skip("this machine has no address but loopback")
        address = probe.getsockname()[0]
    port = urlsplit(stand_in.endpoint_url).port
    with pytest.raises(OSError, match=r"refused|timed out"):
        socket.create_connection((address, port), timeout=5)


def test_files_with_the_secret_are_private(stand_in: StandIn) -> None:
    assert stand_in.data_dir.stat().st_mode & 0o077 == 0
    assert (stand_in.data_dir / "connection.json").stat().st_mode & 0o077 == 0


def chunk(body: bytes, signature: str = "") -> bytes:
    extension = f";chunk-signature={signature}" if signature else ""
    return f"{len(body):x}{extension}\r\n".encode() + body + b"\r\n"


class TestChunkedBodies:
    """aws-chunked, as SDKs other than boto3 send it."""

    def put(
        self, stand_in: StandIn, bucket: str, marker: str, body: Any, decoded: int, **extra: str
    ) -> tuple[int, str]:
        path = f"/{bucket}/chunked"
        url = stand_in.endpoint_url + path
        headers = {
            "x-amz-content-sha256": marker,
            "x-amz-decoded-content-length": str(decoded),
            "Content-Encoding": "aws-chunked",
            **extra,
        }
        request = AWSRequest("PUT", url, headers=headers)
        auth = MarkedAuth(Credentials(stand_in.access_key, stand_in.secret_key), "s3", stand_in.region)
        auth.marker = marker
        auth.add_auth(request)
        sent = {**dict(request.headers.items()), "Host": urlsplit(url).netloc}
        return send(stand_in, "PUT", path, sent, body(auth, request) if callable(body) else body)

    def test_unsigned_chunks_with_a_trailer(self, stand_in: StandIn, bucket: str) -> None:
        crc = base64.b64encode(zlib.crc32(b"hello world").to_bytes(4, "big"))
        marker = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
        trailer = {"x-amz-trailer": "x-amz-checksum-crc32"}
        body = chunk(b"hello ") + chunk(b"world") + b"0\r\nx-amz-checksum-crc32:" + crc + b"\r\n\r\n"
        assert self.put(stand_in, bucket, marker, body, 11, **trailer)[0] == 200
        got = stand_in.client("s3").get_object(Bucket=bucket, Key="chunked", ChecksumMode="ENABLED")
        assert (got["Body"].read(), got["ChecksumCRC32"]) == (b"hello world", crc.decode())
        assert "ContentEncoding" not in got
        wrong = body.replace(b"world", b"w0rld")
        assert self.put(stand_in, bucket, marker, wrong, 11, **trailer) == (400, "BadDigest")
        cut = chunk(b"hello ") + b"5\r\nwor"
        assert self.put(stand_in, bucket, marker, cut, 11, **trailer) == (400, "IncompleteBody")
        absent = chunk(b"hello world") + b"0\r\n\r\n"
        assert self.put(stand_in, bucket, marker, absent, 11, **trailer) == (400, "MalformedTrailerError")

    def test_signed_chunks(self, stand_in: StandIn, bucket: str) -> None:
        marker = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"

        def body(auth: MarkedAuth, request: AWSRequest) -> bytes:
            previous = request.headers["Authorization"].rpartition("Signature=")[2]
            whole = b""
            for block in (b"hello ", b"world", b""):
                previous = auth.chunk_signature(request, previous, block)
                whole += chunk(block, previous)
            return whole

        assert self.put(stand_in, bucket, marker, body, 11)[0] == 200
        got = stand_in.client("s3").get_object(Bucket=bucket, Key="chunked")["Body"].read()
        assert got == b"hello world"

        def tampered(auth: MarkedAuth, request: AWSRequest) -> bytes:
            return body(auth, request).replace(b"world", b"w0rld")

        assert self.put(stand_in, bucket, marker, tampered, 11) == (403, "SignatureDoesNotMatch")


class MarkedAuth(S3SigV4Auth):  # type: ignore[misc]
    """Signs a marker in place of the body's hash, and then the chunks."""

    marker = ""

    def payload(self, request: AWSRequest) -> str:
        return self.marker

    def chunk_signature(self, request: AWSRequest, previous: str, block: bytes) -> str:
        empty = hashlib.sha256(b"").hexdigest()
        text = "\n".join(
            [
                "AWS4-HMAC-SHA256-PAYLOAD",
                request.context["timestamp"],
                self.credential_scope(request),
                previous,
                empty,
                hashlib.sha256(block).hexdigest(),
            ]
        )
        signature: str = self.signature(text, request)
        return signature
