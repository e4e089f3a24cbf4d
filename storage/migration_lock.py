"""One process at a time brings a server's tables up to date; a dead one holds up nobody for long.

CREATE TABLE is atomic on one server: who made the table with the highest number holds the lock.
Numbers only grow, so that a table made too late is never taken for the lock.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from runtime.errors import RetryLater
from storage.store import Store, StoreError

# A statement that has not answered for ANSWER_SECONDS has failed for its holder.
BREAK_SECONDS = 150
_EXISTS = 57
_NUMBER = re.compile(r"^migration_lock_(\d+)$")
NAMES = "SELECT name FROM system.tables WHERE database = currentDatabase()"
CREATE = """
CREATE TABLE {lock} (at DateTime64(3, 'UTC') DEFAULT now64(3), holder String, done Bool)
ENGINE = MergeTree ORDER BY at
"""
# A holder that died before its first beat has left an empty table: then the table's age counts.
STATE = """
SELECT (SELECT argMax(holder, at) FROM {lock}), (SELECT max(done) FROM {lock}),
    least(
        dateDiff('second', metadata_modification_time, now()),
        (SELECT dateDiff('second', max(at), now64(3)) FROM {lock})
    )
FROM system.tables
WHERE database = currentDatabase() AND name = '{lock}'
"""
DROP = "DROP TABLE IF EXISTS {lock} SYNC"
HOLDER = f"{socket.gethostname()}-{os.getpid()}"


@contextmanager
def migration_lock(
    store: Store, break_seconds: int = BREAK_SECONDS
) -> Iterator[Callable[[], None]]:
    """Gives a beat that is to be called before each statement.

    Raises RetryLater while another process holds it, from the beat as well. The embedded store has
    one process and needs none.
    """
    if store.embedded:
        yield lambda: None
        return
    number = _take(store, break_seconds)
    try:
        yield lambda: _tell(store, number, done=False)
    finally:
        # Where the store is away, or the lock was broken, it need not be given back.
        with suppress(RetryLater):
            _tell(store, number, done=True)


def _take(store: Store, break_seconds: int) -> int:
    newest = max(_numbers(store), default=0)
    if newest:
        _wait_for(store, newest, break_seconds)
    number = newest + 1
    try:
        store.command(_on(CREATE, number))
    except StoreError as error:
        if error.code == _EXISTS:
            raise _held(store, "another process") from error
        raise
    _tell(store, number, done=False)
    for lower in _numbers(store):
        if lower < number:
            store.command(_on(DROP, lower))
    return number


def _wait_for(store: Store, number: int, break_seconds: int) -> None:
    try:
        rows = store.rows(_on(STATE, number))
    except StoreError as error:
        raise _held(store, "another process") from error
    for holder, done, quiet in rows:
        if not done and quiet < break_seconds:
            raise _held(store, holder or "another process")


def _tell(store: Store, number: int, *, done: bool) -> None:
    if max(_numbers(store), default=0) != number:
        raise _held(store, "another process")
    store.insert(_on("{lock}", number), ("holder", "done"), [(HOLDER, done)])


def _numbers(store: Store) -> list[int]:
    found = (_NUMBER.match(name) for (name,) in store.rows(NAMES))
    return [int(match[1]) for match in found if match]


def _on(sql: str, number: int) -> str:
    return sql.replace("{lock}", f"migration_lock_{number:d}")


def _held(store: Store, holder: str) -> RetryLater:
    return RetryLater(
        f"{store.place}: {holder} brings its tables up to date; waits until that is done "
        f"(at most {BREAK_SECONDS} s after its end, if it was killed)"
    )
