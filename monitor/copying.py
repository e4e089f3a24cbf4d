"""Copies of the SQLite files in the data folder, whole ones, while another process writes them."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

from runtime.errors import RetryLater

_TRIES = 20
_WAL_HEADER = 32


def copy_shared(path: Path, target: Path) -> None:
    """Of a file that may be read by others; one moment of it."""
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(target)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()


def copy_exclusive(path: Path, target: Path) -> None:
    """Of a file in WAL mode that its process keeps locked.

    Only a checkpoint writes the file itself, and only after one does the journal begin anew: a copy
    of both during which neither happened is one moment of it. Raises RetryLater after many tries.
    """
    journal, copied_journal = _journal(path), _journal(target)
    for _ in range(_TRIES):
        before = _state(path)
        shutil.copyfile(path, target)
        copied_journal.unlink(missing_ok=True)
        if journal.exists():
            shutil.copyfile(journal, copied_journal)
        if _state(path) == before:
            break
    else:
        target.unlink()
        copied_journal.unlink(missing_ok=True)
        message = f"{path}: is being written all the time; take the backup again in a moment"
        raise RetryLater(message)
    with closing(sqlite3.connect(target)) as copy:
        copy.execute("PRAGMA journal_mode = DELETE").fetchall()
        found = copy.execute("PRAGMA integrity_check").fetchall()
    if found != [("ok",)]:
        message = f"{path}: its copy is not whole ({found[0][0]}); take the backup again"
        raise RetryLater(message)


def _journal(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _state(path: Path) -> tuple[int, int, bytes]:
    """What a checkpoint changes."""
    stat = path.stat()
    journal = _journal(path)
    if not journal.exists():
        return stat.st_mtime_ns, stat.st_size, b""
    with journal.open("rb") as file:
        return stat.st_mtime_ns, stat.st_size, file.read(_WAL_HEADER)
