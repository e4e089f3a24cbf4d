"""The Log protocol: an ordered, durable record of messages in partitions of named streams.

memory_log, sqlite_log and kafka_log pass the one contract suite in tests/contracts.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zlib import crc32

POSTS = "posts"
ENGAGEMENT = "engagement"
POLLS = "polls"
DEAD_LETTERS = "dead_letters"
STREAMS = (POSTS, ENGAGEMENT, POLLS, DEAD_LETTERS)


@dataclass(frozen=True)
class Entry:
    """What is published: messages of one key (a source's id) keep their order."""

    key: str
    value: bytes


@dataclass(frozen=True)
class Record:
    """What is read back, with its place in the log."""

    stream: str
    partition: int
    offset: int
    key: str
    value: bytes


@dataclass(frozen=True)
class Lag:
    stream: str
    partition: int
    messages: int


class Reader(Protocol):
    """One member of a consumer group; not thread-safe."""

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        """Up to `max_records` next records, in order within a partition; waits when there are none.

        An empty answer never means the end. Raises RetryLater while the log can't be reached.
        """
        ...

    def commit(self, records: Iterable[Record]) -> None:
        """Note that `records` (and all before them) are handled; the group goes on after them.

        A commit lost to a rebalance is not an error: the next owner reads the records again.
        """
        ...

    def rewind(self) -> None:
        """Go back to what was last committed, after a batch that could not be handled."""
        ...

    def lag(self) -> Sequence[Lag]:
        """How many messages of each assigned partition are not yet committed."""
        ...

    def close(self) -> None: ...


class Log(Protocol):
    """Thread-safe. A reader belongs to the thread that asked for it."""

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        """Returns when all entries are durable; raises RetryLater when some may not be."""
        ...

    def reader(self, group: str, streams: Sequence[str]) -> Reader:
        """A new group starts with the oldest record."""
        ...

    def trim(self, before: datetime) -> int:
        """Drop records older than `before`, where the log itself does not; returns how many."""
        ...

    def close(self) -> None: ...


def partition_of(key: str, partitions: int) -> int:
    return crc32(key.encode()) % partitions
