# PostgreSQL with pgBackRest beside it, so that the archive command finds it.
FROM postgres:15-bookworm
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends pgbackrest \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres -m 750 /var/lib/pgbackrest /var/log/pgbackrest /var/spool/pgbackrest
COPY deploy/docker/pgbackrest.conf /etc/pgbackrest.conf
COPY deploy/docker/init.sh /docker-entrypoint-initdb.d/10-digitalbank.sh
COPY deploy/docker/backup.sh /usr/local/bin/digitalbank-backup
HEALTHCHECK --interval=5s --timeout=3s --retries=10 CMD ["pg_isready", "-q", "-U", "postgres"]
# postgres
USER 999:999
