#!/usr/bin/env bash
# Makes one database with one role as its owner for Dagster's records, MLflow and the warehouse, so that none can reach another's.
# The image runs this once, on an empty volume. Run it again, as docs/deployment.md says, to take over changed passwords.
set -euo pipefail

# own_database <name> <variable>: role and database of one name, the password from an environment variable.
own_database() {
  : "${!2:?}"
  # psql reads the password itself, so that no list of processes shows it.
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" --set name="$1" <<SQL
\getenv password $2
SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

own_database dagster POSTGRES_DAGSTER_PASSWORD
own_database mlflow POSTGRES_MLFLOW_PASSWORD
own_database warehouse POSTGRES_WAREHOUSE_PASSWORD
