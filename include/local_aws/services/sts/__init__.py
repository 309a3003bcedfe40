"""STS: who is calling, and keys for someone who assumes a role."""

from local_aws.services.sts import identity, session

__all__ = ["identity", "session"]
