"""The shell: gather, decide in the core, apply. One module per Airflow task; a step owns its transactions."""
