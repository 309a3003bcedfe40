"""The part of AWS Glue's Python library that scripts use, written anew; it lies on PYTHONPATH of Glue jobs.

``utils`` needs Python alone and serves both types of job; the other modules need Spark. What is not here
raises NotImplementedError with its name.
"""
