# Prometheus with the bank's rules inside: Render's private services take no files from outside.
FROM prom/prometheus:v2.55.1
COPY deploy/prometheus/rules /etc/prometheus/rules
COPY deploy/render/prometheus.yml /etc/prometheus/prometheus.yml
CMD ["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus", "--storage.tsdb.retention.time=30d", "--enable-feature=exemplar-storage"]
