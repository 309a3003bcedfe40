"""The WebHDFS server that is S3 to Spark: what a committer does with it, without Spark."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from local_aws.images.spark.s3_gateway import Gateway
from tests.support.stand_in import StandIn


class Hadoop:
    """Hadoop's client, as far as it matters, on a bucket of its own."""

    def __init__(self, stand_in: StandIn, room: Path) -> None:
        self.s3 = stand_in.client("s3")
        self.bucket = f"gate-{uuid.uuid4().hex[:12]}"
        self.s3.create_bucket(Bucket=self.bucket)
        self.gateway = Gateway(room)
        self.gateway.start()
        mounted = self.gateway.properties()[f"spark.hadoop.fs.viewfs.mounttable.{self.bucket}.linkFallback"]
        self.root = urlsplit(mounted)

    def ask(self, method: str, key: str, operation: str, body: bytes | None = None, **given: str) -> Any:
        """The answer's status and what it says; a file's bytes as they are."""
        query = "".join(f"&{name}={quote(value)}" for name, value in given.items())
        path = f"/webhdfs/v1{self.root.path}{quote(key)}?op={operation}{query}"
        connection = HTTPConnection("127.0.0.1", self.root.port or 0, timeout=30)
        try:
            connection.request(method, path)  # the body goes where the answer says
            answer = connection.getresponse()
            content = answer.read()
            if answer.status == 307:
                target = urlsplit(answer.headers["Location"])
                connection.request(method, f"{target.path}?{target.query}", body=body)
                answer = connection.getresponse()
                content = answer.read()
        finally:
            connection.close()
        told = json.loads(content) if content.startswith(b"{") else content
        return answer.status, told

    def rename(self, key: str, target: str) -> Any:
        return self.ask("PUT", key, "RENAME", destination=f"{self.root.path}{target}")

    def keys(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=self.bucket).get("Contents", [])
        return [entry["Key"] for entry in found]


@pytest.fixture
def hadoop(stand_in: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hadoop]:
    for name, value in stand_in.env().items():
        monkeypatch.setenv(name, value)
    client = Hadoop(stand_in, tmp_path / "room")
    yield client
    client.gateway.close()


def test_what_is_written_is_seen_when_it_is_committed(hadoop: Hadoop) -> None:
    hadoop.s3.put_object(Bucket=hadoop.bucket, Key="out/old", Body=b"old")
    hadoop.ask("PUT", "out/_temporary/0", "MKDIRS")
    hadoop.ask("PUT", "out/_temporary/0/task/part-0", "CREATE", b"new", overwrite="false")
    assert hadoop.ask("GET", "out/_temporary/0/task/part-0", "OPEN") == (200, b"new")
    assert hadoop.keys() == ["out/old"]
    assert hadoop.ask("DELETE", "out/old", "DELETE") == (200, {"boolean": True})
    assert hadoop.rename("out/_temporary/0/task/part-0", "out/part-0") == (200, {"boolean": True})
    assert hadoop.ask("DELETE", "out/_temporary", "DELETE", recursive="true") == (200, {"boolean": True})
    assert hadoop.keys() == ["out/part-0"]
    assert hadoop.s3.get_object(Bucket=hadoop.bucket, Key="out/part-0")["Body"].read() == b"new"


def test_a_directory_is_renamed_with_all_that_it_holds(hadoop: Hadoop) -> None:
    for name in ("a", "b/c"):
        hadoop.ask("PUT", f"t/.spark-staging-1/dt=1/{name}", "CREATE", name.encode())
    hadoop.rename("t/.spark-staging-1/dt=1", "t/dt=1")
    hadoop.rename("t/dt=1", "t/dt=2")
    assert hadoop.keys() == ["t/dt=2/a", "t/dt=2/b/c"]


def test_directories_are_common_prefixes_and_files_are_read_from_where_one_likes(hadoop: Hadoop) -> None:
    for key in ("in/x é%.csv", "in/sub/y.csv"):
        hadoop.s3.put_object(Bucket=hadoop.bucket, Key=key, Body=b"0123456789")
    _, told = hadoop.ask("GET", "in", "LISTSTATUS")
    listed = [(each["pathSuffix"], each["type"]) for each in told["FileStatuses"]["FileStatus"]]
    assert listed == [("sub", "DIRECTORY"), ("x é%.csv", "FILE")]
    assert hadoop.ask("GET", "in/x é%.csv", "OPEN", offset="4", length="3") == (200, b"456")
    assert hadoop.ask("GET", "in/x é%.csv", "OPEN", offset="10") == (200, b"")


@pytest.mark.parametrize(
    ("request_line", "key", "status", "java"),
    [
        ("GET GETFILESTATUS", "nothing", 404, "java.io.FileNotFoundException"),
        ("GET LISTSTATUS", "there", 200, None),
        ("PUT CREATE&overwrite=false", "there", 403, "org.apache.hadoop.fs.FileAlreadyExistsException"),
        ("POST APPEND", "there", 400, "java.lang.UnsupportedOperationException"),
    ],
)
def test_what_cannot_be_is_an_exception_of_java_s(
    hadoop: Hadoop, request_line: str, key: str, status: int, java: str | None
) -> None:
    hadoop.s3.put_object(Bucket=hadoop.bucket, Key="there", Body=b"x")
    method, operation = request_line.split()
    found, told = hadoop.ask(method, key, operation)
    assert found == status
    assert told.get("RemoteException", {}).get("javaClassName") == java
    assert hadoop.keys() == ["there"]


def test_who_does_not_know_the_secret_gets_nothing(hadoop: Hadoop) -> None:
    hadoop.s3.put_object(Bucket=hadoop.bucket, Key="there", Body=b"x")
    hadoop.root = hadoop.root._replace(path=f"/guessed/{hadoop.bucket}/")
    assert hadoop.ask("GET", "there", "OPEN")[0] == 403


def test_a_rename_does_not_leave_its_bucket(hadoop: Hadoop) -> None:
    hadoop.s3.put_object(Bucket=hadoop.bucket, Key="there", Body=b"x")
    status, _ = hadoop.ask("PUT", "there", "RENAME", destination="/elsewhere/there")
    assert (status, hadoop.keys()) == (403, ["there"])
