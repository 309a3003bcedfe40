"""Sample data whose faults are planted and known, so that a test can say what a run must find."""
