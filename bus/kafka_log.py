"""The Log in Kafka, for several machines; the one file that imports kafka.

Stream `posts` is the topic `<prefix>posts`; topics that are missing are made at first use.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Lock
from typing import Any

from bus.log import Entry, Lag, Place, Record, check_sizes, next_offsets
from runtime.clock import stopwatch
from runtime.errors import ConfigError, RetryLater
from runtime.logs import logger

with warnings.catch_warnings():
    # kafka-python 3.0 reads its schemas by a call that Python 3.11 deprecates.
    warnings.simplefilter("ignore", DeprecationWarning)
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition, errors
    from kafka.net.compat import KafkaNetClient
    from kafka.structs import OffsetAndMetadata

lines = logger("kafka")
# While a broker is away it logs ten errors a second. Each failure of ours reaches the caller as an
# exception, and is told once by the stage that waits.
logging.getLogger("kafka").setLevel(logging.CRITICAL)

_SESSION_MS = 10_000
_METADATA_MS = 5_000
_GRACE_SECONDS = 2.0
_USERS_FAULT = (
    errors.KafkaConfigurationError,
    errors.InvalidTopicError,
    errors.AuthorizationError,
    errors.SaslAuthenticationFailedError,
)
_REBALANCE = (
    errors.CommitFailedError,
    errors.RebalanceInProgressError,
    errors.IllegalGenerationError,
    errors.UnknownMemberIdError,
)


@dataclass(frozen=True)
class KafkaSettings:
    """`partitions` is for topics that are made; `timeout_seconds` bounds each wait for a broker."""

    brokers: tuple[str, ...]
    prefix: str = "huisheng."
    partitions: int = 4
    timeout_seconds: float = 10.0

    @property
    def timeout_ms(self) -> int:
        return int(self.timeout_seconds * 1000)

    def topic(self, stream: str) -> str:
        return self.prefix + stream


class KafkaLog:
    """Connects at first use. After a failed publish the same entries may be in the log twice."""

    def __init__(self, settings: KafkaSettings) -> None:
        if not settings.brokers:
            message = 'bus.brokers is empty; name a Kafka broker, like ["kafka:9092"]'
            raise ConfigError(message)
        self._settings = settings
        self._lock = Lock()
        self._known: set[str] = set()
        self._producer: Any = None

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        check_sizes(stream, entries)
        self.ensure_topics((stream,))
        topic = self._settings.topic(stream)
        producer = self._connected_producer()
        # The producer gives a message up by itself after `timeout_seconds`; wait to see it do so.
        deadline = stopwatch() + self._settings.timeout_seconds + _GRACE_SECONDS
        try:
            with _outage_told(self._settings, f"publishing to {topic}"):
                sent = [producer.send(topic, entry.value, entry.key.encode()) for entry in entries]
                for future in sent:
                    future.get(timeout=max(deadline - stopwatch(), 0))
        except RetryLater:
            self._drop(producer)
            raise

    def reader(self, group: str, streams: Sequence[str]) -> "KafkaReader":
        return KafkaReader(self, self._settings, group, streams)

    def trim(self, before: datetime) -> int:
        """Kafka drops old records by itself, by the topics' `retention.ms`."""
        del before
        return 0

    def close(self) -> None:
        with self._lock:
            producer, self._producer = self._producer, None
        if producer is not None:
            producer.close(timeout=self._settings.timeout_seconds + _GRACE_SECONDS)

    def ensure_topics(self, streams: Iterable[str]) -> None:
        """Raises RetryLater while no broker answers."""
        with self._lock:
            missing = [stream for stream in streams if stream not in self._known]
            if missing:
                self._create_topics(missing)
                self._known.update(missing)

    def _create_topics(self, streams: Sequence[str]) -> None:
        settings = self._settings
        wanted = {settings.topic(stream) for stream in streams}
        with _outage_told(settings, f"making the topics {', '.join(sorted(wanted))}"):
            admin = _connect(KafkaAdminClient, settings)
            try:
                absent = wanted - {topic["name"] for topic in admin.describe_topics(None)}
                options = {"num_partitions": settings.partitions, "replication_factor": -1}
                if absent:
                    _create(admin, dict.fromkeys(absent, options), settings)
            finally:
                admin.close()

    def _connected_producer(self) -> Any:
        settings = self._settings
        with self._lock, _outage_told(settings, "connecting"):
            if self._producer is None:
                self._producer = _connect(
                    KafkaProducer,
                    settings,
                    acks="all",
                    enable_idempotence=True,
                    compression_type="zstd",
                    allow_auto_create_topics=False,
                    max_block_ms=settings.timeout_ms,
                    delivery_timeout_ms=settings.timeout_ms,
                )
            return self._producer

    def _drop(self, producer: Any) -> None:
        """What it still holds ends before the caller publishes the same again."""
        with self._lock:
            if self._producer is producer:
                self._producer = None
        producer.close(timeout=self._settings.timeout_seconds + _GRACE_SECONDS)


class KafkaReader:
    """Members of one group share the partitions of their streams."""

    def __init__(
        self, log: KafkaLog, settings: KafkaSettings, group: str, streams: Sequence[str]
    ) -> None:
        self._log, self._settings = log, settings
        self._group = settings.prefix + group
        self._streams = {settings.topic(stream): stream for stream in streams}
        self._consumer: Any = None
        self._heard = stopwatch()
        # In each partition: the first delivered record that is not committed, and the next to come.
        self._resume: dict[Place, int] = {}
        self._delivered: dict[Place, int] = {}

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        consumer = self._connected()
        with _outage_told(self._settings, "reading"):
            polled = consumer.poll(timeout_ms=int(timeout_seconds * 1000), max_records=max_records)
            batch = [self._record(found) for several in polled.values() for found in several]
            if batch:
                self._heard = stopwatch()
            else:
                self._check_silence(consumer)
        for record in batch:
            self._resume.setdefault((record.stream, record.partition), record.offset)
        self._delivered |= next_offsets(batch)
        return batch

    def commit(self, records: Iterable[Record]) -> None:
        after = next_offsets(records)
        if not after:
            return
        offsets = {self._partition(p): OffsetAndMetadata(at, "", -1) for p, at in after.items()}
        with _outage_told(self._settings, "committing"):
            try:
                self._connected().commit(offsets, timeout_ms=self._settings.timeout_ms)
            except _REBALANCE as error:
                lines.info("commit lost to a rebalance", group=self._group, error=str(error))
        for place, offset in after.items():
            self._resume[place] = offset
            if offset >= self._delivered.get(place, 0):
                # Nothing is open here; after a rebalance this partition may go on elsewhere.
                del self._resume[place]

    def rewind(self) -> None:
        if self._consumer is None:
            return
        mine = self._consumer.assignment() or ()
        for place, offset in self._resume.items():
            if self._partition(place) in mine:
                self._consumer.seek(self._partition(place), offset)
        self._resume = {}

    def lag(self) -> Sequence[Lag]:
        consumer, wait = self._connected(), self._settings.timeout_ms
        with _outage_told(self._settings, "asking for the lag"):
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
            consumer.close(autocommit=False, timeout_ms=self._settings.timeout_ms)

    def _connected(self) -> Any:
        if self._consumer is None:
            self._log.ensure_topics(self._streams.values())
            with _outage_told(self._settings, "connecting"):
                self._consumer = _connect(
                    KafkaConsumer,
                    self._settings,
                    group_id=self._group,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    isolation_level="read_committed",
                    allow_auto_create_topics=False,
                    session_timeout_ms=_SESSION_MS,
                    # A stream made a moment ago may be unknown at first: look again soon.
                    metadata_max_age_ms=_METADATA_MS,
                )
                self._consumer.subscribe(list(self._streams))
        return self._consumer

    def _check_silence(self, consumer: Any) -> None:
        """An empty poll may be a quiet stream or a broker that is away: ask, now and then."""
        if stopwatch() - self._heard > self._settings.timeout_seconds / 2:
            any_partition = TopicPartition(next(iter(self._streams)), 0)
            consumer.end_offsets([any_partition], timeout_ms=self._settings.timeout_ms)
            self._heard = stopwatch()

    def _record(self, found: Any) -> Record:
        key = (found.key or b"").decode("utf-8", "replace")
        stream = self._streams[found.topic]
        return Record(stream, found.partition, found.offset, key, found.value or b"")

    def _partition(self, place: Place) -> Any:
        return TopicPartition(self._settings.topic(place[0]), place[1])


def _connect(make: Callable[..., Any], settings: KafkaSettings, **options: Any) -> Any:
    """A client of any kind. One that can't connect would leave a thread behind: closed here."""
    opened: list[Any] = []

    def open_client(**config: Any) -> Any:
        opened.append(KafkaNetClient(**config))
        return opened[-1]

    try:
        return make(
            bootstrap_servers=list(settings.brokers),
            bootstrap_timeout_ms=settings.timeout_ms,
            request_timeout_ms=settings.timeout_ms,
            # Its default grows to 30 s: a worker would sleep on long after the broker is back.
            reconnect_backoff_max_ms=1000,
            kafka_client=open_client,
            **options,
        )
    except errors.KafkaError:
        for client in opened:
            client.close()
        raise


def _create(admin: Any, topics: dict[str, dict[str, int]], settings: KafkaSettings) -> None:
    try:
        admin.create_topics(topics, timeout_ms=settings.timeout_ms)
    except errors.TopicAlreadyExistsError:
        lines.info("another process made some of the topics first", topics=sorted(topics))
    admin.wait_for_topics(list(topics), timeout_ms=settings.timeout_ms)


@contextmanager
def _outage_told(settings: KafkaSettings, doing: str) -> Iterator[None]:
    where = f"Kafka at {', '.join(settings.brokers)}, {doing}"
    try:
        yield
    except _USERS_FAULT as error:
        message = f"{where}: {error}; check bus.brokers, bus.prefix and the rights of this user"
        raise ConfigError(message) from error
    except errors.KafkaError as error:
        message = f"{where}: {error}; check that the broker runs and can be reached"
        raise RetryLater(message) from error
