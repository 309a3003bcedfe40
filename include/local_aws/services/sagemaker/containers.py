"""Containers of models and model packages: an image that serves, and model data that are there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_aws.images.catalog import UnknownImage, find
from local_aws.images.serving import SERVING_IMAGES
from local_aws.services.context import Context
from local_aws.state.objects import BucketMissing, ObjectMissing, parse_s3_uri
from local_aws.wire.errors import AwsError, NotEmulated

_NOT_EMULATED = ("AdditionalModelDataSources", "AdditionalS3DataSource", "BaseModel", "ProductId")
_SOURCES_NOT_EMULATED = ("HubAccessConfig", "ManifestS3Uri", "ManifestEtag")


def check(context: Context, container: Mapping[str, Any], operation: str) -> None:
    """Refuse a container that AWS would refuse when it is named, and by name what is not emulated."""
    for field in _NOT_EMULATED:
        if container.get(field):
            raise NotEmulated("sagemaker", operation, field)
    if not container.get("Image"):
        raise AwsError("ValidationException", "A container definition needs an Image.")
    try:
        image = find(container["Image"])
    except UnknownImage as error:
        raise AwsError("ValidationException", str(error)) from None
    if image.name not in SERVING_IMAGES:
        raise AwsError("ValidationException", f"Image {container['Image']} does not serve models.")
    if container.get("ModelDataUrl") and container.get("ModelDataSource"):
        raise AwsError("ValidationException", "Specify either ModelDataUrl or ModelDataSource, not both.")
    source = container.get("ModelDataSource", {}).get("S3DataSource", {})
    for field in _SOURCES_NOT_EMULATED:
        if source.get(field):
            raise NotEmulated("sagemaker", operation, f"S3DataSource.{field}")
    uri = container.get("ModelDataUrl") or source.get("S3Uri")
    if uri and not model_data_exists(context, uri, prefix=source.get("S3DataType") == "S3Prefix"):
        raise AwsError("ValidationException", f"Could not find model data at {uri}.")


def model_data_exists(context: Context, uri: str, *, prefix: bool) -> bool:
    """Whether the object, or anything below the prefix, is there."""
    try:
        bucket, key = parse_s3_uri(uri)
        if prefix:
            return next(context.objects.scan(bucket, key), None) is not None
        context.objects.head(bucket, key)
    except (ValueError, BucketMissing, ObjectMissing):
        return False
    return True
