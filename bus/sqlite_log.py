"""The Log in one SQLite file: the embedded default, for one process or several on one machine.

Each partition of a stream is a table; a publish is one transaction, on the disk when it returns.
"""

import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from threading import Condition

from bus.log import Entry, Lag, Place, Record, Share, check_sizes, next_offsets, partition_of
from bus.sqlite_file import LogFile
from runtime.clock import Clock, SystemClock, stopwatch
from runtime.errors import ConfigError

_TRIM_ROWS = 10_000
_SCAN_ROWS = 100
# Records of other processes are looked for this often; those of this one wake a reader at once.
_LOOK_SECONDS = 0.1

# AUTOINCREMENT: an offset is never given twice, even after its record was trimmed.
_CREATE = """CREATE TABLE IF NOT EXISTS {records} (
    offset INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL, key TEXT NOT NULL, value BLOB NOT NULL)"""
_ADD_STREAM = "INSERT OR IGNORE INTO streams VALUES (?, ?)"
_PARTITIONS = "SELECT partitions FROM streams WHERE name = ?"
_APPEND = "INSERT INTO {records} (at, key, value) VALUES (?, ?, ?)"
_READ = "SELECT offset, key, value FROM {records} WHERE offset >= ? ORDER BY offset LIMIT ?"
_ENDS = "SELECT (SELECT min(offset) FROM {records}), (SELECT max(offset) FROM {records})"
_JOIN = "INSERT OR IGNORE INTO committed VALUES (?, ?, ?, 0)"
_COMMITTED = "SELECT next FROM committed WHERE reader_group = ? AND stream = ? AND partition = ?"
_COMMIT = """INSERT INTO committed VALUES (?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET next = max(next, excluded.next)"""
_TRIM = """DELETE FROM {records} WHERE offset IN (
    SELECT offset FROM {records} WHERE at < ? AND offset < ifnull(
        (SELECT min(next) FROM committed WHERE stream = ? AND partition = ?), 9223372036854775807)
    LIMIT ?)"""


class SqliteLog:
    """Readers of one group each read every partition; what the group commits is shared.

    The constructor raises ConfigError for a file that is no log, RetryLater for one that is locked.
    """

    def __init__(
        self,
        path: Path,
        partitions: int = 4,
        clock: Clock | None = None,
        busy_seconds: float = 5.0,
    ) -> None:
        self._file = LogFile(path, busy_seconds)
        self._partitions = partitions
        self._clock = clock or SystemClock()
        self._known: dict[str, int] = {}
        self._published = Condition()
        self._publishes = 0

    def publish(self, stream: str, entries: Sequence[Entry]) -> None:
        check_sizes(stream, entries)
        at = _micros(self._clock.now())
        count = self.partitions(stream)
        rows: dict[int, list[tuple[int, str, bytes]]] = defaultdict(list)
        for entry in entries:
            rows[partition_of(entry.key, count)].append((at, entry.key, entry.value))
        with self._file.writing() as connection:
            for number, values in rows.items():
                connection.executemany(_on(_APPEND, (stream, number)), values)
        with self._published:
            self._publishes += 1
            self._published.notify_all()

    def reader(self, group: str, streams: Sequence[str]) -> "SqliteReader":
        return SqliteReader(self, self._file, group, streams)

    def scan(self, stream: str, since: Mapping[int, int] | None = None) -> Iterator[Record]:
        """In steps: a long stream is not held in memory."""
        after = since or {}
        partitions = self.partitions(stream)
        with closing(self._file.connect()) as connection:
            for number in range(partitions):
                yield from self._scan_place(connection, (stream, number), after.get(number, 0))

    def share(self, group: str, stream: str) -> Share:
        message = f'stream {stream}: {group} share it in Kafka only; set bus.kind = "kafka"'
        raise ConfigError(message)

    def trim(self, before: datetime) -> int:
        """Only what every known group has committed; the texts are overwritten in the file."""
        with self._file.writing() as connection:
            streams = connection.execute("SELECT name, partitions FROM streams").fetchall()
        dropped = sum(
            self._trim_place((stream, number), _micros(before))
            for stream, count in streams
            for number in range(count)
        )
        self._file.empty_journal()
        return dropped

    def close(self) -> None:
        self._file.close()

    def partitions(self, stream: str) -> int:
        """How many `stream` has; as at its creation, whatever the setting says now."""
        if stream not in self._known:
            with self._file.writing() as connection:
                connection.execute(_ADD_STREAM, (stream, self._partitions))
                count: int = connection.execute(_PARTITIONS, (stream,)).fetchone()[0]
                for number in range(count):
                    connection.execute(_on(_CREATE, (stream, number)))
            self._known[stream] = count
        return self._known[stream]

    def publishes(self) -> int:
        with self._published:
            return self._publishes

    def wait_published(self, seen: int, seconds: float) -> None:
        """Until something was published since `seen` here, or may have been elsewhere."""
        with self._published:
            self._published.wait_for(
                lambda: self._publishes != seen, min(max(seconds, 0), _LOOK_SECONDS)
            )

    def _scan_place(
        self, connection: sqlite3.Connection, place: Place, start: int
    ) -> Iterator[Record]:
        while True:
            with self._file.errors_told():
                rows = connection.execute(_on(_READ, place), (start, _SCAN_ROWS)).fetchall()
            yield from (Record(*place, *row) for row in rows)
            if len(rows) < _SCAN_ROWS:
                return
            start = rows[-1][0] + 1

    def _trim_place(self, place: Place, before: int) -> int:
        """In steps, so that a long trim does not hold up the publishers."""
        dropped = 0
        while True:
            with self._file.writing() as connection:
                step = connection.execute(_on(_TRIM, place), (before, *place, _TRIM_ROWS)).rowcount
            dropped += step
            if step < _TRIM_ROWS:
                return dropped


class SqliteReader:
    def __init__(self, log: SqliteLog, file: LogFile, group: str, streams: Sequence[str]) -> None:
        self._log, self._file, self._group, self._streams = log, file, group, streams
        self._connection: sqlite3.Connection | None = None
        self._places: list[Place] = []
        self._next: dict[Place, int] = {}

    def poll(self, max_records: int, timeout_seconds: float) -> Sequence[Record]:
        deadline = stopwatch() + timeout_seconds
        while True:
            seen = self._log.publishes()
            batch = self._read(max_records)
            left = deadline - stopwatch()
            if batch or left <= 0:
                return batch
            self._log.wait_published(seen, left)

    def commit(self, records: Iterable[Record]) -> None:
        rows = [(self._group, *place, after) for place, after in next_offsets(records).items()]
        with self._file.writing() as connection:
            connection.executemany(_COMMIT, rows)

    def rewind(self) -> None:
        self._next = {}

    def lag(self) -> Sequence[Lag]:
        connection = self._joined()
        with self._file.errors_told():
            return [Lag(*place, self._backlog(connection, place)) for place in self._places]

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _read(self, max_records: int) -> list[Record]:
        connection = self._joined()
        batch: list[Record] = []
        # Another partition comes first each time, so that a busy one can't starve the others.
        self._places = [*self._places[1:], *self._places[:1]]
        with self._file.errors_told():
            for place in self._places:
                batch += self._read_place(connection, place, max_records - len(batch))
        for place, after in next_offsets(batch).items():
            self._next[place] = after
        return batch

    def _read_place(
        self, connection: sqlite3.Connection, place: Place, limit: int
    ) -> Iterator[Record]:
        start = self._next.get(place)
        if start is None:
            start = self._next[place] = self._committed(connection, place)
        for row in connection.execute(_on(_READ, place), (start, limit)):
            yield Record(*place, *row)

    def _joined(self) -> sqlite3.Connection:
        """A known group keeps its records from being trimmed before it has read them."""
        if self._connection is None:
            places = [(s, n) for s in self._streams for n in range(self._log.partitions(s))]
            with self._file.writing() as connection:
                connection.executemany(_JOIN, [(self._group, *place) for place in places])
            self._places = places
            self._connection = self._file.connect()
        return self._connection

    def _committed(self, connection: sqlite3.Connection, place: Place) -> int:
        after: int = connection.execute(_COMMITTED, (self._group, *place)).fetchone()[0]
        return after

    def _backlog(self, connection: sqlite3.Connection, place: Place) -> int:
        first, last = connection.execute(_on(_ENDS, place)).fetchone()
        if last is None:
            return 0
        backlog: int = last + 1 - max(first, self._committed(connection, place))
        return backlog


def _on(sql: str, place: Place) -> str:
    """`sql` for the table of `place`; a table's name can't be a bound parameter."""
    stream, number = place
    if not stream.isidentifier():
        message = f"a stream's name is letters, digits and underscores, got {stream!r}"
        raise ValueError(message)
    return sql.replace("{records}", f'"records_{stream}_{number:d}"')


def _micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1_000_000)
