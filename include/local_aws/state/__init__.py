"""What survives a restart: records, objects and log events. Knows no service."""
