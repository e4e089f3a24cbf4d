"""Produce and consume through each Log, against the same rows in one plain SQLite table.

Example: python -m bench.logs --posts 20000
"""

import argparse
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

from rich.console import Console

from bench.memory import resident
from bench.tables import print_table, spread, versions
from bench.town_posts import raw_posts
from bus.kafka_client import KafkaSettings
from bus.kafka_log import KafkaLog
from bus.log import POSTS, Entry, Log
from bus.memory_log import MemoryLog
from bus.sqlite_log import SqliteLog
from runtime.clock import stopwatch
from schemas.codec import encode
from tests.engines.kafka_server import running_kafka

BATCHES = (1, 100, 1_000)
POLL_SECONDS = 1.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--posts", type=int, default=20_000)
    options.add_argument("--log", nargs="+", default=["memory", "sqlite", "kafka"])
    asked = options.parse_args()
    entries = [Entry(post.source, encode(post)) for post in raw_posts(asked.posts)]
    size = sum(len(entry.value) for entry in entries) / len(entries)
    Console().print(versions("kafka-python"), f"SQLite {sqlite3.sqlite_version}; {size:.0f} bytes")
    base = {batch: plain_rate(entries, batch) for batch in BATCHES}
    rows = [line("plain sqlite3, one table (baseline)", batch, base[batch], base) for batch in base]
    for kind in asked.log:
        for batch in BATCHES:
            with opened(kind) as log:
                rows.append(line(f"{kind} produce", batch, produced(log, entries, batch), base))
                if batch == BATCHES[-1]:
                    rows.append(line(f"{kind} consume", batch, consumed(log, len(entries)), base))
    columns = ("log", "batch", "posts/s", "p50 ms", "p95", "p99", "MB", "ratio")
    print_table("messages through each log; a produce is durable when it returns", columns, rows)


@contextmanager
def opened(kind: str) -> Iterator[Log]:
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        log: Log
        if kind == "memory":
            log = MemoryLog()
        elif kind == "sqlite":
            log = SqliteLog(Path(folder) / "log.sqlite")
        else:
            server = stack.enter_context(running_kafka(Path(folder)))
            log = KafkaLog(KafkaSettings(server.brokers))
        stack.enter_context(closing(log))
        yield log


def produced(log: Log, entries: Sequence[Entry], batch: int) -> list[float]:
    """Milliseconds of each publish."""
    log.publish(POSTS, entries[:1])
    return timed_batches(lambda part: log.publish(POSTS, part), entries, batch)


def consumed(log: Log, count: int) -> list[float]:
    times: list[float] = []
    with closing(log.reader("bench", [POSTS])) as reader:
        seen = 0
        while seen < count:
            started = stopwatch()
            records = reader.poll(BATCHES[-1], POLL_SECONDS)
            reader.commit(records)
            seen += len(records)
            if records:
                times.append((stopwatch() - started) * 1000 * BATCHES[-1] / len(records))
    return times


def plain_rate(entries: Sequence[Entry], batch: int) -> list[float]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "plain", isolation_level=None)) as table,
    ):
        table.execute("PRAGMA journal_mode = WAL").fetchall()
        table.execute("PRAGMA synchronous = FULL")
        table.execute("CREATE TABLE records (at INTEGER PRIMARY KEY, key TEXT, value BLOB)")

        def write(part: Sequence[Entry]) -> None:
            table.execute("BEGIN")
            rows = [(entry.key, entry.value) for entry in part]
            table.executemany("INSERT INTO records (key, value) VALUES (?, ?)", rows)
            table.execute("COMMIT")

        return timed_batches(write, entries, batch)


def timed_batches(
    work: Callable[[Sequence[Entry]], None], entries: Sequence[Entry], batch: int
) -> list[float]:
    times = []
    # Two thousand single messages tell as much as all of them.
    for start in range(0, min(len(entries), 2_000 * batch), batch):
        part = entries[start : start + batch]
        started = stopwatch()
        work(part)
        times.append((stopwatch() - started) * 1000)
    return times


def line(
    name: str, batch: int, times: Sequence[float], base: dict[int, list[float]]
) -> tuple[str, ...]:
    rate, plain = (batch * 1000 * len(each) / sum(each) for each in (times, base[batch]))
    return (
        name,
        str(batch),
        f"{rate:,.0f}",
        *spread(times),
        str(resident()),
        f"{rate / plain:.2f}",
    )


if __name__ == "__main__":
    main()
