"""The job scripts on S3, content-addressed."""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields

if TYPE_CHECKING:
    from airflow.sdk import Context

PACKAGE = "jobs"
"""The package that is published: found as Python finds it, never imported."""


class PublishCodeOperator(AwsBaseOperator[S3Hook]):
    """Publish the job scripts and the resolved workflow under their common digest.

    ::

        <prefix>/<sha256>/jobs/…         the package, without caches and hidden files
                          config.json    the resolved workflow, written last: with it, the tree is complete

    The digest follows from the content alone, so runs of the same code share one tree, a job's request
    says which code it ran, and nothing is ever overwritten.

    :param bucket: bucket to publish to (templated)
    :param prefix: key prefix above the digest
    :param config: the resolved workflow
    :return: ``{"digest", "bucket", "prefix", "uri", "config_key"}``; prefix and uri end with a slash
    """

    aws_hook_class = S3Hook
    template_fields: Sequence[str] = aws_template_fields("bucket")

    def __init__(self, *, bucket: str, prefix: str, config: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.prefix = prefix
        self.config = config

    def execute(self, context: Context) -> dict[str, str]:
        """Upload what isn't there yet."""
        files = {**tree(), "config.json": resolved(self.config)}
        digest = digest_of(files)
        prefix = f"{self.prefix.rstrip('/')}/{digest}/"
        s3 = self.hook.get_conn()
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        present = {found["Key"] for page in pages for found in page.get("Contents", [])}
        missing = [name for name in files if prefix + name not in present]
        for name in missing:
            s3.put_object(Bucket=self.bucket, Key=prefix + name, Body=files[name])
        self.log.info("Published %d of %d files to s3://%s/%s", len(missing), len(files), self.bucket, prefix)
        return {
            "digest": digest,
            "bucket": self.bucket,
            "prefix": prefix,
            "uri": f"s3://{self.bucket}/{prefix}",
            "config_key": f"{prefix}config.json",
        }


def tree() -> dict[str, bytes]:
    """The package's files by their path, e.g. `jobs/glue/clean.py`, in sorted order.

    :raises FileNotFoundError: the package isn't on PYTHONPATH
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError(
            f"There is no package {PACKAGE!r}. PYTHONPATH must hold the directory include/ of this project."
        )
    root = Path(next(iter(spec.submodule_search_locations)))
    return {
        f"{PACKAGE}/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not _ignored(path.relative_to(root))
    }


def resolved(config: dict[str, Any]) -> bytes:
    """The workflow as jobs read it: JSON, the same bytes for the same content."""
    return json.dumps(config, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False).encode()


def digest_of(files: dict[str, bytes]) -> str:
    """SHA-256 over names and contents, in hexadecimal; the order of the files doesn't matter."""
    digest = hashlib.sha256()
    for name in sorted(files):
        digest.update(f"{name}\0{len(files[name])}\0".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _ignored(path: Path) -> bool:
    return any(part.startswith(".") or part == "__pycache__" for part in path.parts)
