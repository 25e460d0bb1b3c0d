"""Start and stop the embedded default: PostgreSQL, the demo CRM, the Tucano simulator and Airflow."""
