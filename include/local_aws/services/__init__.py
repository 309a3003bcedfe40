"""The emulated services: one package per service, one module per AWS resource."""
