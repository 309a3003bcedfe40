"""Request bodies: one AWS resource a module, one function an AWS call.

Each function is pure: a workflow in, the body of one call out, with Jinja texts where a value is known
only when the task runs. No boto3, no Airflow: a test renders every body of every workflow and holds it
against botocore's model of the call.
"""
