"""What only the SQLite log has: a file that may be killed, locked, full, or no log at all."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from bus.log import Entry
from bus.sqlite_log import SqliteLog
from runtime.clock import stopwatch
from runtime.errors import ConfigError, RetryLater

ROOT = Path(__file__).parents[2]

PUBLISH_FOR_EVER = """
import sys
from itertools import count
from pathlib import Path
from bus.log import Entry
from bus.sqlite_log import SqliteLog

log = SqliteLog(Path(sys.argv[1]), 2)
for batch in count():
    log.publish("posts", [Entry(str(n), f"{batch}:{n}".encode()) for n in range(5)])
    print(batch, flush=True)
"""

PUBLISH_UNTIL_FULL = """
import resource, sys
from pathlib import Path
from bus.log import Entry
from bus.sqlite_log import SqliteLog
from runtime.errors import RetryLater

log = SqliteLog(Path(sys.argv[1]), 1)
log.publish("posts", [Entry("k", b"before")])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    log.publish("posts", [Entry("k", b"x" * 400_000)])
except RetryLater as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
log.publish("posts", [Entry("k", b"after")])
log.close()
"""


def start(script: str, path: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )


def values(path: Path) -> list[str]:
    with closing(SqliteLog(path)) as log, closing(log.reader("check", ["posts"])) as reader:
        return [record.value.decode() for record in reader.poll(1_000_000, 0)]


def publish_one(log: SqliteLog, value: str) -> None:
    log.publish("posts", [Entry("k", value.encode())])


def test_kill_9_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    for _ in range(3):
        publisher = start(PUBLISH_FOR_EVER, path)
        assert publisher.stdout is not None
        acknowledged = [int(publisher.stdout.readline()) for _ in range(40)]
        publisher.kill()
        acknowledged += [int(line) for line in publisher.stdout.read().splitlines()]
        publisher.stdout.close()
        publisher.wait()
        kept = values(path)
        for batch in acknowledged:
            assert {f"{batch}:{n}" for n in range(5)} <= set(kept)
        # A batch is there as a whole or not at all.
        assert len(kept) % 5 == 0
        path.unlink()
        path.with_name("log.sqlite-wal").unlink(missing_ok=True)
        path.with_name("log.sqlite-shm").unlink(missing_ok=True)


def test_a_full_disk_is_told_and_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    publisher = start(PUBLISH_UNTIL_FULL, path)
    told, _ = publisher.communicate(timeout=30)
    assert publisher.returncode == 0
    assert told.startswith(f"{path}: ")
    assert "free" in told
    assert values(path) == ["before", "after"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    path.write_text("这不是数据库，只是一份文字。" * 100)
    with pytest.raises(ConfigError, match=r"log\.sqlite: not a whole SQLite database: .*; move it"):
        SqliteLog(path)


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (n)")
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="a database of another program"):
        SqliteLog(path)
    assert path.read_bytes() == before


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(ConfigError, match=r"its folder can't be made: .*; choose another"):
        SqliteLog(tmp_path / "data" / "log.sqlite")


def test_a_locked_file_is_told_within_the_time_given(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(SqliteLog(path, busy_seconds=0.2)) as log:
        publish_one(log, "1")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            started = stopwatch()
            with pytest.raises(RetryLater, match="locked; close the other program"):
                publish_one(log, "2")
            assert stopwatch() - started < 5
            with closing(log.reader("new", ["posts"])) as reader:
                with pytest.raises(RetryLater, match="locked"):
                    reader.poll(1, 0)
                other.execute("ROLLBACK")
                assert [record.value for record in reader.poll(1, 0)] == [b"1"]
        publish_one(log, "2")
    assert values(path) == ["1", "2"]


def test_one_thread_reads_while_another_publishes(tmp_path: Path) -> None:
    with closing(SqliteLog(tmp_path / "log.sqlite", 2)) as log:
        found: list[int] = []

        def read() -> None:
            with closing(log.reader("g", ["posts"])) as reader:
                while len(found) < 300:
                    batch = reader.poll(50, 5)
                    assert batch
                    found.extend(int(record.value) for record in batch)
                    reader.commit(batch)

        thread = threading.Thread(target=read)
        thread.start()
        for n in range(300):
            log.publish("posts", [Entry(str(n % 7), str(n).encode())])
        thread.join(30)
    assert sorted(found) == list(range(300))


def test_a_reader_sees_what_another_process_publishes(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    with closing(SqliteLog(path)) as log, closing(log.reader("g", ["posts"])) as reader:
        assert not reader.poll(1, 0)
        publisher = start(PUBLISH_FOR_EVER, path)
        try:
            assert len(reader.poll(1, 20)) == 1
        finally:
            publisher.kill()
            publisher.communicate()


def test_a_stream_keeps_the_partitions_it_was_made_with(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite"
    entries = [Entry(str(n), str(n).encode()) for n in range(20)]
    with closing(SqliteLog(path, partitions=4)) as log:
        log.publish("posts", entries)
    with closing(SqliteLog(path, partitions=1)) as log:
        log.publish("posts", entries)
        with closing(log.reader("g", ["posts"])) as reader:
            assert len(reader.poll(100, 0)) == 40
            assert len(reader.lag()) == 4


def test_a_stream_with_a_wild_name_is_a_defect(tmp_path: Path) -> None:
    with (
        closing(SqliteLog(tmp_path / "log.sqlite")) as log,
        pytest.raises(ValueError, match="name"),
    ):
        log.publish('posts" (x); --', [Entry("k", b"v")])
