#!/usr/bin/env bash
# Makes one database with one role as its owner for Dagster's records, MLflow and the warehouse, so that none can reach another's, and
# the role with which Grafana reads two of them.
# The image runs this once, on an empty volume. Run it again, as docs/deployment.md says, to take over changed passwords.
set -euo pipefail

# run_sql <variable>...: run the statements that are read, with psql's variables as they are given, e.g. name=dagster.
run_sql() {
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" "${@/#/--set=}"
}

# make_role <name> <variable>: the password from an environment variable.
make_role() {
  : "${!2:?}"
  # psql reads the password itself, so that no list of processes shows it.
  run_sql name="$1" <<SQL
\getenv password $2
SELECT format('CREATE ROLE %I LOGIN', :'name')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'name') \gexec
ALTER ROLE :"name" PASSWORD :'password';
SQL
}

# own_database <name> <variable>: role and database of one name.
own_database() {
  make_role "$1" "$2"
  run_sql name="$1" <<'SQL'
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'name')
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
SQL
}

# read_database <role> <database>: every table, those to come among them; none can be changed.
read_database() {
  run_sql role="$1" database="$2" <<'SQL'
ALTER ROLE :"role" SET default_transaction_read_only = on;
-- Of every database, but only to those that follow can the role connect.
GRANT pg_read_all_data TO :"role";
GRANT CONNECT ON DATABASE :"database" TO :"role";
SQL
}

own_database dagster POSTGRES_DAGSTER_PASSWORD
own_database mlflow POSTGRES_MLFLOW_PASSWORD
own_database warehouse POSTGRES_WAREHOUSE_PASSWORD
make_role grafana POSTGRES_GRAFANA_PASSWORD
read_database grafana dagster
read_database grafana warehouse
