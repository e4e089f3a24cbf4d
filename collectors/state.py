"""What a collector remembers between polls: collector.sqlite in the data folder. Holds no texts.

One thread at a time uses it, and one process: the file stays locked while it is open.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from runtime.errors import ConfigError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS source (
    id TEXT PRIMARY KEY, url TEXT NOT NULL, etag TEXT NOT NULL, last_modified TEXT NOT NULL,
    next_check TEXT, failures REAL NOT NULL, first_poll_done INTEGER NOT NULL, listed_at TEXT
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS post (
    source TEXT NOT NULL, id TEXT NOT NULL, counted_at TEXT NOT NULL, seen_at TEXT NOT NULL,
    content TEXT, replies INTEGER, views INTEGER, listed_at TEXT NOT NULL,
    PRIMARY KEY (source, id)
) WITHOUT ROWID;
"""
_READ_SOURCE = "SELECT * FROM source WHERE id = ?"
_WRITE_SOURCE = "INSERT OR REPLACE INTO source VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_READ_POST = """
SELECT id, counted_at, seen_at, content, replies, views FROM post WHERE source = ? AND id = ?
"""
_FIRST_SIGHT = """
INSERT INTO post VALUES (?, ?, ?, ?, NULL, NULL, NULL, ?) ON CONFLICT DO NOTHING
"""
_WRITE_POST = """
UPDATE post SET content = ?, replies = ?, views = ?, listed_at = ? WHERE source = ? AND id = ?
"""
_STILL_LISTED = "UPDATE post SET listed_at = ? WHERE source = ? AND listed_at = ?"
_FORGET = "DELETE FROM post WHERE source = ? AND listed_at < ?"
_REMOVED = "SELECT DISTINCT source FROM post"


@dataclass(frozen=True)
class SourceState:
    """`failures`: in a row, weighted. `listed_at`: the last poll that showed what is listed."""

    id: str
    url: str
    etag: str = ""
    last_modified: str = ""
    next_check: datetime | None = None
    failures: float = 0
    first_poll_done: bool = False
    listed_at: datetime | None = None


@dataclass(frozen=True)
class Sighting:
    """A post as first seen, and what of it was last published: `content` None means nothing yet."""

    id: str
    counted_at: datetime
    seen_at: datetime
    content: str | None = None
    replies: int | None = None
    views: int | None = None


class State:
    def __init__(self, path: Path) -> None:
        """Raises ConfigError when the file is another program's or in use."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=0, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(_trouble(path, error)) from error
        try:
            self._prepare()
        except sqlite3.Error as error:
            self._db.close()
            raise ConfigError(_trouble(path, error)) from error

    def _prepare(self) -> None:
        # Exclusive: a second collector on the same file would fetch and count everything again.
        self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self._db.execute("PRAGMA journal_mode = WAL")
        # counted_at must outlive a power cut before the post is published.
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript("BEGIN IMMEDIATE;" + _SCHEMA + "COMMIT;")

    def close(self) -> None:
        self._db.close()

    def source(self, source_id: str, url: str) -> SourceState:
        """As saved; a source that moved to another address starts anew."""
        row = self._db.execute(_READ_SOURCE, (source_id,)).fetchone()
        if row is None or row[1] != url:
            return SourceState(source_id, url)
        etag, last_modified, next_check, failures, done, listed_at = row[2:]
        return SourceState(
            source_id,
            url,
            etag,
            last_modified,
            _time(next_check),
            failures,
            bool(done),
            _time(listed_at),
        )

    def sightings(self, source_id: str, ids: Iterable[str]) -> dict[str, Sighting]:
        found: dict[str, Sighting] = {}
        for post_id in ids:
            row = self._db.execute(_READ_POST, (source_id, post_id)).fetchone()
            if row is not None:
                times = (datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]))
                found[post_id] = Sighting(row[0], *times, *row[3:])
        return found

    def remember(self, source_id: str, first: Sequence[Sighting]) -> None:
        """Durable on return. Never changes the times of a post that is known."""
        with self._db:
            self._db.executemany(
                _FIRST_SIGHT,
                [
                    (source_id, seen.id, _text(seen.counted_at), at, at)
                    for seen in first
                    for at in [_text(seen.seen_at)]
                ],
            )

    def save(
        self, before: SourceState, after: SourceState, listed: Sequence[Sighting] | None
    ) -> None:
        """In one transaction: how the source stands, and what of each listed post was published.

        `listed` is None when the list is the one of the poll before.
        """
        at = _text(after.listed_at)
        with self._db:
            if listed is None:
                self._db.execute(_STILL_LISTED, (at, after.id, _text(before.listed_at)))
            self._db.executemany(
                _WRITE_POST,
                [(p.content, p.replies, p.views, at, after.id, p.id) for p in listed or ()],
            )
            row = (after.id, after.url, after.etag, after.last_modified, _text(after.next_check))
            self._db.execute(_WRITE_SOURCE, (*row, after.failures, int(after.first_poll_done), at))

    def forget(self, after: SourceState, retention: timedelta) -> None:
        """Drop what its source has not listed for that long.

        Measured against the source's own last list: while a site is away, nothing is forgotten,
        or its undated posts would come back as new ones.
        """
        if after.listed_at is not None:
            with self._db:
                self._db.execute(_FORGET, (after.id, _text(after.listed_at - retention)))

    def forget_removed(self, configured: Iterable[str], before: datetime) -> None:
        """Drop old posts of sources that are configured no more."""
        known = {row[0] for row in self._db.execute(_REMOVED)}
        with self._db:
            for source_id in known - set(configured):
                self._db.execute(_FORGET, (source_id, _text(before)))


def _text(moment: datetime | None) -> str | None:
    """One width for all, so that comparing texts compares times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _trouble(path: Path, error: Exception) -> str:
    if "locked" in str(error):
        return f"{path}: in use by another collector; stop that one, or set another data.dir"
    if "not a database" in str(error) or "malformed" in str(error):
        return f"{path}: not a collector's state ({error}); move it away, a new one is made"
    return f"{path}: can't be opened ({error}); see whether the folder can be written"
