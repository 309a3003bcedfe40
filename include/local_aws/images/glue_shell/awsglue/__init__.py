"""The part of AWS Glue's Python library that Python shell scripts use; it lies on PYTHONPATH of such jobs."""
