"""The file under the SQLite log: opened as ours or refused, written in whole transactions.

What SQLite reports leaves as one of our failures: where, what was found, what to do.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from bus.sqlite_whole import check_whole
from runtime.errors import ConfigError, RetryLater

_APPLICATION_ID = 0x48534C47
_SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    name TEXT PRIMARY KEY, partitions INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS committed (
    reader_group TEXT, stream TEXT, partition INTEGER, next INTEGER NOT NULL,
    PRIMARY KEY (reader_group, stream, partition)
) WITHOUT ROWID;
"""
_REMEDIES = {
    sqlite3.SQLITE_FULL: "free some disk space",
    sqlite3.SQLITE_BUSY: "close the other program that has the file open",
    sqlite3.SQLITE_LOCKED: "close the other program that has the file open",
    sqlite3.SQLITE_IOERR: "check the disk and its free space",
    sqlite3.SQLITE_CANTOPEN: "check that the folder is there and may be written",
    sqlite3.SQLITE_READONLY: "let this user write the file and its folder",
}


class LogFile:
    """Thread-safe: `writing` lets in one thread at a time; readers `connect` on their own."""

    def __init__(self, path: Path, busy_seconds: float) -> None:
        self._path, self._busy_seconds = path, busy_seconds
        self._lock = Lock()
        check_whole(path)
        with ExitStack() as undo:
            self._connection = self.connect()
            undo.callback(self._connection.close)
            self._prepare()
            self._identity = _identity(path)
            undo.pop_all()

    def connect(self) -> sqlite3.Connection:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"{self._path}: its folder can't be made: {error}; choose another data.dir"
            raise ConfigError(message) from error
        with self.errors_told():
            return sqlite3.connect(
                self._path,
                timeout=self._busy_seconds,
                isolation_level=None,
                check_same_thread=False,
            )

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction of the one writing connection; durable at its end, or not done at all."""
        connection = self._connection
        with self._lock, self.errors_told():
            self._check_there()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def empty_journal(self) -> None:
        """What was deleted is gone from the write-ahead log as well."""
        with self._lock, self.errors_told():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def errors_told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                finding = f"{self._path}: not a whole SQLite database: {error}"
                message = f"{finding}; move it away, or restore it from a backup"
                raise ConfigError(message) from error
            if code not in _REMEDIES:
                raise
            message = f"{self._path}: {error}; {_REMEDIES[code]}"
            raise RetryLater(message) from error

    def _prepare(self) -> None:
        with self.errors_told():
            self._check_ours()
            self._connection.execute("PRAGMA journal_mode = WAL").fetchall()
            self._connection.execute("PRAGMA synchronous = FULL")
            # Trimmed texts are overwritten with zeros, not only unlinked.
            self._connection.execute("PRAGMA secure_delete = ON").fetchall()
            self._connection.executescript(_SCHEMA)

    def _check_there(self) -> None:
        """What is written to a deleted file succeeds, and is gone with the process."""
        if _identity(self._path) != self._identity:
            finding = f"{self._path}: was moved, replaced or deleted while it is in use"
            message = f"{finding}; put it back, or start the process again"
            raise RetryLater(message)

    def _check_ours(self) -> None:
        connection = self._connection
        found: int = connection.execute("PRAGMA application_id").fetchone()[0]
        if found == _APPLICATION_ID:
            return
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            finding = f"{self._path}: a database of another program (application id {found})"
            message = f"{finding}; move it away or choose another data.dir"
            raise ConfigError(message)
        connection.execute(f"PRAGMA application_id = {_APPLICATION_ID}")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
