"""AWS's wire protocols: bytes to operation and parameters, and back. Knows no service."""
