"""Keys become paths, and files become keys."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from local_aws.jobs.engine import JobFailed
from local_aws.jobs.process import StopSignal
from local_aws.jobs.room import Room
from local_aws.jobs.transfer import InputMissing, Mirror, download, sources
from local_aws.settings import Settings
from local_aws.state.logs import Logs
from local_aws.state.objects import Objects
from local_aws.state.records import Database


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    database = Database(tmp_path / "state.sqlite")
    objects = Objects(database, tmp_path / "objects")
    objects.create_bucket("bucket")
    stop = StopSignal()
    path = tmp_path / "room"
    path.mkdir()
    yield Room(path, database, objects, Logs(database), Settings(data_dir=tmp_path), stop)
    stop.close()


def names(room: Room, uri: str) -> list[str]:
    return [name for _, _, name in sources(room.objects, uri)]


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("s3://bucket/data/day", ["a/x.csv", "y.csv"]),
        ("s3://bucket/data/day/", ["a/x.csv", "y.csv"]),
        ("s3://bucket/data/d", ["day/a/x.csv", "day/y.csv"]),
        ("s3://bucket/data/day/y.csv", ["y.csv"]),
        ("s3://bucket", ["data/day/a/x.csv", "data/day/y.csv"]),
        ("s3://bucket/", ["data/day/a/x.csv", "data/day/y.csv"]),
    ],
)
def test_names_below_the_target(room: Room, uri: str, expected: list[str]) -> None:
    for key in ("data/day/a/x.csv", "data/day/y.csv", "data/day/"):
        room.objects.put("bucket", key, b"")
    assert names(room, uri) == expected


@pytest.mark.parametrize("uri", ["s3://bucket/nothing", "s3://no-such-bucket/x"])
def test_nothing_there(room: Room, uri: str) -> None:
    with pytest.raises(InputMissing, match=uri):
        names(room, uri)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'["a"]', b'[{"prefix": 1}, "a"]'])
def test_a_broken_manifest_is_the_clients_error(room: Room, text: bytes) -> None:
    room.objects.put("bucket", "manifest", text)
    with pytest.raises(JobFailed, match="Manifest file s3://bucket/manifest is not valid"):
        list(sources(room.objects, "s3://bucket/manifest", manifest=True))


def test_a_manifest_that_names_what_is_not_there(room: Room) -> None:
    room.objects.put("bucket", "manifest", b'[{"prefix": "s3://bucket/"}, "missing"]')
    with pytest.raises(InputMissing):
        list(sources(room.objects, "s3://bucket/manifest", manifest=True))


def test_a_key_that_is_both_file_and_directory(room: Room) -> None:
    room.objects.put("bucket", "in/a", b"1")
    room.objects.put("bucket", "in/a/b", b"2")
    with pytest.raises(JobFailed, match="clashes with it"):
        download(room, "s3://bucket/in/", room.path / "in")


@pytest.mark.parametrize("name", ["/etc/escaped", "../escaped", "a/../../escaped"])
def test_no_name_leaves_the_target(room: Room, name: str) -> None:
    room.objects.put("bucket", f"in/{name}", b"1")
    room.objects.put("bucket", "manifest", f'[{{"prefix": "s3://bucket/in/"}}, "{name}"]'.encode())
    with pytest.raises(JobFailed, match="leaves its directory"):
        download(room, "s3://bucket/manifest", room.path / "in", manifest=True)


def test_copying_ends_when_the_job_is_stopped(room: Room) -> None:
    room.objects.put("bucket", "in/a", b"1")
    room.stopping.set()
    with pytest.raises(JobFailed, match="stopped"):
        download(room, "s3://bucket/in/", room.path / "in")


def test_a_mirror_uploads_what_is_new_or_changed(room: Room) -> None:
    source = room.path / "out"
    source.mkdir()
    mirror = Mirror(room, source, "s3://bucket/out")
    (source / "a").write_text("1")
    assert mirror.upload() == 1
    assert mirror.upload() == 0
    (source / "b").mkdir()
    (source / "b" / "c").write_text("2")
    (source / "a").write_text("12")
    (source / "link").symlink_to(source / "a")
    assert mirror.upload() == 2
    assert [info.key for info in room.objects.scan("bucket")] == ["out/a", "out/b/c"]


def test_a_mirror_lives_with_files_that_go_while_it_uploads(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that saves a checkpoint writes a file beside it and renames it."""
    source = room.path / "out"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    put_file = Objects.put_file

    def put_and_rename(objects: Objects, bucket: str, key: str, path: Path) -> object:
        info = put_file(objects, bucket, key, path)
        (source / "b").unlink(missing_ok=True)
        return info

    monkeypatch.setattr(Objects, "put_file", put_and_rename)
    files = sorted(source.rglob("*"))
    monkeypatch.setattr(Path, "rglob", lambda *_: iter(files))
    monkeypatch.setattr(Path, "is_file", lambda path: path in files)  # it goes right after that look
    assert Mirror(room, source, "s3://bucket/out").upload() == 2
    assert [info.key for info in room.objects.scan("bucket")] == ["out/a", "out/c"]


def test_a_file_name_that_is_no_text_fails_the_job(room: Room) -> None:
    source = room.path / "out"
    source.mkdir()
    (source / "bad\udcff").write_text("1")
    with pytest.raises(JobFailed, match=r"ClientError: .* is not UTF-8"):
        Mirror(room, source, "s3://bucket/out").upload()


@pytest.mark.parametrize("path", ["/etc/passwd", "/opt/ml/../x", "/opt/mlx", "opt/ml/x"])
def test_a_room_gives_no_path_outside_itself(room: Room, path: str) -> None:
    with pytest.raises(ValueError, match="does not lie under /opt/ml"):
        room.inside(path)


def test_a_room_translates_its_paths(room: Room) -> None:
    assert room.inside("/opt/ml/processing/input") == room.opt_ml / "processing" / "input"
    assert room.inside("/opt/ml") == room.opt_ml
