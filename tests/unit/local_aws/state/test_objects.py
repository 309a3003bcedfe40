"""Objects on disk: nothing half-written is ever seen, nothing unused stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_aws.state.objects import (
    BucketExists,
    BucketMissing,
    BucketNotEmpty,
    ObjectMissing,
    Objects,
    PreconditionFailed,
    parse_s3_uri,
)
from local_aws.state.records import Database


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    made = Objects(Database(tmp_path / "state.db"), tmp_path / "objects")
    made.create_bucket("b")
    return made


def files(tmp_path: Path) -> int:
    return len(list((tmp_path / "objects").glob("??/*")))


class Broken:
    """A source that fails after its first block."""

    def __init__(self) -> None:
        self.blocks = [b"some bytes"]

    def read(self, size: int = -1, /) -> bytes:
        if not self.blocks:
            raise ConnectionError
        return self.blocks.pop()


def read(objects: Objects, key: str) -> bytes:
    _, file = objects.open("b", key)
    with file:
        return file.read()


def test_put_and_read(objects: Objects) -> None:
    put = objects.put("b", "k", b"hello", content_type="text/plain", metadata={"m": "1"})
    assert objects.head("b", "k") == put
    assert (put.size, put.etag) == (5, "5d41402abc4b2a76b9719d911017c592")
    assert read(objects, "k") == b"hello"
    assert objects.path("b", "k").read_bytes() == b"hello"


def test_overwriting_and_deleting_leave_no_files(objects: Objects, tmp_path: Path) -> None:
    for body in (b"1", b"2", b"3"):
        objects.put("b", "k", body)
    assert files(tmp_path) == 1
    assert objects.delete("b", "k")
    assert not objects.delete("b", "k")
    assert files(tmp_path) == 0


def test_a_source_that_fails_changes_nothing(objects: Objects, tmp_path: Path) -> None:
    objects.put("b", "k", b"old")
    with pytest.raises(ConnectionError):
        objects.put("b", "k", Broken())
    assert read(objects, "k") == b"old"
    assert files(tmp_path) == 1


def test_a_refused_put_leaves_no_file(objects: Objects, tmp_path: Path) -> None:
    objects.put("b", "k", b"old")
    with pytest.raises(PreconditionFailed):
        objects.put("b", "k", b"new", if_none_match="*")
    with pytest.raises(PreconditionFailed):
        objects.put("b", "k", b"new", if_match="other")
    assert files(tmp_path) == 1


def test_what_a_dead_process_left_is_swept(objects: Objects, tmp_path: Path) -> None:
    objects.put("b", "kept", b"1")
    objects.put_part("upload", 1, objects.stage(b"part"), {})
    objects.stage(b"never committed")
    assert objects.sweep() == 1
    assert files(tmp_path) == 2
    assert read(objects, "kept") == b"1"


def test_put_file_copies_or_moves(objects: Objects, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    objects.put_file("b", "copied", path)
    assert path.exists()
    objects.put_file("b", "moved", path, move=True)
    assert not path.exists()
    assert read(objects, "copied") == read(objects, "moved") == b"x"
    assert objects.head("b", "copied").etag == objects.head("b", "moved").etag


def test_buckets(objects: Objects) -> None:
    with pytest.raises(BucketExists):
        objects.create_bucket("b")
    objects.put("b", "k", b"")
    with pytest.raises(BucketNotEmpty):
        objects.delete_bucket("b")
    for call in (objects.head, objects.open, objects.delete):
        with pytest.raises(BucketMissing):
            call("absent", "k")
    with pytest.raises(BucketMissing):
        objects.put("absent", "k", b"")
    with pytest.raises(BucketMissing):
        objects.scan("absent")
    with pytest.raises(ObjectMissing):
        objects.head("b", "absent")


def test_scan_reads_in_batches(objects: Objects) -> None:
    keys = [f"{number:05}" for number in range(1003)]
    with objects._database.transaction():  # one commit instead of a thousand
        for key in keys:
            objects.put("b", key, b"")
    assert [info.key for info in objects.scan("b")] == keys
    assert [info.key for info in objects.scan("b", prefix="0100", after="01000")] == ["01001", "01002"]


@pytest.mark.parametrize("uri", ["bucket/key", "http://bucket/key", "s3://", "s3:///key", ""])
def test_what_is_no_s3_uri(uri: str) -> None:
    with pytest.raises(ValueError, match="is not an S3 URI"):
        parse_s3_uri(uri)


def test_s3_uris() -> None:
    assert parse_s3_uri("s3://bucket/a//b/") == ("bucket", "a//b/")
    assert parse_s3_uri("s3://bucket") == ("bucket", "")
