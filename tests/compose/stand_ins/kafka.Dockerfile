# The broker's own jars on a Debian JRE, with the ports, paths and variables of the official image.
FROM docker.io/library/python:3.11-slim
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends openjdk-17-jre-headless >/dev/null
COPY libs /opt/libs
COPY start_kafka.py /opt/start.py
RUN useradd --uid 1000 appuser && install -d -o appuser /var/lib/kafka/data
USER appuser
VOLUME /var/lib/kafka/data
ENTRYPOINT ["python3", "/opt/start.py"]
