"""How far the ingestion of a day has come, kept in S3 for the job that follows one that was killed.

    {"records": "9f2c…", "began": 1768543200, "taken": 44, "open": [37, 42, 43], "ended": false}

Records travel in batches, numbered in the order of the rows. Of those below `taken` all are written but the
`open` ones: they were on their way when this was kept, or AWS refused a record of theirs. So a batch counts
only when AWS has acknowledged every record of it, and what is kept is never ahead of what is written.

`records` is the fingerprint of what is written, where, and by which code; with another one, nothing of it
holds. `began` is when the first of the jobs began that share it. It is AWS's own time and not the job's,
because it is compared with the times that AWS gives the records.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Sequence
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

BLOCK = 1 << 20  # bytes of a file in memory at once


def fingerprint(paths: Sequence[Path], *facts: str) -> str:
    """SHA-256 of files, in their order, and of whatever else decides which records are written, and where."""
    digest = hashlib.sha256(json.dumps(facts).encode())
    for path in paths:
        content = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(BLOCK):
                content.update(block)
        digest.update(content.digest())
    return digest.hexdigest()


class Progress:
    """Which batches are surely written; several threads write them."""

    def __init__(self, uri: str | None, records: str) -> None:
        """Begin, or go on where another job was.

        :param uri: where it is kept, s3://bucket/key; None: nowhere
        :param records: the `fingerprint` of all that is to be written
        """
        self.records = records
        self.began: float | None = None  # seconds since 1970, whole, as AWS's clock has it
        self.taken = 0
        self.open: set[int] = set()
        self._ended = False
        self._lock = threading.Lock()
        self._where: dict[str, str] | None = None
        if uri is not None:
            parts = urlsplit(uri)
            self._where = {"Bucket": parts.netloc, "Key": parts.path.lstrip("/")}
            self._s3 = boto3.client("s3")
            self._read(self._where)

    def written(self, records: int, size: int) -> int:
        """How many of so many records in batches of such a size; the last one may be shorter."""
        lacking = sum(min(size, records - number * size) for number in self.open)
        return min(self.taken * size, records) - lacking

    def take(self, number: int) -> None:
        """Batch `number`, counted from 0, is being written; all before it were taken already."""
        with self._lock:
            self.taken = max(self.taken, number + 1)
            self.open.add(number)

    def done(self, number: int) -> None:
        """AWS has acknowledged all records of batch `number`."""
        with self._lock:
            self.open.discard(number)

    def keep(self) -> None:
        """Keep it for who comes after."""
        if self._where is None:
            return
        with self._lock:
            document = {
                "records": self.records,
                "began": self.began,
                "taken": self.taken,
                "open": sorted(self.open),
                "ended": self._ended,
            }
        self._s3.put_object(**self._where, Body=json.dumps(document).encode())

    def end(self) -> None:
        """All is written: whoever ingests the day again, writes all of it again."""
        self._ended = True
        self.keep()

    def _read(self, where: dict[str, str]) -> None:
        try:
            answer: dict[str, Any] = self._s3.get_object(**where)
            kept = _document(answer["Body"].read())
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchKey":
                raise
            answer, kept = dict(error.response), {}
        if kept.get("records") == self.records and not kept["ended"]:
            self.began, self.taken, self.open = kept["began"], kept["taken"], set(kept["open"])
        else:
            self.began = parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()


def _document(body: bytes) -> dict[str, Any]:
    """What was kept; nothing if somebody else has written there."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
