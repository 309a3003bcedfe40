"""What a Glue Spark job runs in: PySpark, and S3 as its file system."""
