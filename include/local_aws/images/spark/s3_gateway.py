"""S3 as Spark's file system: a WebHDFS server over the S3 API, in the driver's own process.

Spark's package has no S3 client, but it has one for WebHDFS. ``s3://bucket/key`` is mounted (viewfs) on this
server, which asks S3 for every byte:

    spark.read…("s3://b/day/")   GETFILESTATUS LISTSTATUS OPEN      ->  HeadObject ListObjectsV2 GetObject
    df.write…("s3://b/out/")     CREATE .../_temporary/…            ->  a file in the job's room
                                 RENAME .../_temporary/… to out/…   ->  PutObject: visible at commit
                                 DELETE (overwrite)                 ->  DeleteObjects

So a script sees with Spark what it sees with boto3, at any moment; what a job writes is invisible until Spark
commits it, and a job that fails leaves nothing half-written behind. The drawback: every byte passes through
Python once more, some hundred MB a second. Directories are what they are on S3, common prefixes; one that was
made and never filled exists in this process only.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

# What committers write before they commit; on S3 nobody may see it.
UNCOMMITTED = ("_temporary", ".spark-staging", ".hive-staging")
BLOCK_BYTES = 1 << 20
HDFS_BLOCK_BYTES = 128 << 20  # how finely Spark may split a file
ROOT = "/webhdfs/v1"


class Refused(Exception):
    """An answer that Hadoop's client turns into the named Java exception."""

    def __init__(self, java: str, message: str, status: int = 403) -> None:
        super().__init__(message)
        self.java = java
        self.message = message
        self.status = status


def not_found(message: str) -> Refused:
    """There is no such file or directory."""
    return Refused("java.io.FileNotFoundException", message, 404)


@dataclass(frozen=True)
class Status:
    """A file or a directory."""

    name: str  # the last part of its path
    directory: bool
    size: int = 0  # bytes
    modified_ms: int = 0

    def as_json(self, suffix: str) -> dict[str, Any]:
        """Hadoop's FileStatus; ``suffix`` is its name in a listing, empty for itself."""
        return {
            "pathSuffix": suffix,
            "type": "DIRECTORY" if self.directory else "FILE",
            "length": self.size,
            "modificationTime": self.modified_ms,
            "accessTime": 0,
            "blockSize": 0 if self.directory else HDFS_BLOCK_BYTES,
            "replication": 0 if self.directory else 1,
            "permission": "755" if self.directory else "644",
            "owner": "job",
            "group": "job",
        }


def uncommitted(key: str) -> bool:
    """Whether a key lies where committers prepare their files."""
    return any(part.startswith(UNCOMMITTED) for part in key.split("/"))


class Files:
    """Buckets as directories; keys without a slash at either end. All errors are Refused."""

    def __init__(self, s3: Any, room: Path) -> None:
        self._s3 = s3
        self._room = room / "uncommitted"
        self._spool = room / "spool"
        self._made: set[tuple[str, str]] = set()  # directories that were made, whether or not filled
        for folder in (self._room, self._spool):
            folder.mkdir(parents=True, exist_ok=True)

    def status(self, bucket: str, key: str) -> Status:
        """What lies under a key."""
        found = self._find(bucket, key)
        if found is None:
            raise not_found(f"s3://{bucket}/{key} does not exist")
        return found

    def list(self, bucket: str, key: str) -> list[Status]:
        """What a directory holds; a file is listed as itself, without a name."""
        itself = self.status(bucket, key)
        if not itself.directory:
            return [Status("", False, itself.size, itself.modified_ms)]
        found: dict[str, Status] = {}
        prefix = f"{key}/" if key else ""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=bucket, Prefix=prefix, Delimiter="/"
        )
        for page in pages:
            for common in page.get("CommonPrefixes", []):
                name = common["Prefix"][len(prefix) : -1]
                found[name] = Status(name, True)
            for entry in page.get("Contents", []):
                name = entry["Key"][len(prefix) :]
                if name:  # a console's "folder" is the directory itself
                    found[name] = Status(name, False, entry["Size"], _ms(entry["LastModified"]))
        for made_in, made in self._made:
            name = made[len(prefix) :].partition("/")[0]
            if made_in == bucket and made.startswith(prefix) and name:
                found.setdefault(name, Status(name, True))
        found.pop("", None)
        local = self._local(bucket, key)
        for path in local.iterdir() if local.is_dir() else ():
            if uncommitted(f"{prefix}{path.name}"):
                found[path.name] = _of_path(path)
        return [found[name] for name in sorted(found)]

    def read(self, bucket: str, key: str, offset: int, length: int | None) -> tuple[int, IO[bytes]]:
        """How many bytes follow, and where to read them."""
        itself = self.status(bucket, key)
        if itself.directory:
            raise not_found(f"s3://{bucket}/{key} is a directory")
        count = max(0, itself.size - offset)
        if length is not None:
            count = min(count, length)
        if uncommitted(key):
            file = self._local(bucket, key).open("rb")
            file.seek(offset)
            return count, file
        if not count:
            return 0, (self._spool / "nothing").open("w+b")
        answer = self._s3.get_object(Bucket=bucket, Key=key, Range=f"bytes={offset}-{offset + count - 1}")
        return count, answer["Body"]

    def create(self, bucket: str, key: str, source: Iterator[bytes], *, overwrite: bool) -> None:
        """Store a file; it is there when all of it has come."""
        before = self._find(bucket, key)
        if before and (before.directory or not overwrite):
            raise Refused("org.apache.hadoop.fs.FileAlreadyExistsException", f"s3://{bucket}/{key} exists")
        spooled = self._spool / secrets.token_hex(16)
        try:
            with spooled.open("wb") as file:
                for block in source:
                    file.write(block)
            self._put(spooled, bucket, key)
        finally:
            spooled.unlink(missing_ok=True)

    def mkdirs(self, bucket: str, key: str) -> bool:
        """Make a directory and those above it."""
        if uncommitted(key):
            self._local(bucket, key).mkdir(parents=True, exist_ok=True)
        parts = key.split("/")
        for count in range(1, len(parts) + 1):
            above = "/".join(parts[:count])
            if not uncommitted(above):
                self._made.add((bucket, above))
        return True

    def delete(self, bucket: str, key: str, *, recursive: bool) -> bool:
        """Remove a file or a directory; False when nothing is there."""
        found = self._find(bucket, key)
        if found is None:
            return False
        if found.directory and not recursive and self.list(bucket, key):
            raise Refused("org.apache.hadoop.fs.PathIsNotEmptyDirectoryException", f"s3://{bucket}/{key}")
        local = self._local(bucket, key)
        if local.is_dir():
            shutil.rmtree(local)
        else:
            local.unlink(missing_ok=True)
        if not uncommitted(key):
            keys = [key] if not found.directory else [entry for entry, _ in self._below(bucket, key)]
            for at in range(0, len(keys), 1000):
                batch = [{"Key": entry} for entry in keys[at : at + 1000]]
                self._s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        self._made = {
            (made_in, made)
            for made_in, made in self._made
            if made_in != bucket or not (made == key or made.startswith(f"{key}/"))
        }
        return True

    def rename(self, bucket: str, key: str, target: str) -> bool:
        """Move a file or a directory, into ``target`` where that is a directory; False if it cannot be."""
        source = self._find(bucket, key)
        if source is None:
            return False
        there = self._find(bucket, target)
        if there and not there.directory:
            return False
        if there:
            target = f"{target}/{source.name}".lstrip("/")
            if self._find(bucket, target):
                return False
        if not source.directory:
            self._move(bucket, key, target)
            return True
        for below in list(self._files(bucket, key)):
            self._move(bucket, f"{key}/{below}", f"{target}/{below}")
        self.mkdirs(bucket, target)
        self.delete(bucket, key, recursive=True)
        return True

    def _find(self, bucket: str, key: str) -> Status | None:
        name = key.rpartition("/")[2]
        if uncommitted(key):
            path = self._local(bucket, key)
            return _of_path(path) if path.exists() else None
        if not key or (bucket, key) in self._made:
            return Status(name, True)
        try:
            head = self._s3.head_object(Bucket=bucket, Key=key)
            return Status(name, False, head["ContentLength"], _ms(head["LastModified"]))
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] != HTTPStatus.NOT_FOUND:
                raise
        below = self._s3.list_objects_v2(Bucket=bucket, Prefix=f"{key}/", MaxKeys=1)
        return Status(name, True) if below.get("Contents") else None

    def _below(self, bucket: str, key: str) -> Iterator[tuple[str, str]]:
        """Keys of a directory's objects, whole and below it."""
        prefix = f"{key}/" if key else ""
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield entry["Key"], entry["Key"][len(prefix) :]

    def _files(self, bucket: str, key: str) -> Iterator[str]:
        if uncommitted(key):
            root = self._local(bucket, key)
            yield from (path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())
        else:
            yield from (below for _, below in self._below(bucket, key) if below)

    def _move(self, bucket: str, key: str, target: str) -> None:
        if uncommitted(key):
            self._put(self._local(bucket, key), bucket, target)
            return
        if uncommitted(target):
            raise Refused("java.io.IOException", f"s3://{bucket}/{key} is committed and cannot be moved back")
        self._s3.copy({"Bucket": bucket, "Key": key}, bucket, target)
        self._s3.delete_object(Bucket=bucket, Key=key)

    def _put(self, path: Path, bucket: str, key: str) -> None:
        if uncommitted(key):
            target = self._local(bucket, key)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
        else:
            self._s3.upload_file(str(path), bucket, key)
            path.unlink()

    def _local(self, bucket: str, key: str) -> Path:
        return self._room / bucket / key


def _ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)


def _of_path(path: Path) -> Status:
    stat = path.stat()
    return Status(path.name, path.is_dir(), 0 if path.is_dir() else stat.st_size, int(stat.st_mtime * 1000))


def _blocks(size: int) -> dict[str, Any]:
    """A whole file as one block that is equally near to everybody; Spark itself decides how to split it."""
    block = {
        "block": {"blockPoolId": "s3", "blockId": 1, "generationStamp": 1, "numBytes": size},
        "blockToken": {"urlString": "AAAAAA"},
        "startOffset": 0,
        "locations": [],
        "cachedLocations": [],
        "isCorrupt": False,
    }
    return {
        "fileLength": size,
        "isUnderConstruction": False,
        "isLastBlockComplete": True,
        "lastLocatedBlock": block,
        "locatedBlocks": [block],
    }


class Gateway:
    """The server; it listens on a free port of 127.0.0.1 and answers who knows the secret in its path."""

    def __init__(self, room: Path) -> None:
        # A session of its own: the default one keeps the keys that its process was first started with.
        s3 = boto3.session.Session().client("s3", config=Config(max_pool_connections=64))
        self.buckets: list[str] = [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]
        self._secret = secrets.token_urlsafe(24)
        root = f"{ROOT}/{self._secret}/"

        class Handler(_Handler):
            files = Files(s3, room)
            prefix = root

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="s3 gateway", daemon=True)

    def start(self) -> None:
        """Answer from now on, in a thread."""
        self._thread.start()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()

    def properties(self) -> dict[str, str]:
        """Spark's properties that mount every bucket of the account. One made later is not seen."""
        found = {
            f"spark.hadoop.fs.viewfs.mounttable.{bucket}.linkFallback": (
                f"webhdfs://127.0.0.1:{self._server.server_port}/{self._secret}/{bucket}/"
            )
            for bucket in self.buckets
        }
        for scheme in ("s3", "s3a", "s3n"):
            found |= {
                f"spark.hadoop.fs.{scheme}.impl": "org.apache.hadoop.fs.viewfs.ViewFileSystemOverloadScheme",
                f"spark.hadoop.fs.viewfs.overload.scheme.target.{scheme}.impl": (
                    "org.apache.hadoop.hdfs.web.WebHdfsFileSystem"
                ),
                f"spark.hadoop.fs.AbstractFileSystem.{scheme}.impl": "org.apache.hadoop.fs.viewfs.ViewFs",
            }
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader that has seen enough hangs up; that is no error."""


class _Handler(BaseHTTPRequestHandler):
    """WebHDFS, as far as Spark uses it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    files: Files
    prefix: str

    def do_GET(self) -> None:
        """Look and read."""
        self._answer()

    do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - http.server's names

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - http.server's word
        """Spark's own log says what it reads and writes."""

    def _answer(self) -> None:
        # Java writes some characters raw; http.server takes bytes for Latin-1.
        url = urlsplit(self.path.encode("latin-1").decode("utf-8", "replace"))
        self._given = {name.lower(): values[-1] for name, values in parse_qs(url.query).items()}
        try:
            if self._given.get("op", "").upper() == "GETHOMEDIRECTORY":  # asked once, without a path
                self._json({"Path": "/user/job"})
                return
            if not url.path.startswith(self.prefix):
                raise Refused("org.apache.hadoop.security.AccessControlException", "the secret is wrong")
            bucket, _, key = unquote(url.path[len(self.prefix) :]).partition("/")
            self._do(f"{self.command} {self._given.get('op', '').upper()}", bucket, key.strip("/"))
        except Refused as refused:
            self._refuse(refused)
        except ClientError as error:
            said = error.response["Error"]
            self._refuse(Refused("java.io.IOException", f"{said['Code']}: {said['Message']}"))

    def _do(self, operation: str, bucket: str, key: str) -> None:
        files = self.files
        match operation:
            case "GET GETFILESTATUS":
                self._json({"FileStatus": files.status(bucket, key).as_json("")})
            case "GET LISTSTATUS":
                found = [status.as_json(status.name) for status in files.list(bucket, key)]
                self._json({"FileStatuses": {"FileStatus": found}})
            case "GET OPEN":
                self._open(bucket, key)
            case "GET GET_BLOCK_LOCATIONS":
                self._json({"LocatedBlocks": _blocks(files.status(bucket, key).size)})
            case "PUT CREATE":
                self._create(bucket, key)
            case "PUT MKDIRS":
                self._json({"boolean": files.mkdirs(bucket, key)})
            case "PUT RENAME":
                target = self._given["destination"]
                wanted = f"/{self.prefix.strip('/').rpartition('/')[2]}/{bucket}/"
                if not target.startswith(wanted):
                    raise Refused("java.io.IOException", "a rename cannot leave its bucket")
                self._json({"boolean": files.rename(bucket, key, target[len(wanted) :].strip("/"))})
            case "DELETE DELETE":
                recursive = self._given.get("recursive") == "true"
                self._json({"boolean": files.delete(bucket, key, recursive=recursive)})
            case "PUT SETPERMISSION" | "PUT SETTIMES" | "PUT SETOWNER":
                self._send(HTTPStatus.OK, b"")  # S3 has none of these; EMRFS passes them over, too
            case _:
                raise Refused(
                    "java.lang.UnsupportedOperationException",
                    f"the stand-in's S3 file system has no {operation}",
                    400,
                )

    def _open(self, bucket: str, key: str) -> None:
        length = self._given.get("length")
        count, source = self.files.read(
            bucket, key, int(self._given.get("offset", 0)), None if length is None else int(length)
        )
        try:
            self._head(HTTPStatus.OK, count, "application/octet-stream")
            while block := source.read(min(BLOCK_BYTES, count)) if count else b"":
                count -= len(block)
                self.wfile.write(block)
        finally:
            source.close()

    def _create(self, bucket: str, key: str) -> None:
        # The protocol has two steps: the client asks where to write, then writes there.
        if "write" not in self._given:
            self.send_response(HTTPStatus.TEMPORARY_REDIRECT)
            self.send_header("Location", f"http://{self.headers['Host']}{self.path}&write=true")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        overwrite = self._given.get("overwrite", "true") == "true"
        self.files.create(bucket, key, self._body(), overwrite=overwrite)
        self.send_response(HTTPStatus.CREATED)
        self.send_header("Location", f"webhdfs://{quote(bucket)}/{quote(key)}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _body(self) -> Iterator[bytes]:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            left = int(self.headers.get("Content-Length", 0))
            while left:
                block = self.rfile.read(min(BLOCK_BYTES, left))
                if not block:
                    raise Refused("java.io.IOException", "the file did not come whole")
                left -= len(block)
                yield block
            return
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            block = self.rfile.read(size)
            if len(block) < size:
                raise Refused("java.io.IOException", "the file did not come whole")
            yield block
            self.rfile.readline()
        self.rfile.readline()

    def _json(self, answer: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, json.dumps(answer).encode())

    def _refuse(self, refused: Refused) -> None:
        exception = {
            "exception": refused.java.rpartition(".")[2],
            "javaClassName": refused.java,
            "message": refused.message,
        }
        self.close_connection = True  # what it was sending may not have been read
        self._send(refused.status, json.dumps({"RemoteException": exception}).encode())

    def _send(self, status: int, body: bytes) -> None:
        self._head(status, len(body), "application/json")
        self.wfile.write(body)

    def _head(self, status: int, length: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(length))
        self.end_headers()
