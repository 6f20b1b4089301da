#!/bin/sh
# Writes docker/.env from env.example with random passwords, and docker/settings.env from .env.example. Files that exist stay.
set -eu
umask 077
cd "$(dirname "$0")"

# 128 random bits in letters and digits.
random_password() {
  od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

fill_passwords() {
  while IFS= read -r line; do
    case $line in
      *_PASSWORD= | *_SECRET_ACCESS_KEY= | SERVING_*_KEY=) line=$line$(random_password) ;;
    esac
    printf '%s\n' "$line"
  done
}

if [ ! -e .env ]; then
  fill_passwords <env.example >.env.new
  mv .env.new .env
  echo "wrote docker/.env"
fi
if [ ! -e settings.env ]; then
  cp ../.env.example settings.env
  echo "wrote docker/settings.env"
fi
