"""Between S3 and a room: inputs come in before the process starts, outputs go out after it has ended.

How a key becomes a path, for a prefix input into <target>:

    prefix data/day     key data/day/a/x.csv   -> <target>/a/x.csv
    prefix data/day/    key data/day/x.csv     -> <target>/x.csv
    prefix data/d       key data/day.csv       -> <target>/day.csv      (a prefix is not a directory)
    prefix data/x.csv   key data/x.csv         -> <target>/x.csv
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from local_aws.jobs.engine import JobFailed
from local_aws.jobs.room import Room
from local_aws.state.objects import BucketMissing, ObjectMissing, Objects, parse_s3_uri

BLOCK_BYTES = 1 << 20


class InputMissing(Exception):
    """Nothing lies where an input should; the message is the S3 URI."""


def sources(objects: Objects, uri: str, *, manifest: bool = False) -> Iterator[tuple[str, str, str]]:
    """The objects of an input, as ``(bucket, key, path below the target)``.

    Args:
        manifest: ``uri`` names a manifest, a JSON list whose first item is ``{"prefix": "s3://…"}`` and whose
            others are keys below that prefix.

    Raises InputMissing, also for a prefix under which there is nothing.
    """
    found = _of_manifest(objects, uri) if manifest else _of_prefix(objects, uri)
    nothing = True
    for source in found:
        nothing = False
        yield source
    if nothing:
        raise InputMissing(uri)


def _of_prefix(objects: Objects, uri: str) -> Iterator[tuple[str, str, str]]:
    bucket, prefix = parse_s3_uri(uri)
    parent = prefix.rpartition("/")[0]
    try:
        for info in objects.scan(bucket, prefix):
            if info.key.endswith("/"):
                continue  # a console's "folder"
            rest = info.key[len(prefix) :]
            if not rest or not (prefix.endswith("/") or rest.startswith("/")):
                rest = info.key[len(parent) :]
            yield bucket, info.key, rest.lstrip("/")
    except BucketMissing:
        raise InputMissing(uri) from None


def _of_manifest(objects: Objects, uri: str) -> Iterator[tuple[str, str, str]]:
    bucket, key = parse_s3_uri(uri)
    try:
        with objects.open(bucket, key)[1] as file:
            items = json.load(file)
        root, names = items[0]["prefix"], items[1:]
        bucket, prefix = parse_s3_uri(str(root))
        for name in names:
            objects.head(bucket, prefix + name)
            yield bucket, prefix + name, name
    except (BucketMissing, ObjectMissing):
        raise InputMissing(uri) from None
    except (ValueError, LookupError, TypeError) as error:
        raise JobFailed(f"ClientError: Manifest file {uri} is not valid: {error}") from error


def download(room: Room, uri: str, target: Path, *, manifest: bool = False) -> int:
    """Copy an input's objects below ``target``; how many. Raises InputMissing, JobFailed.

    Copied, not linked: what a job does to its input must not reach the object.
    """
    count = 0
    target.mkdir(parents=True, exist_ok=True)
    for bucket, key, name in sources(room.objects, uri, manifest=manifest):
        if room.stopping.is_set():
            raise JobFailed("stopped while inputs were copied")
        relative = PurePosixPath(name)
        if relative.is_absolute() or ".." in relative.parts:
            raise JobFailed(f"ClientError: Data download failed: the key {key} leaves its directory")
        path = target / relative
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with room.objects.open(bucket, key)[1] as source, path.open("wb") as copy:
                shutil.copyfileobj(source, copy, BLOCK_BYTES)
        except (FileExistsError, IsADirectoryError, NotADirectoryError):
            raise JobFailed(
                f"ClientError: Data download failed: Cannot download s3://{bucket}/{key}, "
                "a previously downloaded file/folder clashes with it."
            ) from None
        count += 1
    return count


class Intake:
    """Objects below a prefix that are copied into a room as they come, each as a whole or not yet."""

    def __init__(self, room: Room, uri: str, target: Path) -> None:
        self._room = room
        self._uri = uri
        self._target = target
        self._seen: dict[str, str] = {}  # key -> ETag

    def fetch(self) -> None:
        """Copy what is new or changed since the last call, in the order of the keys."""
        bucket, prefix = parse_s3_uri(self._uri)
        self._target.mkdir(parents=True, exist_ok=True)
        try:
            found = [
                info
                for info in self._room.objects.scan(bucket, prefix)
                if self._seen.get(info.key) != info.etag
            ]
        except BucketMissing:
            return
        for info in found:
            relative = PurePosixPath(info.key.removeprefix(prefix))
            if info.key.endswith("/") or relative.is_absolute() or ".." in relative.parts:
                continue
            path = self._target / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = self._room.path / "intake"
            try:
                with self._room.objects.open(bucket, info.key)[1] as source, partial.open("wb") as copy:
                    shutil.copyfileobj(source, copy, BLOCK_BYTES)
            except ObjectMissing:
                continue  # deleted meanwhile
            partial.replace(path)
            self._seen[info.key] = info.etag


class Mirror:
    """A directory of the room whose files go to S3: once at the end, or again and again while they change."""

    def __init__(self, room: Room, source: Path, uri: str) -> None:
        self._room = room
        self._source = source
        self._bucket, prefix = parse_s3_uri(uri)
        self._prefix = prefix if not prefix or prefix.endswith("/") else prefix + "/"
        self._seen: dict[Path, tuple[int, int]] = {}

    def upload(self) -> int:
        """Upload the files that are new or changed since the last call; how many.

        Symbolic links are not followed, as on AWS. Raises JobFailed when the bucket is not there.
        """
        count = 0
        for path in sorted(self._source.rglob("*")):
            try:
                count += self._upload_one(path)
            except FileNotFoundError:
                if path.exists():
                    raise
                # otherwise the job has renamed or removed it meanwhile
        return count

    def _upload_one(self, path: Path) -> bool:
        """Upload a file that is new or changed; whether it was."""
        if path.is_symlink() or not path.is_file():
            return False
        stat = path.stat()
        state = (stat.st_size, stat.st_mtime_ns)
        if self._seen.get(path) == state:
            return False
        key = self._prefix + path.relative_to(self._source).as_posix()
        try:
            self._room.objects.put_file(self._bucket, key, path)
        except UnicodeEncodeError:
            raise JobFailed(
                f"ClientError: Failed to upload to s3://{self._bucket}: the file name {key!a} is not UTF-8."
            ) from None
        except BucketMissing:
            raise JobFailed(
                f"ClientError: Failed to upload to s3://{self._bucket}/{key}: the bucket does not exist."
            ) from None
        self._seen[path] = state
        return True

    def seen(self) -> None:
        """Take the files that are there now for uploaded, e.g. because they have just been downloaded."""
        for path in self._source.rglob("*"):
            if path.is_file():
                stat = path.stat()
                self._seen[path] = (stat.st_size, stat.st_mtime_ns)
