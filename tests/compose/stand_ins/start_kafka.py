"""A broker set up by KAFKA_* as the official image is; formats the data folder at first start."""

import os
import re
import subprocess

JAVA = ("java", *os.environ.get("KAFKA_HEAP_OPTS", "-Xmx512m").split(), "-cp", "/opt/libs/*")
LIGHT = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
QUIET = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
CLUSTER_ID = "aHVpc2hlbmctdGVzdHMhIQ"
NOT_SETTINGS = ("KAFKA_HEAP_OPTS", "KAFKA_OPTS", "KAFKA_JVM_PERFORMANCE_OPTS")
SETTINGS = "/tmp/server.properties"


def properties() -> str:
    lines = []
    for name, value in sorted(os.environ.items()):
        if re.match("KAFKA_[A-Z]", name) and name not in NOT_SETTINGS:
            key = name.removeprefix("KAFKA_").lower().replace("_", ".")
            lines.append(f"{key}={value}\n")
    return "".join(lines)


def main() -> None:
    with open(SETTINGS, "w", encoding="utf-8") as file:
        file.write(properties())
    tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted", "-t", CLUSTER_ID]
    subprocess.run([*JAVA, QUIET, *tool, "-c", SETTINGS], check=True)
    broker = [JAVA[0], *LIGHT, QUIET, *JAVA[1:], "kafka.Kafka", SETTINGS]
    os.execvp(broker[0], broker)


if __name__ == "__main__":
    main()
