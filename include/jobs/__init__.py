"""What runs on the service. Needs only what AWS's images carry; knows neither Airflow nor the stand-in."""
