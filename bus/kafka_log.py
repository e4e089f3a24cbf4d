"""The Log in Kafka, for several machines.

Stream `posts` is the topic `<prefix>posts`; topics that are missing are made at first use.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from threading import Lock
from typing import Any

from bus.kafka_client import (
    GRACE_SECONDS,
    REBALANCE,
    KafkaClients,
    after,
    close_consumer,
    close_producer,
    place,
    poll,
    record,
)
from bus.kafka_client import KafkaSettings as KafkaSettings
from bus.kafka_scan import KafkaScan
from bus.kafka_share import KafkaShare
from bus.kafka_topics import KafkaTopics
from bus.log import Entry, Lag, Place, Record, check_sizes, next_offsets
from runtime.clock import stopwatch
from runtime.errors import RetryLater
from runtime.logs import logger

lines = logger("kafka")


class KafkaLog:
    """Connects at first use. After a failed publish the same entries may be in the log twice."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._clients = KafkaClients(settings)
        self._topics = KafkaTopics(self._clients, settings)
        self._lock = Lock()
        self._producer: Any = None

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        check_sizes(stream, entries)
        self._topics.ensure((stream,))
        topic = self._settings.topic(stream)
        producer = self._connected_producer()
        # The producer gives a message up by itself after `timeout_seconds`; wait to see it do so.
        deadline = stopwatch() + self._settings.timeout_seconds + GRACE_SECONDS
        try:
            with self._clients.telling():
                sent = [producer.send(topic, entry.value, entry.key.encode()) for entry in entries]
                for future in sent:
                    future.get(timeout=max(deadline - stopwatch(), 0))
        except RetryLater:
            self._drop(producer)
            raise

    def reader(self, group: str, streams: Sequence[str]) -> "KafkaReader":
        return KafkaReader(self._clients, self._topics, self._settings, (group, streams))

    def scan(self, stream: str, since: Mapping[int, int] | None = None) -> Iterator[Record]:
        starts = since or {}
        partitions = self._topics.partitions(stream)
        with closing(KafkaScan(self._clients, self._settings)) as scan:
            for number in range(partitions):
                yield from scan.records((stream, number), starts.get(number, 0))

    def share(self, group: str, stream: str) -> KafkaShare:
        return KafkaShare(self._clients, self._topics, self._settings, (group, stream))

    def trim(self, before: datetime) -> int:
        """Kafka drops old records by itself, by the topics' `retention.ms`."""
        del before
        return 0

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            # Each publish has waited for its own messages: there is nothing left to wait for.
            close_producer(producer, 0)

    def _connected_producer(self) -> Any:
        with self._lock, self._clients.telling():
            if self._producer is None:
                self._producer = self._clients.producer()
            return self._producer

    def _drop(self, producer: Any) -> None:
        """What it still holds ends before the caller publishes the same again."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        close_producer(producer, self._settings.timeout_seconds)


class KafkaReader:
    """Members of one group share the partitions of their streams."""

    def __init__(
        self,
        clients: KafkaClients,
        topics: KafkaTopics,
        settings: KafkaSettings,
        joined: tuple[str, Sequence[str]],
    ) -> None:
        self._clients, self._topics, self._settings = clients, topics, settings
        group, streams = joined
        self._group = settings.prefix + group
        self._streams = {settings.topic(stream): stream for stream in streams}
        self._consumer: Any = None
        self._heard = stopwatch()
        # In each partition: the first delivered record that is not committed, and the next to come.
        self._resume: dict[Place, int] = {}
        self._delivered: dict[Place, int] = {}

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        consumer = self._connected()
        with self._clients.telling():
            polled = poll(consumer, timeout_seconds, max_records)
            batch = [
                record(self._streams[found.topic], found)
                for several in polled.values()
                for found in several
            ]
            if batch:
                self._heard = stopwatch()
            else:
                self._check_silence(consumer)
        for each in batch:
            self._resume.setdefault((each.stream, each.partition), each.offset)
        self._delivered |= next_offsets(batch)
        return batch

    def commit(self, records: Iterable[Record]) -> None:
        offsets = next_offsets(records)
        if not offsets:
            return
        marks = {self._partition(p): after(at) for p, at in offsets.items()}
        with self._clients.telling():
            try:
                self._connected().commit(marks, timeout_ms=self._settings.timeout_ms)
            except REBALANCE as error:
                lines.info("commit lost to a rebalance", group=self._group, error=str(error))
        for at, offset in offsets.items():
            self._resume[at] = offset
            if offset >= self._delivered.get(at, 0):
                # Nothing is open here; after a rebalance this partition may go on elsewhere.
                del self._resume[at]

    def rewind(self) -> None:
        if self._consumer is None:
            return
        mine = self._consumer.assignment() or ()
        for at, offset in self._resume.items():
            if self._partition(at) in mine:
                self._consumer.seek(self._partition(at), offset)
        self._resume = {}

    def lag(self) -> Sequence[Lag]:
        consumer, wait = self._connected(), self._settings.timeout_ms
        with self._clients.telling():
            mine = sorted(consumer.assignment() or ())
            ends = consumer.end_offsets(mine, timeout_ms=wait) if mine else {}
            firsts = consumer.beginning_offsets(mine, timeout_ms=wait) if mine else {}
            done = {each: consumer.committed(each, timeout_ms=wait) or 0 for each in mine}
        return [
            Lag(self._streams[p.topic], p.partition, ends[p] - max(firsts[p], done[p]))
            for p in mine
        ]

    def close(self) -> None:
        if self._consumer is not None:
            consumer, self._consumer = self._consumer, None
            close_consumer(consumer)

    def _connected(self) -> Any:
        if self._consumer is None:
            self._topics.ensure(self._streams.values())
            with self._clients.telling():
                self._consumer = self._clients.consumer(self._group)
                self._consumer.subscribe(list(self._streams))
        return self._consumer

    def _check_silence(self, consumer: Any) -> None:
        """An empty poll may be a quiet stream or a broker that is away: ask, now and then."""
        if stopwatch() - self._heard > self._settings.timeout_seconds / 2:
            any_partition = place(next(iter(self._streams)), 0)
            consumer.end_offsets([any_partition], timeout_ms=self._settings.timeout_ms)
            self._heard = stopwatch()

    def _partition(self, at: Place) -> Any:
        return place(self._settings.topic(at[0]), at[1])
