"""CloudWatch Logs: groups, streams and events; a job's output is here while it runs."""

from local_aws.services.logs import log_event, log_group, log_stream

__all__ = ["log_event", "log_group", "log_stream"]
