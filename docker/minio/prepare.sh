#!/bin/sh
# Makes the buckets, and the user with whose key everything but this container speaks to MinIO. It changes nothing the second time.
set -eu

mc --quiet alias set admin "$MINIO_URL" "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD"
mc --quiet admin user add admin "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY"
# Attaching what is attached already counts as a failure; the last command finds out whether the user may use the buckets.
mc --quiet admin policy attach admin readwrite --user "$S3_ACCESS_KEY_ID" || true
mc --quiet alias set platform "$MINIO_URL" "$S3_ACCESS_KEY_ID" "$S3_SECRET_ACCESS_KEY"
for bucket in "$LAKE_BUCKET" "$MLFLOW_BUCKET" "$DAGSTER_LOGS_BUCKET"; do
  mc --quiet mb --ignore-existing "platform/$bucket"
  mc --quiet ls "platform/$bucket"
done
