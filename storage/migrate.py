"""Numbered migrations: schemas/clickhouse/NNNN_*.sql, each applied once, in order, and recorded.

A statement must do no harm when it is run again: a migration cut off half-way is finished so, and
so is one of a process that was paused for longer than the lock lasts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files

from runtime.errors import ConfigError
from storage.cluster import on_cluster
from storage.migration_lock import HOLDER, migration_lock
from storage.store import Store

CREATE = """
CREATE TABLE IF NOT EXISTS schema_migrations
(
    number     UInt32,
    name       String,
    digest     String,
    applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree
ORDER BY number
"""
WIDEN = """
ALTER TABLE schema_migrations
    ADD COLUMN IF NOT EXISTS version String, ADD COLUMN IF NOT EXISTS applied_by String
"""
APPLIED = "SELECT number, name, digest FROM schema_migrations FINAL ORDER BY number"
VIEWS = "SELECT name, comment FROM system.tables WHERE database = currentDatabase()"
# Stands while a restore replaces the store's rows.
UNFINISHED = "restore_unfinished"
MARKED = """
SELECT count() FROM system.tables
WHERE database = currentDatabase() AND name = {name:String}
"""
TABLE = re.compile(r"^CREATE TABLE IF NOT EXISTS (\w+)", re.MULTILINE)
RECORD = ("number", "name", "digest", "version", "applied_by")


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def statements(self) -> list[str]:
        """The file's statements; each ends with a semicolon at the end of a line."""
        parts = (part.strip() for part in f"{self.text}\n".split(";\n"))
        return [part for part in parts if part]


@dataclass(frozen=True)
class View:
    """A public view; its comment in the store is the digest of its text."""

    name: str
    text: str

    @property
    def digest(self) -> str:
        return sha256(self.text.encode()).hexdigest()

    @property
    def statement(self) -> str:
        return f"{self.text.strip().removesuffix(';')}\nCOMMENT '{self.digest}'"


def shipped() -> list[Migration]:
    return [Migration(int(name[:4]), name, text) for name, text in _texts("clickhouse")]


def shipped_views() -> list[View]:
    return [View(name.removesuffix(".sql"), text) for name, text in _texts("clickhouse/views")]


def tables_of(last: int | None = None) -> list[str]:
    """The tables that the shipped migrations make, in order."""
    return [name for migration in shipped()[:last] for name in TABLE.findall(migration.text)]


def migrate(store: Store) -> list[str]:
    """As `bring_up`; also raises ConfigError after a restore that was cut off."""
    if store.rows(MARKED, {"name": UNFINISHED}) != [(0,)]:
        message = f"{store.place}: a restore was cut off here; run `huisheng restore` again"
        raise ConfigError(message)
    return bring_up(store)


def bring_up(store: Store, last: int | None = None) -> list[str]:
    """Apply what is missing, make the views that differ, and return the migrations applied.

    `last`: the number to stop at, for a store of an earlier version. Raises ConfigError when a
    newer version wrote the store or a recorded migration differs, RetryLater while another process
    does the same.
    """
    for statement in on_cluster(CREATE, store.cluster):
        store.command(statement)
    if not _missing(store, last) and (last or not _differing(store)):
        return []
    with migration_lock(store) as beat:
        _run(store, WIDEN, beat)
        missing = _missing(store, last)
        for migration in missing:
            _apply(store, migration, beat)
        for view in [] if last else _differing(store):
            _run(store, view.statement, beat)
    return [migration.name for migration in missing]


def _missing(store: Store, last: int | None) -> list[Migration]:
    applied = {number: (name, digest) for number, name, digest in store.rows(APPLIED)}
    migrations = shipped()
    newer = sorted(set(applied) - {migration.number for migration in migrations})
    if newer:
        message = (
            f"{store.place}: has migration {applied[newer[0]][0]}, unknown here; update huisheng"
        )
        raise ConfigError(message)
    for migration in migrations:
        if applied.get(migration.number, ("", migration.digest))[1] != migration.digest:
            message = (
                f"{store.place}: {migration.name} differs from what was applied; reinstall huisheng"
            )
            raise ConfigError(message)
    return [
        migration
        for migration in migrations
        if migration.number not in applied and (last is None or migration.number <= last)
    ]


def _differing(store: Store) -> list[View]:
    """Views whose text is not the one that they were made of."""
    made: dict[str, str] = {name: comment for name, comment in store.rows(VIEWS)}
    return [view for view in shipped_views() if made.get(view.name) != view.digest]


def _apply(store: Store, migration: Migration, beat: Callable[[], None]) -> None:
    for statement in migration.statements:
        _run(store, statement, beat)
    row = (migration.number, migration.name, migration.digest, version("huisheng"), HOLDER)
    store.insert("schema_migrations", RECORD, [row])


def _run(store: Store, statement: str, beat: Callable[[], None]) -> None:
    for each in on_cluster(statement, store.cluster):
        beat()
        store.command(each)


def _texts(folder: str) -> list[tuple[str, str]]:
    found = files("schemas").joinpath(folder).iterdir()
    return sorted((i.name, i.read_text("utf-8")) for i in found if i.name.endswith(".sql"))
