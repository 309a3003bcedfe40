"""S3's state: rows in SQLite, bytes in files.

    <root>/ab/ab12…      one file for each object or uploaded part, written once, never changed
    objects row          (bucket, key) -> the name of that file, size, ETag, headers

A put writes a new file, syncs it, and then commits the row that points to it: what was acknowledged is
there after a kill -9, what was not is invisible, and a reader of the old version keeps its open file.
Files that no row points to (a put that died halfway) are swept at start.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from local_aws.state.records import LAST_CHARACTER, Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS buckets (
    name    TEXT PRIMARY KEY,
    created REAL NOT NULL,
    body    TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS objects (
    bucket       TEXT NOT NULL,
    key          TEXT NOT NULL,
    blob         TEXT NOT NULL,
    size         INTEGER NOT NULL,
    etag         TEXT NOT NULL,
    modified     REAL NOT NULL,
    content_type TEXT NOT NULL,
    body         TEXT NOT NULL,
    PRIMARY KEY (bucket, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS parts (
    upload    TEXT NOT NULL,
    number    INTEGER NOT NULL,
    blob      TEXT NOT NULL,
    size      INTEGER NOT NULL,
    etag      TEXT NOT NULL,
    modified  REAL NOT NULL,
    checksums TEXT NOT NULL,
    PRIMARY KEY (upload, number)
) WITHOUT ROWID;
"""

_BLOCK = 1 << 20  # bytes copied at a time
_BATCH = 1000  # rows read at a time, so that a long listing holds no lock and little memory
_DEFAULT_TYPE = "binary/octet-stream"


class BucketMissing(KeyError):
    """There is no bucket of this name."""


class BucketExists(Exception):
    """A bucket of this name is there already."""


class BucketNotEmpty(Exception):
    """The bucket still holds objects."""


class ObjectMissing(KeyError):
    """There is no object under this key."""


class PreconditionFailed(Exception):
    """The object is not in the state that the caller required."""


class Readable(Protocol):
    """What can be stored: anything with ``read``."""

    def read(self, size: int = -1, /) -> bytes:
        """Up to ``size`` bytes; empty at the end."""
        ...


@dataclass(frozen=True)
class Bucket:
    """One bucket."""

    name: str
    created: datetime  # UTC
    body: dict[str, Any]  # {"tags": {...}}


@dataclass(frozen=True)
class Blob:
    """Bytes on disk that no row points to yet."""

    name: str
    size: int
    md5: str  # hex


@dataclass(frozen=True)
class ObjectInfo:
    """Everything about an object but its bytes."""

    bucket: str
    key: str
    size: int  # bytes
    etag: str  # without quotes: the MD5, or MD5-of-MD5s and "-<parts>" after a multipart upload
    last_modified: datetime  # UTC
    content_type: str
    blob: str
    metadata: dict[str, str] = field(default_factory=dict)  # the user's own, without x-amz-meta-
    headers: dict[str, str] = field(default_factory=dict)  # members of GetObject's answer stored as given
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)  # {"ChecksumSHA256": base64, ...}
    parts: tuple[dict[str, Any], ...] = ()  # of a multipart upload: number, size, checksums


@dataclass(frozen=True)
class Part:
    """One uploaded part of a multipart upload that is under way."""

    number: int
    blob: str
    size: int
    etag: str
    last_modified: datetime
    checksums: dict[str, str]


class Objects:
    """All buckets and objects of the account."""

    def __init__(self, database: Database, root: Path) -> None:
        self._database = database
        self._root = root
        root.mkdir(parents=True, exist_ok=True)
        database.ensure(_SCHEMA)

    # Buckets

    def create_bucket(self, name: str) -> None:
        """Make a bucket. Raises BucketExists."""
        with self._database.transaction() as connection:
            if not connection.execute(
                "INSERT OR IGNORE INTO buckets VALUES (?, ?, '{}')", (name, _now())
            ).rowcount:
                raise BucketExists(name)

    def has_bucket(self, name: str) -> bool:
        """Whether there is a bucket of this name."""
        row = self._database.connection().execute("SELECT 1 FROM buckets WHERE name = ?", (name,))
        return row.fetchone() is not None

    def bucket(self, name: str) -> Bucket:
        """One bucket. Raises BucketMissing."""
        row = self._database.connection().execute("SELECT * FROM buckets WHERE name = ?", (name,)).fetchone()
        if row is None:
            raise BucketMissing(name)
        return _bucket(row)

    def buckets(self) -> list[Bucket]:
        """All buckets by name."""
        return [
            _bucket(row) for row in self._database.connection().execute("SELECT * FROM buckets ORDER BY name")
        ]

    def change_bucket(self, name: str, **changes: Any) -> None:
        """Replace parts of a bucket's body. Raises BucketMissing."""
        with self._database.transaction() as connection:
            body = self.bucket(name).body | changes
            connection.execute("UPDATE buckets SET body = ? WHERE name = ?", (json.dumps(body), name))

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket. Raises BucketMissing, BucketNotEmpty."""
        with self._database.transaction() as connection:
            self._need_bucket(name)
            if connection.execute("SELECT 1 FROM objects WHERE bucket = ? LIMIT 1", (name,)).fetchone():
                raise BucketNotEmpty(name)
            connection.execute("DELETE FROM buckets WHERE name = ?", (name,))

    # Objects

    def put(
        self,
        bucket: str,
        key: str,
        source: Readable | bytes,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ObjectInfo:
        """Store bytes under a key, replacing what was there.

        Args:
            bucket: must exist.
            key: any text.
            source: read to its end; what it raises leaves nothing behind.
            content_type: as GetObject answers it.
            metadata: the user's own.
            headers: members of GetObject's answer to be given back, e.g. ``{"ContentEncoding": "gzip"}``.
            tags: the object's tags.
            if_match: store only over an object with this ETag.
            if_none_match: ``"*"`` stores only where no object is.

        Raises:
            BucketMissing, PreconditionFailed, ObjectMissing (``if_match`` without an object).
        """
        self._need_bucket(bucket)
        blob = self.stage(source)
        return self.commit(
            bucket,
            key,
            blob,
            content_type=content_type,
            metadata=metadata,
            headers=headers,
            tags=tags,
            if_match=if_match,
            if_none_match=if_none_match,
        )

    def put_file(self, bucket: str, key: str, path: Path, *, move: bool = False) -> ObjectInfo:
        """Store a file's bytes; ``move`` gives the file itself away when it lies on the same disk."""
        if not move:
            with path.open("rb") as source:
                return self.put(bucket, key, source)
        self._need_bucket(bucket)
        name, target = self._new_blob()
        with path.open("rb") as source:
            md5 = hashlib.file_digest(source, _md5).hexdigest()
            os.fsync(source.fileno())
            size = os.fstat(source.fileno()).st_size
        shutil.move(path, target)
        return self.commit(bucket, key, Blob(name, size, md5))

    def stage(self, source: Readable | bytes) -> Blob:
        """Write bytes to disk without showing them; ``commit`` or ``discard`` follows."""
        reader = io.BytesIO(source) if isinstance(source, bytes) else source
        name, path = self._new_blob()
        md5 = _md5()
        size = 0
        try:
            with path.open("xb", buffering=0) as file:
                while block := reader.read(_BLOCK):
                    md5.update(block)
                    size += len(block)
                    file.write(block)
                os.fsync(file.fileno())
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return Blob(name, size, md5.hexdigest())

    def stage_copy(self, info: ObjectInfo) -> Blob:
        """Stage the bytes of an object once more: a second name for the same file, which never changes.

        Raises ObjectMissing when it has gone meanwhile.
        """
        name, path = self._new_blob()
        try:
            os.link(self._path(info.blob), path)
        except FileNotFoundError:
            raise ObjectMissing(info.key) from None
        if "-" not in info.etag:
            return Blob(name, info.size, info.etag)
        with path.open("rb") as file:
            return Blob(name, info.size, hashlib.file_digest(file, _md5).hexdigest())

    def staged(self, blob: Blob) -> BinaryIO:
        """The staged bytes; close the file."""
        return self._path(blob.name).open("rb")

    def discard(self, blob: Blob) -> None:
        """Forget staged bytes."""
        self._remove([blob.name])

    def commit(
        self,
        bucket: str,
        key: str,
        blob: Blob,
        *,
        etag: str | None = None,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        checksums: Mapping[str, str] | None = None,
        parts: tuple[dict[str, Any], ...] = (),
        if_match: str | None = None,
        if_none_match: str | None = None,
    ) -> ObjectInfo:
        """Show staged bytes under a key; see ``put``. The blob is gone when this raises."""
        info = ObjectInfo(
            bucket=bucket,
            key=key,
            size=blob.size,
            etag=etag or blob.md5,
            last_modified=datetime.fromtimestamp(_now(), UTC),
            content_type=content_type or _DEFAULT_TYPE,
            blob=blob.name,
            metadata=dict(metadata or {}),
            headers=dict(headers or {}),
            tags=dict(tags or {}),
            checksums=dict(checksums or {}),
            parts=parts,
        )
        try:
            with self._database.transaction() as connection:
                self._need_bucket(bucket)
                before = self._find(bucket, key)
                _check(before, key, if_match, if_none_match)
                connection.execute("REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(info))
        except BaseException:
            self.discard(blob)
            raise
        if before:
            self._remove([before.blob])
        return info

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """What is known of an object. Raises BucketMissing, ObjectMissing."""
        found = self._find(bucket, key)
        if found is None:
            self._need_bucket(bucket)
            raise ObjectMissing(key)
        return found

    def open(self, bucket: str, key: str) -> tuple[ObjectInfo, BinaryIO]:
        """The object and its bytes; close the file. Raises BucketMissing, ObjectMissing."""
        while True:
            info = self.head(bucket, key)
            try:
                return info, self._path(info.blob).open("rb")
            except FileNotFoundError:
                # Overwritten or deleted between the two lines above; a blob that a row names is there.
                if self._find(bucket, key) == info:
                    raise

    def path(self, bucket: str, key: str) -> Path:
        """The file with the object's bytes: to be read or hard-linked at once, never written."""
        return self._path(self.head(bucket, key).blob)

    def change(self, bucket: str, key: str, *, tags: Mapping[str, str]) -> ObjectInfo:
        """Replace an object's tags. Raises BucketMissing, ObjectMissing."""
        with self._database.transaction() as connection:
            info = ObjectInfo(**{**vars(self.head(bucket, key)), "tags": dict(tags)})
            connection.execute("REPLACE INTO objects VALUES (?, ?, ?, ?, ?, ?, ?, ?)", _row(info))
        return info

    def delete(self, bucket: str, key: str) -> bool:
        """Remove an object; False when there was none. Raises BucketMissing."""
        with self._database.transaction() as connection:
            before = self._find(bucket, key)
            if before is None:
                self._need_bucket(bucket)
                return False
            connection.execute("DELETE FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
        self._remove([before.blob])
        return True

    def scan(self, bucket: str, prefix: str = "", after: str = "") -> Iterator[ObjectInfo]:
        """Objects whose key starts with ``prefix`` and lies behind ``after``, by the UTF-8 bytes of the key.

        Raises BucketMissing.
        """
        self._need_bucket(bucket)
        return self._scan(bucket, prefix, after)

    def _scan(self, bucket: str, prefix: str, after: str) -> Iterator[ObjectInfo]:
        while True:
            rows = (
                self._database.connection()
                .execute(
                    "SELECT * FROM objects WHERE bucket = ? AND key > ? AND key >= ? AND key < ?"
                    " ORDER BY key LIMIT ?",
                    (bucket, after, prefix, prefix + LAST_CHARACTER, _BATCH),
                )
                .fetchall()
            )
            for row in rows:
                yield _info(row)
            if len(rows) < _BATCH:
                return
            after = rows[-1][1]

    # Parts of multipart uploads

    def put_part(self, upload: str, number: int, blob: Blob, checksums: Mapping[str, str]) -> Part:
        """Keep staged bytes as a part, replacing an earlier one of the same number."""
        modified = _now()
        with self._database.transaction() as connection:
            before = connection.execute(
                "SELECT blob FROM parts WHERE upload = ? AND number = ?", (upload, number)
            ).fetchall()
            connection.execute(
                "REPLACE INTO parts VALUES (?, ?, ?, ?, ?, ?, ?)",
                (upload, number, blob.name, blob.size, blob.md5, modified, json.dumps(dict(checksums))),
            )
        self._remove([name for (name,) in before])
        return Part(
            number, blob.name, blob.size, blob.md5, datetime.fromtimestamp(modified, UTC), dict(checksums)
        )

    def parts(self, upload: str) -> list[Part]:
        """The parts of an upload by number."""
        rows = self._database.connection().execute(
            "SELECT number, blob, size, etag, modified, checksums FROM parts"
            " WHERE upload = ? ORDER BY number",
            (upload,),
        )
        return [
            Part(number, blob, size, etag, datetime.fromtimestamp(modified, UTC), json.loads(checksums))
            for number, blob, size, etag, modified, checksums in rows
        ]

    def join(self, parts: list[Part]) -> Blob:
        """Stage the parts' bytes, one behind the other."""
        return self.stage(_Joined([self._path(part.blob) for part in parts]))

    def drop_parts(self, upload: str) -> None:
        """Remove all parts of an upload."""
        with self._database.transaction() as connection:
            names = connection.execute("SELECT blob FROM parts WHERE upload = ?", (upload,)).fetchall()
            connection.execute("DELETE FROM parts WHERE upload = ?", (upload,))
        self._remove([name for (name,) in names])

    # Files

    def sweep(self) -> int:
        """Remove files that no row points to. Only at start, before anyone writes; how many went."""
        connection = self._database.connection()
        kept = {
            name for (name,) in connection.execute("SELECT blob FROM objects UNION SELECT blob FROM parts")
        }
        orphans = [path.name for path in self._root.glob("??/*") if path.name not in kept]
        self._remove(orphans)
        return len(orphans)

    def _new_blob(self) -> tuple[str, Path]:
        name = uuid.uuid4().hex
        path = self._path(name)
        path.parent.mkdir(exist_ok=True)
        return name, path

    def _path(self, blob: str) -> Path:
        return self._root / blob[:2] / blob

    def _remove(self, blobs: list[str]) -> None:
        for name in blobs:
            self._path(name).unlink(missing_ok=True)

    def _find(self, bucket: str, key: str) -> ObjectInfo | None:
        row = (
            self._database.connection()
            .execute("SELECT * FROM objects WHERE bucket = ? AND key = ?", (bucket, key))
            .fetchone()
        )
        return _info(row) if row else None

    def _need_bucket(self, name: str) -> None:
        if not self.has_bucket(name):
            raise BucketMissing(name)


class _Joined:
    """Files read one behind the other."""

    def __init__(self, paths: list[Path]) -> None:
        self._blocks = self._read(paths)

    def read(self, size: int = -1, /) -> bytes:  # noqa: ARG002 - blocks come as large as `_BLOCK`
        return next(self._blocks, b"")

    @staticmethod
    def _read(paths: list[Path]) -> Iterator[bytes]:
        for path in paths:
            with path.open("rb") as file:
                while block := file.read(_BLOCK):
                    yield block


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """``"s3://bucket/some/key"`` -> ``("bucket", "some/key")``; the key may be empty. Raises ValueError."""
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme not in ("s3", "s3a", "s3n") or not bucket:
        raise ValueError(f"'{uri}' is not an S3 URI (s3://bucket/key)")
    return bucket, key


def _check(before: ObjectInfo | None, key: str, if_match: str | None, if_none_match: str | None) -> None:
    if if_match is not None:
        if before is None:
            raise ObjectMissing(key)
        if if_match.strip('"') != before.etag:
            raise PreconditionFailed("If-Match")
    if if_none_match is not None and before is not None and if_none_match.strip('"') in ("*", before.etag):
        raise PreconditionFailed("If-None-Match")


def _row(info: ObjectInfo) -> tuple[Any, ...]:
    body = {
        "metadata": info.metadata,
        "headers": info.headers,
        "tags": info.tags,
        "checksums": info.checksums,
        "parts": info.parts,
    }
    modified = info.last_modified.timestamp()
    return (
        info.bucket, info.key, info.blob, info.size, info.etag, modified, info.content_type,
        json.dumps({name: value for name, value in body.items() if value}),
    )  # fmt: skip


def _info(row: tuple[Any, ...]) -> ObjectInfo:
    bucket, key, blob, size, etag, modified, content_type, body = row
    more = json.loads(body)
    more["parts"] = tuple(more.get("parts", ()))
    modified_at = datetime.fromtimestamp(modified, UTC)
    return ObjectInfo(bucket, key, size, etag, modified_at, content_type, blob, **more)


def _bucket(row: tuple[Any, ...] | sqlite3.Row) -> Bucket:
    name, created, body = row
    return Bucket(name, datetime.fromtimestamp(created, UTC), json.loads(body))


def _md5() -> Any:
    return hashlib.md5(usedforsecurity=False)


def _now() -> float:
    return datetime.now(UTC).timestamp()
