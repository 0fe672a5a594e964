#!/bin/bash
# Run once, by the image, in a new cluster: the owner of the bank, who is no superuser, and what needs a superuser.
set -euo pipefail
owner_password=$(cat /run/secrets/owner_password)
exporter_password=$(cat /run/secrets/exporter_password)
psql -v ON_ERROR_STOP=1 -v owner_password="$owner_password" -v exporter_password="$exporter_password" \
    -U "$POSTGRES_USER" -d postgres <<'SQL'
create role digitalbank login createrole replication password :'owner_password';
create database digitalbank owner digitalbank;
create role supervision login connection limit 5 password :'exporter_password';
grant pg_monitor to supervision;
SQL
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d digitalbank -c 'create extension if not exists pgcrypto'
