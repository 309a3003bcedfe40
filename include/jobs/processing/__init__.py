"""Jobs that run on SageMaker Processing."""
