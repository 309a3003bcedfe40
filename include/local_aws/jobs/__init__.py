"""The life of a job: legal transitions, process groups, the /opt/ml tree and recovery after a crash."""
