"""Access to AWS through an Airflow connection."""
