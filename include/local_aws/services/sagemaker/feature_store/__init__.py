"""Feature Store: groups of features, their newest records online, all of them as Parquet files in S3.

    group      Create-, Describe-, Update-, Delete-, ListFeatureGroup(s)
    metadata   what people say of single features
    record     the runtime: PutRecord, GetRecord and their like
    quick      the same calls, read without the model where nothing is in doubt
    alike      batches that come as the last ones did, read by one pattern
    schema     what a record of a group must look like
    offline    from the buffer to S3 and the Glue catalog
    keeper     the thread that does what calls do not wait for

A call that writes is acknowledged when its records are in the database: the newest of each identifier online,
all of them in a buffer. A few seconds later (AWS takes up to fifteen minutes) the keeper writes the buffer to
the offline store. What is not emulated: throttling by a ThroughputConfig, which is kept and told only.
"""

from local_aws.services.sagemaker.feature_store import group, keeper, metadata, quick, record

__all__ = ["group", "keeper", "metadata", "quick", "record"]
