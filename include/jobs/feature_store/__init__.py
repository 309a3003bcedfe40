"""The feature store: what is written into it, and what is read from it online."""
