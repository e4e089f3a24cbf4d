"""What a collector remembers between polls, in SQLite: collector.sqlite in the data folder, or in
server mode a throw-away copy of what stands in the log (changelog.py). Holds no texts.

One thread at a time uses it, and one process: the file stays locked while it is open.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bus.sqlite_whole import check_whole
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
_LISTED = """
SELECT id, counted_at, seen_at, content, replies, views FROM post
WHERE source = ? AND listed_at = ?
"""
_UNLISTED = "SELECT id FROM post WHERE source = ? AND listed_at < ?"
_POSTS = "SELECT id FROM post WHERE source = ?"
_SOURCES = "SELECT id, listed_at FROM source"
_LOAD_POST = "INSERT OR REPLACE INTO post VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_LOADED = """
UPDATE post SET listed_at = coalesce((SELECT listed_at FROM source WHERE id = source), seen_at)
WHERE listed_at = ''
"""
_DROP_POST = "DELETE FROM post WHERE source = ? AND id = ?"
_DROP_POSTS = "DELETE FROM post WHERE source = ?"
_DROP_SOURCE = "DELETE FROM source WHERE id = ?"


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


@dataclass(frozen=True)
class Known:
    """One thing known of `source`: itself, or its post `id`; None is a thing that is forgotten.

    `off_since`: the last list that showed the post; None while it is on the list.
    """

    source: str
    id: str
    value: SourceState | Sighting | None
    off_since: datetime | None = None


class State:
    def __init__(self, path: Path | None) -> None:
        """None: gone when it is closed. Raises ConfigError when the file is another's or in use."""
        try:
            if path:
                path.parent.mkdir(parents=True, exist_ok=True)
                check_whole(path)
            # Without a name, SQLite makes a file of its own once the pages outgrow the memory.
            self._db = sqlite3.connect(path or "", timeout=0, check_same_thread=False)
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
                found[post_id] = _sighting(row)
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
            self._db.execute(_WRITE_SOURCE, _source_row(after))

    def forget(self, source_id: str, before: datetime) -> None:
        """Drop what its source listed last before then."""
        with self._db:
            self._db.execute(_FORGET, (source_id, _text(before)))

    def forget_removed(self, configured: Iterable[str], before: datetime) -> None:
        """Drop old posts of sources that are configured no more."""
        known = {row[0] for row in self._db.execute(_REMOVED)}
        with self._db:
            for source_id in known - set(configured):
                self._db.execute(_FORGET, (source_id, _text(before)))

    def listed(self, source: SourceState) -> dict[str, Sighting]:
        """What of its posts stood on the last list."""
        rows = self._db.execute(_LISTED, (source.id, _text(source.listed_at)))
        return {row[0]: _sighting(row) for row in rows}

    def unlisted(self, source_id: str, before: datetime) -> list[str]:
        """The posts that `forget` would drop."""
        return [row[0] for row in self._db.execute(_UNLISTED, (source_id, _text(before)))]

    def posts(self, source_id: str) -> list[str]:
        return [row[0] for row in self._db.execute(_POSTS, (source_id,))]

    def sources(self) -> dict[str, datetime | None]:
        """Every source known, with the time of its last list."""
        return {row[0]: _time(row[1]) for row in self._db.execute(_SOURCES)}

    def load(self, facts: Iterable[Known]) -> None:
        """All of `facts`, the later one standing, or nothing."""
        with self._db:
            for fact in facts:
                self._load(fact)
            self._db.execute(_LOADED)

    def drop(self, source_ids: Iterable[str]) -> None:
        with self._db:
            for source_id in source_ids:
                self._db.execute(_DROP_POSTS, (source_id,))
                self._db.execute(_DROP_SOURCE, (source_id,))

    def _load(self, fact: Known) -> None:
        value = fact.value
        if isinstance(value, SourceState):
            self._db.execute(_WRITE_SOURCE, _source_row(value))
        elif value:
            times = (_text(value.counted_at), _text(value.seen_at))
            numbers = (value.content, value.replies, value.views)
            # Its source, which says when that was listed last, may come later.
            row = (fact.source, value.id, *times, *numbers, _text(fact.off_since) or "")
            self._db.execute(_LOAD_POST, row)
        elif fact.id:
            self._db.execute(_DROP_POST, (fact.source, fact.id))
        else:
            self._db.execute(_DROP_SOURCE, (fact.source,))


def _source_row(state: SourceState) -> tuple[object, ...]:
    texts = (state.id, state.url, state.etag, state.last_modified, _text(state.next_check))
    return (*texts, state.failures, int(state.first_poll_done), _text(state.listed_at))


def _sighting(row: Sequence[Any]) -> Sighting:
    times = (datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]))
    return Sighting(row[0], *times, *row[3:])


def _text(moment: datetime | None) -> str | None:
    """One width for all, so that comparing texts compares times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _trouble(path: Path | None, error: Exception) -> str:
    if path is None:
        return f"the collector's temporary file can't be made ({error}); set TMPDIR to a folder"
    if "locked" in str(error):
        return f"{path}: in use by another collector; stop that one, or set another data.dir"
    if "not a database" in str(error) or "malformed" in str(error):
        return f"{path}: not a collector's state ({error}); move it away, a new one is made"
    return f"{path}: can't be opened ({error}); see whether the folder can be written"
