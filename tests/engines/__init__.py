"""Real engines for the tests, started on loopback without Docker: Apache Kafka and ClickHouse."""
