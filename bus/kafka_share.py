"""A member's share of a topic's partitions, and the transactions that only their holder ends.

Collectors deal the sources by it, and alerters choose the active one.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from typing import Any

from bus.kafka_client import (
    FENCED,
    GRACE_SECONDS,
    REBALANCE,
    KafkaClients,
    KafkaSettings,
    Seat,
    after,
    begin,
    close_consumer,
    close_producer,
    commit,
    place,
    poll,
)
from bus.kafka_scan import KafkaScan
from bus.kafka_topics import KafkaTopics
from bus.log import Entry, NotMine, Record, check_sizes
from runtime.clock import stopwatch
from runtime.errors import RetryLater

_POLL_SECONDS = 0.2

# A topic, what goes to it, and its partition if the key doesn't say.
_Sent = tuple[str, Entry, int | None]


class KafkaShare:
    """Two fences keep a member out that was declared dead, at whichever moment it wakes up.

    Each transaction names the membership that it is made under, and Kafka refuses it if the group
    has moved on. Each partition has one transactional id: whoever holds it next takes that over
    before reading, which ends what was still open.
    """

    def __init__(
        self,
        clients: KafkaClients,
        topics: KafkaTopics,
        settings: KafkaSettings,
        joined: tuple[str, str],
    ) -> None:
        self._clients, self._topics, self._settings = clients, topics, settings
        self._group, self._stream = settings.prefix + joined[0], joined[1]
        self._topic = settings.topic(self._stream)
        self._consumer: Any = None
        self._seat: Seat | None = None
        self._told: frozenset[int] = frozenset()
        self._producers: dict[int, Any] = {}

    @property
    def partitions(self) -> int:
        return self._topics.partitions(self._stream)

    def mine(self, timeout_seconds: float = 0) -> frozenset[int]:
        seat = self._joined()
        asked = stopwatch()
        with self._clients.telling():
            certain = self._certain(seat, 0)
            while not (certain and seat.dealt):
                if stopwatch() - asked >= timeout_seconds:
                    break
                certain = self._certain(seat, _POLL_SECONDS)
            if not certain:
                # Either the others are slow to join, or the broker is away: then this says so.
                self._consumer.end_offsets([self._first], timeout_ms=self._settings.timeout_ms)
        lost = self._told - seat.held
        self._told = seat.held = (seat.dealt if certain else frozenset()) - lost
        for partition in self._producers.keys() - self._told:
            self._let_go(partition)
        return self._told

    def read(self, partition: int) -> Iterator[Record]:
        with self._clients.telling():
            if self._seat is not None and partition in self._seat.held:
                self._producer_for(partition, self._seat)
        with closing(KafkaScan(self._clients, self._settings)) as scan:
            yield from scan.records((self._stream, partition))

    def publish(
        self, partition: int, kept: Sequence[Entry], sent: Mapping[str, Sequence[Entry]]
    ) -> None:
        for stream, entries in ((self._stream, kept), *sent.items()):
            check_sizes(stream, entries)
        seat = self._seat
        if seat is None or partition not in seat.held or not seat.stable:
            raise self._not_mine(partition)
        if not any((kept, *sent.values())):
            return
        self._topics.ensure(sent)
        batch: list[_Sent] = [(self._topic, entry, partition) for entry in kept]
        for stream, entries in sent.items():
            batch += [(self._settings.topic(stream), entry, None) for entry in entries]
        try:
            with self._clients.telling():
                self._transact(partition, seat, batch)
        except RetryLater:
            self._let_go(partition)
            raise

    def close(self) -> None:
        for partition in list(self._producers):
            self._let_go(partition)
        consumer, self._consumer, self._seat = self._consumer, None, None
        if consumer is not None:
            close_consumer(consumer)

    @property
    def _first(self) -> Any:
        return place(self._topic, 0)

    def _joined(self) -> Seat:
        if self._seat is None:
            self._topics.ensure((self._stream,))
            with self._clients.telling():
                self._consumer = self._clients.consumer(self._group)
                self._seat = Seat(self._consumer)
                self._consumer.subscribe([self._topic], listener=self._seat)
        return self._seat

    def _certain(self, seat: Seat, seconds: float) -> bool:
        """Takes part in the group, then asks Kafka whether what was dealt still stands.

        Its last heartbeat proves nothing to a process that was paused since.
        """
        poll(self._consumer, seconds)
        if not seat.stable:
            return False
        try:
            self._consumer.commit({self._first: after(0)}, timeout_ms=self._settings.timeout_ms)
        except REBALANCE:
            return False
        return True

    def _still_holds(self, partition: int, seat: Seat) -> bool:
        return self._certain(seat, 0) and partition in seat.held

    def _transact(self, partition: int, seat: Seat, batch: Sequence[_Sent]) -> None:
        wait = self._settings.timeout_seconds
        producer = self._producer_for(partition, seat)
        try:
            begin(producer, seat.membership, self._first, wait)
        except (*REBALANCE, FENCED) as error:
            if isinstance(error, FENCED) and self._still_holds(partition, seat):
                # A member that was late took the transactions over: they are taken back.
                raise
            seat.held -= {partition}
            raise self._not_mine(partition) from error
        deadline = stopwatch() + wait + GRACE_SECONDS
        futures = [
            producer.send(topic, entry.value or None, entry.key.encode(), partition=to)
            for topic, entry, to in batch
        ]
        for future in futures:
            future.get(timeout=max(deadline - stopwatch(), 0))
        commit(producer, wait)

    def _producer_for(self, partition: int, seat: Seat) -> Any:
        """Takes the partition's transactions over from whoever held it before."""
        if partition not in self._producers:
            # One that is no member any more leaves the new holder in peace.
            if not self._still_holds(partition, seat):
                raise self._not_mine(partition)
            with ExitStack() as undo:
                producer = self._clients.producer(f"{self._group}-{partition}")
                undo.callback(close_producer, producer, self._settings.timeout_seconds)
                producer.init_transactions()
                undo.pop_all()
            self._producers[partition] = producer
        return self._producers[partition]

    def _let_go(self, partition: int) -> None:
        producer = self._producers.pop(partition, None)
        if producer is not None:
            close_producer(producer, self._settings.timeout_seconds)

    def _not_mine(self, partition: int) -> NotMine:
        message = f"topic {self._topic}: partition {partition} is another member's now"
        return NotMine(message)
