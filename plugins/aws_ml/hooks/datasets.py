"""What lies under a prefix on S3, so that it can be told whether it is still the same."""

from __future__ import annotations

import hashlib
from typing import Any

from aws_ml.hooks.aws import AwsAccess, client_for


def snapshot(access: AwsAccess, bucket: str, prefix: str) -> dict[str, Any]:
    """Count and digest of all objects: ``{"objects", "bytes", "digest"}``.

    The digest is of keys, sizes and ETags, which S3 changes with the content; no object is read.
    """
    pages = client_for(access, "s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    found = [(item["Key"], item["Size"], item["ETag"]) for page in pages for item in page.get("Contents", [])]
    lines = "\n".join(f"{key}\0{size}\0{tag}" for key, size, tag in sorted(found))
    return {
        "objects": len(found),
        "bytes": sum(size for _, size, _ in found),
        "digest": hashlib.sha256(lines.encode()).hexdigest(),
    }
