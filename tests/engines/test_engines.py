"""The engines themselves: they start, answer, and come back after a kill with their data."""

import urllib.request

from tests.engines.clickhouse_server import ClickHouseServer
from tests.engines.kafka_server import KafkaServer


def ask(server: ClickHouseServer, sql: str) -> str:
    with urllib.request.urlopen(f"{server.url}/", data=sql.encode(), timeout=10) as answer:
        text: str = answer.read().decode()
    return text.strip()


def test_clickhouse_answers_and_keeps_rows_over_a_kill(clickhouse_server: ClickHouseServer) -> None:
    ask(clickhouse_server, "CREATE TABLE kept (n UInt8) ENGINE = MergeTree ORDER BY n")
    ask(clickhouse_server, "INSERT INTO kept VALUES (7)")
    clickhouse_server.restart()
    assert ask(clickhouse_server, "SELECT n FROM kept") == "7"
    assert ask(clickhouse_server, "SELECT version()").startswith("26.7")
    ask(clickhouse_server, "DROP TABLE kept")


def test_kafka_answers(kafka_server: KafkaServer) -> None:
    assert kafka_server.answers()
