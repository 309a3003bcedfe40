"""What a run wrote to S3, read for a page: each document is there, or there is a sentence why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from aws_ml.exceptions import ReportInvalid, ReportMissing
from aws_ml.hooks.aws import client_for
from aws_ml.hooks.documents import MAX_BYTES, get_object, parse_json
from aws_ml.waiters.patience import error_code

# A page is looked at by a person who waits: it tries twice, not long, and says what did not answer.
PATIENCE = {"connect_timeout": 2, "read_timeout": 5, "retries": {"total_max_attempts": 2}}
DEADLINE_SECONDS = 15.0  # for all documents of a page
READERS = 8
CLOCKS_DIFFER = timedelta(seconds=5)  # Airflow's and S3's; S3 keeps whole seconds besides


@dataclass
class Access:
    """The connection that all tasks use."""

    aws_conn_id: str | None = "aws_default"
    region_name: str | None = None
    verify: bool | str | None = None
    botocore_config: dict[str, Any] | None = None


class Kind(StrEnum):
    """How it is with one document."""

    THERE = "there"  # written by this run, and readable
    MISSING = "missing"  # this run has not written it, or not yet
    BROKEN = "broken"  # it is no document of its kind
    UNREACHABLE = "unreachable"  # S3 did not give it: no access, no connection, no answer in time


@dataclass(frozen=True)
class Document:
    """One document of a run."""

    uri: str
    kind: Kind
    says: str = ""  # why it is not there, in a sentence
    content: Any = None  # of a JSON document; of a text, the text
    data: bytes = b""  # of a page
    written: datetime | None = None

    @property
    def is_there(self) -> bool:
        """Whether it can be shown."""
        return self.kind is Kind.THERE


@dataclass(frozen=True)
class Lifetime:
    """When the run began to exist and, if it has ended, when; other runs of its day write the same keys."""

    begin: datetime
    end: datetime | None

    def missing(self) -> str:
        """The sentence for a document that does not exist."""
        return "Not made by this run." if self.end else "Not there yet: the run goes on."

    def earlier(self, written: datetime) -> str:
        """The sentence for a document of an earlier run, or nothing."""
        if written >= self.begin - CLOCKS_DIFFER:
            return ""
        return (
            f"{self.missing()} An earlier run of the same day left one on {written:%Y-%m-%d at %H:%M:%S} UTC."
        )

    def later(self, written: datetime | None) -> bool:
        """Whether a document was written after the run had ended: by another run of its day."""
        return bool(self.end and written and written > self.end + CLOCKS_DIFFER)


class Shelf:
    """Reads documents of one bucket, several at a time."""

    def __init__(self, bucket: str, lifetime: Lifetime, client: Any = None) -> None:
        self._bucket = bucket
        self._lifetime = lifetime
        self._client = client or client_for(Access(botocore_config=PATIENCE), "s3")

    def read(
        self, documents: Iterable[str], pages: Iterable[str], texts: Iterable[str] = ()
    ) -> dict[str, Document]:
        """JSON documents and texts with their content, and pages without theirs, by key."""
        return self._all(
            dict.fromkeys(documents, self._json)
            | dict.fromkeys(texts, self._text)
            | dict.fromkeys(pages, self._head)
        )

    def page(self, key: str) -> Document:
        """A page that a job wrote, with its bytes."""
        return self._guarded(self._bytes, key)

    def _all(self, readings: Mapping[str, Any]) -> dict[str, Document]:
        pool = ThreadPoolExecutor(READERS, thread_name_prefix="reports")
        futures: dict[str, Future[Document]] = {
            key: pool.submit(self._guarded, reading, key) for key, reading in readings.items()
        }
        done, _ = wait(futures.values(), timeout=DEADLINE_SECONDS)
        pool.shutdown(wait=False, cancel_futures=True)  # its threads end by their own time-outs
        return {
            key: future.result() if future in done else self._late(key) for key, future in futures.items()
        }

    def _guarded(self, reading: Any, key: str) -> Document:
        """A document, whatever S3 answers."""
        try:
            document: Document = reading(key)
        except ReportMissing:
            return Document(self.uri(key), Kind.MISSING, self._lifetime.missing())
        except ReportInvalid as error:
            return Document(self.uri(key), Kind.BROKEN, str(error))
        except ClientError as error:
            message = error.response.get("Error", {}).get("Message", "")
            says = f"S3 refused {self.uri(key)}: {error_code(error)} {message}".strip()
            return Document(self.uri(key), Kind.UNREACHABLE, says)
        except BotoCoreError as error:
            return Document(self.uri(key), Kind.UNREACHABLE, f"S3 could not be reached: {error}")
        if document.written is not None and (says := self._lifetime.earlier(document.written)):
            return Document(self.uri(key), Kind.MISSING, says)
        return document

    def _json(self, key: str) -> Document:
        data, written = get_object(self._client, self._bucket, key)
        uri = self.uri(key)
        return Document(uri, Kind.THERE, content=parse_json(data, uri), written=written)

    def _text(self, key: str) -> Document:
        data, written = get_object(self._client, self._bucket, key)
        text = data.decode(errors="replace")  # it is shown to people, not parsed
        return Document(self.uri(key), Kind.THERE, content=text, written=written)

    def _bytes(self, key: str) -> Document:
        data, written = get_object(self._client, self._bucket, key)
        return Document(self.uri(key), Kind.THERE, data=data, written=written)

    def _head(self, key: str) -> Document:
        try:
            answer = self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error_code(error) in ("NoSuchKey", "404"):
                raise ReportMissing from error
            raise
        if answer["ContentLength"] > MAX_BYTES:
            raise ReportInvalid(f"{self.uri(key)} has {answer['ContentLength']} bytes.")
        return Document(self.uri(key), Kind.THERE, written=answer["LastModified"])

    def _late(self, key: str) -> Document:
        says = f"S3 did not answer within {DEADLINE_SECONDS:.0f} seconds."
        return Document(self.uri(key), Kind.UNREACHABLE, says)

    def uri(self, key: str) -> str:
        """Where a key lies, for people."""
        return f"s3://{self._bucket}/{key}"
