"""Which objects in S3 are a table's or a partition's data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from local_aws.state.objects import Objects, parse_s3_uri


@dataclass(frozen=True)
class DataFile:
    """One object below a location."""

    bucket: str
    key: str
    below: str  # the key without the location's prefix
    size: int  # bytes, as stored

    @property
    def uri(self) -> str:
        """Its s3:// address."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def gzipped(self) -> bool:
        """Hive goes by the file name's end."""
        return self.key.endswith(".gz")


def folder_of(uri: str) -> tuple[str, str]:
    """Bucket and prefix (empty, or ending in "/") of a location. Raises ValueError for another scheme."""
    bucket, prefix = parse_s3_uri(uri)
    return bucket, prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def data_files(objects: Objects, location: str) -> Iterator[DataFile]:
    """The data files below a location, in key order; none when bucket or prefix are not there.

    Hive skips what starts with "_" or "." at any depth; folder markers and empty objects hold no rows.
    """
    bucket, prefix = folder_of(location)
    if not objects.has_bucket(bucket):
        return
    for item in objects.scan(bucket, prefix):
        below = item.key[len(prefix) :]
        hidden = any(part.startswith(("_", ".")) for part in below.split("/"))
        if item.size and not hidden and not item.key.endswith("/"):
            yield DataFile(bucket, item.key, below, item.size)
