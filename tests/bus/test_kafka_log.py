"""What only the Kafka log has: a broker that goes away and comes back."""

import threading
from contextlib import closing

import pytest

from bus.kafka_log import KafkaLog, KafkaSettings
from bus.log import Entry, Reader
from runtime.clock import stopwatch
from runtime.errors import ConfigError, RetryLater
from tests.engines.kafka_server import KafkaServer
from tests.engines.process import free_port, wait_until

pytestmark = pytest.mark.kafka


def client_threads() -> list[str]:
    return [each.name for each in threading.enumerate() if each.name.startswith("kafka-")]


def test_without_a_broker_every_call_ends_in_time_and_leaves_nothing_behind() -> None:
    port = free_port()
    log = KafkaLog(KafkaSettings((f"127.0.0.1:{port}",), timeout_seconds=0.5))
    with closing(log), closing(log.reader("g", ["posts"])) as reader:
        for attempt in (
            lambda: log.publish("posts", [Entry("k", b"v")]),
            lambda: reader.poll(1, 0.1),
            reader.lag,
        ):
            started = stopwatch()
            with pytest.raises(
                RetryLater, match=f"Kafka at 127.0.0.1:{port} does not answer; check"
            ):
                attempt()
            assert stopwatch() - started < 5
        reader.rewind()
    assert client_threads() == []


def test_no_broker_named() -> None:
    with pytest.raises(ConfigError, match=r'bus.brokers is empty; name a Kafka broker, like \["'):
        KafkaLog(KafkaSettings(()))


def test_a_prefix_that_no_topic_may_have(kafka_server: KafkaServer) -> None:
    settings = KafkaSettings(kafka_server.brokers, prefix="回声 ")
    with (
        closing(KafkaLog(settings)) as log,
        pytest.raises(ConfigError, match=r"check .*bus\.prefix"),
    ):
        log.publish("posts", [Entry("k", b"v")])


def publish_until_taken(log: KafkaLog, value: str) -> None:
    def taken() -> bool:
        try:
            log.publish("posts", [Entry("k", value.encode())])
        except RetryLater:
            return False
        return True

    wait_until(taken, f"{value} published", 40)


def read_until(reader: Reader, value: str) -> list[str]:
    """Polls, and commits, through any outage; a failed commit brings records again."""
    found: list[str] = []

    def read() -> bool:
        try:
            batch = reader.poll(10, 0.2)
            reader.commit(batch)
        except RetryLater:
            reader.rewind()
            return False
        found.extend(record.value.decode() for record in batch)
        return value in found

    wait_until(read, f"{value} read", 40)
    return found


def poll_until_refused(reader: Reader) -> str:
    while True:
        try:
            reader.poll(10, 0.2)
        except RetryLater as error:
            return str(error)


def test_an_outage_is_told_in_time_and_all_goes_on_afterwards(kafka_server: KafkaServer) -> None:
    settings = KafkaSettings(kafka_server.brokers, "outage.", 2, timeout_seconds=2)
    with closing(KafkaLog(settings)) as log, closing(log.reader("g", ["posts"])) as reader:
        log.publish("posts", [Entry("k", b"1")])
        assert read_until(reader, "1") == ["1"]
        kafka_server.kill()
        try:
            started = stopwatch()
            with pytest.raises(
                RetryLater,
                match="does not answer; check that a broker runs and is reached by PLAINTEXT",
            ):
                log.publish("posts", [Entry("k", b"2")])
            assert stopwatch() - started < 5
            started = stopwatch()
            assert " does not answer; " in poll_until_refused(reader)
            assert stopwatch() - started < 8
        finally:
            kafka_server.restart()
        publish_until_taken(log, "3")
        assert set(read_until(reader, "3")) <= {"2", "3"}
        assert sum(part.messages for part in reader.lag()) == 0
    assert client_threads() == []
