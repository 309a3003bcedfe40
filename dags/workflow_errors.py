"""Show refused workflow files among Airflow's import errors.

The other DAG files make DAGs of the good workflow files and pass over the bad ones, so that one person's
mistake does not stop everybody's work. It must not go unnoticed either: this file, which makes no DAG,
fails with all of them.
"""

from aws_ml.workflow import workflow_errors

errors = workflow_errors()
if errors:
    raise ExceptionGroup("Refused workflow files", errors)
