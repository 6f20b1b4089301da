#!/usr/bin/env bash
# Makes the user with whom Grafana reads the warehouse, and who can change nothing.
# The image runs this once, on an empty volume. Run it again, as docs/deployment.md says, to take over a changed password.
set -euo pipefail
: "${MYSQL_GRAFANA_PASSWORD:?}"

password=${MYSQL_GRAFANA_PASSWORD//\\/\\\\}
password=${password//\'/\'\'}
# Statements and password from the input, so that no list of processes shows it.
MYSQL_PWD="${MYSQL_ROOT_PASSWORD?}" mysql --user=root <<SQL
CREATE USER IF NOT EXISTS 'grafana'@'%';
ALTER USER 'grafana'@'%' IDENTIFIED BY '$password';
GRANT SELECT ON warehouse.* TO 'grafana'@'%';
SQL
