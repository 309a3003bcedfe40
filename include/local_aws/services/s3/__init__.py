"""S3: buckets and objects on the local disk. No versions, no encryption, no rules but the signature."""

from local_aws.services.s3 import (
    bucket,
    copy,
    listing,
    multipart_upload,
    object,  # noqa: A004 - the resource's own name
    tagging,
)

__all__ = ["bucket", "copy", "listing", "multipart_upload", "object", "tagging"]
