# The engine as a library of its own package, with the ports, paths and variables of the official image.
FROM docker.io/library/python:3.11-slim
COPY libchdb.so start_clickhouse.py wget /opt/
RUN ln -s /opt/wget /usr/local/bin/wget
VOLUME /var/lib/clickhouse
ENTRYPOINT ["python", "/opt/start_clickhouse.py"]
