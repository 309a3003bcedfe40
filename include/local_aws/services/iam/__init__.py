"""IAM: roles and the policies that hang on them. Policies are kept, never evaluated."""

from local_aws.services.iam import attached_policy, inline_policy, role

__all__ = ["attached_policy", "inline_policy", "role"]
