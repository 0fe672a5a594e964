# PostgreSQL under Patroni, with pgBackRest for new standbys.
FROM postgres:15-bookworm
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends patroni python3-etcd python3-idna pgbackrest curl \
    && rm -rf /var/lib/apt/lists/*
COPY deploy/docker/patroni.sh /usr/local/bin/digitalbank-patroni
HEALTHCHECK --interval=5s --timeout=3s --retries=12 \
    CMD ["curl", "--fail", "--silent", "--output", "/dev/null", "http://127.0.0.1:8008/health"]
# postgres
USER 999:999
ENTRYPOINT ["/usr/local/bin/digitalbank-patroni"]
