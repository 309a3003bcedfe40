"""How far a day's ingestion has come, kept in S3 for the job that goes on after one that was killed."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError


def fingerprint(paths: Sequence[Path], *facts: str) -> str:
    """SHA-256 of files, in their order, and of what else decides which records are written, and where."""
    digest = hashlib.sha256(json.dumps(facts).encode())
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


class Progress:
    """The number of records that are surely written, from the first one on.

    It is kept in one object of S3, and holds for one input: another day's rows, another group or another
    order of records begins from the start. An ingestion that ended well leaves none.
    """

    def __init__(self, uri: str, records: str, sizes: int) -> None:
        """Begin, or go on where another job was.

        :param uri: of the object, s3://bucket/key
        :param records: the `fingerprint` of all that is to be written
        :param sizes: records a batch
        """
        parts = urlsplit(uri)
        self.uri, self.records, self.sizes = uri, records, sizes
        self._where = {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
        self._s3 = boto3.client("s3")
        self._lock = threading.Lock()
        self._ahead: set[int] = set()  # batches that are written while one before them is not
        self.resumed = self._read()
        self._first = self.resumed // sizes  # the first batch that is not known to be written

    @property
    def written(self) -> int:
        """Records from the first on, all of which are written; up to a batch too many if these are all."""
        return self._first * self.sizes

    def batch(self, number: int) -> None:
        """Batch `number`, counted from 0, is wholly written."""
        with self._lock:
            self._ahead.add(number)
            while self._first in self._ahead:
                self._ahead.remove(self._first)
                self._first += 1

    def save(self) -> None:
        """Keep it for who comes after; what is kept is written already, never the other way round."""
        document = {"records": self.records, "written": self.written}
        self._s3.put_object(**self._where, Body=json.dumps(document).encode())

    def clear(self) -> None:
        """All is written: whoever ingests the day again does all of it again."""
        self._s3.delete_object(**self._where)

    def _read(self) -> int:
        try:
            body = self._s3.get_object(**self._where)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return 0
            raise
        document: dict[str, Any] = json.loads(body)
        return document["written"] if document["records"] == self.records else 0
