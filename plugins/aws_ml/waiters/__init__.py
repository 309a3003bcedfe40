"""What waiting for AWS means: which states there are, and how long a silence is borne."""
