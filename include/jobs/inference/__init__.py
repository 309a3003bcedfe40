"""What the endpoint runs."""
