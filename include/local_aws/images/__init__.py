"""What a container image URI means on this machine: interpreter, entry point and contract."""
