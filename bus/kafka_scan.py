"""Reads a partition from one offset to its present end, for no group; each record as it is."""

from collections.abc import Iterator
from typing import Any

from bus.kafka_client import KafkaClients, KafkaSettings, close_consumer, place, poll, record
from bus.log import Place, Record
from runtime.clock import stopwatch
from runtime.errors import RetryLater

_POLL_SECONDS = 0.2


class KafkaScan:
    """One connection for any number of partitions."""

    def __init__(self, clients: KafkaClients, settings: KafkaSettings) -> None:
        self._clients, self._settings = clients, settings
        with clients.telling():
            self._consumer = clients.consumer(None)

    def records(self, of: Place, since: int = 0) -> Iterator[Record]:
        """Up to the last committed transaction; RetryLater when it comes to no end."""
        at, consumer = place(self._settings.topic(of[0]), of[1]), self._consumer
        wait = self._settings.timeout_ms
        with self._clients.telling():
            consumer.assign([at])
            first = consumer.beginning_offsets([at], timeout_ms=wait)[at]
            end = consumer.end_offsets([at], timeout_ms=wait)[at]
            consumer.seek(at, max(first, since))
        heard = stopwatch()
        # The last offsets may be marks of a transaction, which are no records: ask how far it came.
        while (position := self._position(at)) < end:
            with self._clients.telling():
                polled = poll(consumer, _POLL_SECONDS)
            for each in polled.get(at, ()):
                yield record(of[0], each)
            if self._position(at) > position:
                heard = stopwatch()
            elif stopwatch() - heard > self._settings.timeout_seconds:
                found = f"read to {position} of {end} only"
                message = f"topic {at.topic}: partition {at.partition}: {found}; it is tried again"
                raise RetryLater(message)

    def close(self) -> None:
        close_consumer(self._consumer)

    def _position(self, at: Any) -> int:
        with self._clients.telling():
            found = self._consumer.position(at, timeout_ms=self._settings.timeout_ms)
        return int(found or 0)
