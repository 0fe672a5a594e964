# PostgreSQL under Patroni, with pgBackRest for new standbys.
FROM postgres:15-bookworm
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends patroni python3-etcd python3-idna pgbackrest curl \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o postgres -g postgres -m 750 /var/lib/pgbackrest /var/log/pgbackrest /var/spool/pgbackrest
# PostgreSQL has no environment of ours under Patroni: the file says where the cluster is.
COPY deploy/docker/pgbackrest.conf /etc/pgbackrest.conf
RUN sed -i 's|^pg1-path=.*|pg1-path=/var/lib/postgresql/data/cluster|' /etc/pgbackrest.conf
COPY deploy/docker/backup.sh /usr/local/bin/digitalbank-backup
COPY deploy/docker/patroni.sh /usr/local/bin/digitalbank-patroni
HEALTHCHECK --interval=5s --timeout=3s --retries=12 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8008/health"]
# postgres
USER 999:999
ENTRYPOINT ["/usr/local/bin/digitalbank-patroni"]
