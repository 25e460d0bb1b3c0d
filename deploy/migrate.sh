#!/usr/bin/env bash
# Bring Airflow's database and the provisioning database to this image's version, and see that there is an
# administrator. Runs once before the services of docker-compose.yaml start; running it again changes nothing.
set -euo pipefail

# Airflow finds the FAB auth manager's tables by itself and migrates them too.
airflow db migrate

# The password goes in by standard input: an argument could be read in the list of processes. Without a
# terminal (setsid) the question is answered from there. A user who exists keeps the password.
printf '%s\n%s\n' "$AIRFLOW_ADMIN_PASSWORD" "$AIRFLOW_ADMIN_PASSWORD" |
  setsid --wait airflow users create --role Admin --username "$AIRFLOW_ADMIN_USER" \
    --email "$AIRFLOW_ADMIN_EMAIL" --firstname Tucano --lastname Administrator

# The role for portals; its one right is ours and unknown to Airflow's commands.
python "${BASH_SOURCE%/*}/portal_role.py"

python -m provisioner.migrate
