"""S3."""

from __future__ import annotations

from tests.contract.local_aws.examples import Request, World, example

TAGS = {"TagSet": [{"Key": "team", "Value": "ml"}]}


@example("s3", "CreateBucket")
def create_bucket(world: World) -> Request:
    return {"Bucket": world.name("bucket")}


@example("s3", "HeadBucket")
def head_bucket(world: World) -> Request:
    return {"Bucket": world.bucket()}


@example("s3", "ListBuckets")
def list_buckets(world: World) -> Request:
    world.bucket()
    return {"MaxBuckets": 1}


@example("s3", "DeleteBucket")
def delete_bucket(world: World) -> Request:
    return {"Bucket": world.bucket()}


@example("s3", "GetBucketLocation")
def get_bucket_location(world: World) -> Request:
    return {"Bucket": world.bucket()}


@example("s3", "GetBucketVersioning")
def get_bucket_versioning(world: World) -> Request:
    return {"Bucket": world.bucket()}


@example("s3", "PutBucketTagging")
def put_bucket_tagging(world: World) -> Request:
    return {"Bucket": world.bucket(), "Tagging": TAGS}


@example("s3", "GetBucketTagging")
def get_bucket_tagging(world: World) -> Request:
    bucket = world.bucket()
    world.client("s3").put_bucket_tagging(Bucket=bucket, Tagging=TAGS)
    return {"Bucket": bucket}


@example("s3", "DeleteBucketTagging")
def delete_bucket_tagging(world: World) -> Request:
    return {"Bucket": world.bucket()}


@example("s3", "PutObject")
def put_object(world: World) -> Request:
    return {
        "Bucket": world.bucket(),
        "Key": "folder/name",
        "Body": b"bytes",
        "ContentType": "text/plain",
        "Metadata": {"source": "test"},
        "Tagging": "a=1",
    }


@example("s3", "GetObject")
def get_object(world: World) -> Request:
    return {**world.object(), "Range": "bytes=1-3"}


@example("s3", "HeadObject")
def head_object(world: World) -> Request:
    return {**world.object(), "ChecksumMode": "ENABLED"}


@example("s3", "DeleteObject")
def delete_object(world: World) -> Request:
    return world.object()


@example("s3", "DeleteObjects")
def delete_objects(world: World) -> Request:
    where = world.object()
    return {"Bucket": where["Bucket"], "Delete": {"Objects": [{"Key": where["Key"]}, {"Key": "absent"}]}}


@example("s3", "CopyObject")
def copy_object(world: World) -> Request:
    return {"Bucket": world.bucket(), "Key": "copy", "CopySource": world.object()}


@example("s3", "GetObjectAttributes")
def get_object_attributes(world: World) -> Request:
    return {**world.object(), "ObjectAttributes": ["ETag", "Checksum", "ObjectSize", "StorageClass"]}


@example("s3", "ListObjects")
def list_objects(world: World) -> Request:
    return {"Bucket": world.object()["Bucket"], "Delimiter": "/"}


@example("s3", "ListObjectsV2")
def list_objects_v2(world: World) -> Request:
    return {"Bucket": world.object()["Bucket"], "FetchOwner": True}


@example("s3", "PutObjectTagging")
def put_object_tagging(world: World) -> Request:
    return {**world.object(), "Tagging": TAGS}


@example("s3", "GetObjectTagging")
def get_object_tagging(world: World) -> Request:
    where = world.object()
    world.client("s3").put_object_tagging(**where, Tagging=TAGS)
    return where


@example("s3", "DeleteObjectTagging")
def delete_object_tagging(world: World) -> Request:
    return world.object()


def upload(world: World) -> Request:
    where = {"Bucket": world.bucket(), "Key": "large"}
    return {**where, "UploadId": world.client("s3").create_multipart_upload(**where)["UploadId"]}


@example("s3", "CreateMultipartUpload")
def create_multipart_upload(world: World) -> Request:
    return {"Bucket": world.bucket(), "Key": "large", "ChecksumAlgorithm": "SHA256"}


@example("s3", "UploadPart")
def upload_part(world: World) -> Request:
    return {**upload(world), "PartNumber": 1, "Body": b"part"}


@example("s3", "UploadPartCopy")
def upload_part_copy(world: World) -> Request:
    return {**upload(world), "PartNumber": 1, "CopySource": world.object(), "CopySourceRange": "bytes=0-3"}


@example("s3", "CompleteMultipartUpload")
def complete_multipart_upload(world: World) -> Request:
    where = upload(world)
    etag = world.client("s3").upload_part(**where, PartNumber=1, Body=b"part")["ETag"]
    return {**where, "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": etag}]}}


@example("s3", "AbortMultipartUpload")
def abort_multipart_upload(world: World) -> Request:
    return upload(world)


@example("s3", "ListParts")
def list_parts(world: World) -> Request:
    where = upload(world)
    world.client("s3").upload_part(**where, PartNumber=1, Body=b"part")
    return where


@example("s3", "ListMultipartUploads")
def list_multipart_uploads(world: World) -> Request:
    return {"Bucket": upload(world)["Bucket"]}
