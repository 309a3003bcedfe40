"""Jobs that run on AWS Glue."""
