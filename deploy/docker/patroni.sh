#!/bin/bash
# Writes Patroni's configuration for this node and runs it. Passwords come from the secrets, the name from the environment.
set -euo pipefail
name=${PATRONI_NAME:?}
superuser=$(cat /run/secrets/superuser_password)
replication=$(cat /run/secrets/replication_password)
owner=$(cat /run/secrets/owner_password)
umask 077
install -d -m 700 /var/lib/postgresql/data/cluster
cat >/tmp/patroni.yml <<YAML
scope: digitalbank
name: $name
restapi: {listen: '0.0.0.0:8008', connect_address: '$name:8008'}
etcd3: {hosts: ['etcd1:2379', 'etcd2:2379', 'etcd3:2379']}
bootstrap:
  dcs:
    ttl: 20
    loop_wait: 5
    retry_timeout: 5
    maximum_lag_on_failover: 1048576
    # A transfer that was confirmed is on two machines.
    synchronous_mode: true
    # A server that died is replaced, not waited for; a leader that sees all others goes on while etcd is away.
    primary_start_timeout: 0
    failsafe_mode: true
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: logical
        max_slot_wal_keep_size: 8GB
        password_encryption: scram-sha-256
        archive_mode: 'on'
        archive_command: pgbackrest --stanza=bank archive-push %p
        archive_timeout: 60
  initdb: [{encoding: UTF8}, {locale: C.UTF-8}, data-checksums]
  post_bootstrap: /tmp/post-bootstrap
postgresql:
  listen: 0.0.0.0:5432
  connect_address: $name:5432
  data_dir: /var/lib/postgresql/data/cluster
  bin_dir: /usr/lib/postgresql/15/bin
  pgpass: /tmp/pgpass
  recovery_conf: {restore_command: 'pgbackrest --stanza=bank archive-get %f %p'}
  pg_hba: ['local all all peer', 'host all all 0.0.0.0/0 scram-sha-256', 'host replication replicator 0.0.0.0/0 scram-sha-256']
  authentication:
    superuser: {username: postgres, password: '$superuser'}
    replication: {username: replicator, password: '$replication'}
    rewind: {username: rewinder, password: '$replication'}
YAML
cat >/tmp/post-bootstrap <<SCRIPT
#!/bin/bash
set -euo pipefail
psql -v ON_ERROR_STOP=1 "\$1" <<'SQL'
create role digitalbank login createrole replication password '$owner';
create database digitalbank owner digitalbank;
\connect digitalbank
create extension if not exists pgcrypto;
SQL
SCRIPT
chmod 700 /tmp/post-bootstrap
# Backups are made where the leader is; the repository is the same for all.
export PGHOST=/var/run/postgresql PGUSER=postgres
(while true; do /usr/local/bin/digitalbank-backup || true; sleep 60; done) &
exec patroni /tmp/patroni.yml
