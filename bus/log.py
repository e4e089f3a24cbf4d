"""The Log protocol: an ordered, durable record of messages in partitions of named streams.

memory_log, sqlite_log and kafka_log pass the one contract suite in tests/contracts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zlib import crc32

from runtime.errors import BadMessage, RetryLater
from runtime.health import Lag as Lag

POSTS = "posts"
ENGAGEMENT = "engagement"
POLLS = "polls"
DEAD_LETTERS = "dead_letters"
STREAMS = (POSTS, ENGAGEMENT, POLLS, DEAD_LETTERS)

# Server mode only, and never trimmed by age: what the collectors know of each source (the last
# value of each key stays), and one partition whose holder is the active alerter.
SOURCES = "sources"
LEADER = "leader"

# A broker takes a message of at most 1 MiB, key and framing included.
MAX_VALUE_BYTES = 1_000_000


# A partition of a stream.
Place = tuple[str, int]


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


class NotMine(RetryLater):
    """The partition was dealt to another member meanwhile; nothing of the batch was published."""


class Share(Protocol):
    """One member's share of a stream: its partitions are dealt among the living members of a group.

    Not thread-safe. A member that dies, or is paused for longer than the session, loses its share.
    """

    @property
    def partitions(self) -> int:
        """How many the stream has. Raises RetryLater while the log can't be reached."""
        ...

    def mine(self, timeout_seconds: float = 0) -> frozenset[int]:
        """The partitions that are this member's now; waits for the first ones up to the timeout.

        A partition that was lost and came back since the last call is left out of one answer, so
        that its holder lets go of what it knew of it. To be asked at least every few minutes, or
        the member counts as dead. Raises RetryLater while the log can't be reached: then nothing
        is certain to be ours.
        """
        ...

    def read(self, partition: int) -> Iterator[Record]:
        """What the stream keeps in `partition`, from the oldest record to the present end.

        Of a key the last record stands; an empty value says that it is gone.
        """
        ...

    def publish(
        self, partition: int, kept: Sequence[Entry], sent: Mapping[str, Sequence[Entry]]
    ) -> None:
        """All or nothing: `kept` to this stream's `partition`, `sent` to other streams by key.

        Raises NotMine when the partition belongs to another member, also if that became so
        unnoticed; RetryLater when it is unknown whether all is durable: publish the same again.
        """
        ...

    def close(self) -> None:
        """Leave the group: the share is dealt to the others at once."""
        ...


class Log(Protocol):
    """Thread-safe. A reader or a share belongs to the thread that asked for it."""

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        """Returns when all entries are durable; raises RetryLater when some may not be.

        Raises BadMessage, and publishes nothing, when a value is over MAX_VALUE_BYTES.
        """
        ...

    def reader(self, group: str, streams: Sequence[str]) -> Reader:
        """A new group starts with the oldest record. Returns at once, even if the log is away."""
        ...

    def scan(self, stream: str, since: Mapping[int, int] | None = None) -> Iterator[Record]:
        """What `stream` keeps up to now, a partition after another; of no group, nothing committed.

        `since`: the offset to begin with in each partition; the oldest record in those not named.
        Raises RetryLater while the log can't be reached.
        """
        ...

    def share(self, group: str, stream: str) -> Share:
        """Join `group` on `stream` (SOURCES or LEADER). Returns at once, even if the log is away.

        Raises ConfigError where the log is for one process only.
        """
        ...

    def trim(self, before: datetime) -> int:
        """Drop records older than `before`, where the log itself does not; returns how many."""
        ...

    def close(self) -> None: ...


def check_sizes(stream: str, entries: Iterable[Entry]) -> None:
    """Raises BadMessage for a value that not every log takes."""
    for entry in entries:
        if len(entry.value) > MAX_VALUE_BYTES:
            found = f"a message of {len(entry.value)} bytes from {entry.key!r}"
            message = f"stream {stream}: {found}; at most {MAX_VALUE_BYTES} fit, shorten its text"
            raise BadMessage(message)


def partition_of(key: str, partitions: int) -> int:
    return crc32(key.encode()) % partitions


def next_offsets(records: Iterable[Record]) -> dict[Place, int]:
    """Where a group goes on in each partition once `records` are handled."""
    offsets: dict[Place, int] = {}
    for record in records:
        place = (record.stream, record.partition)
        offsets[place] = max(offsets.get(place, 0), record.offset + 1)
    return offsets
