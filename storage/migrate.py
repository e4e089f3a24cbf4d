"""Numbered migrations: schemas/clickhouse/NNNN_*.sql, each applied once, in order, and recorded."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files

from runtime.errors import ConfigError
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
APPLIED = "SELECT number, name, digest FROM schema_migrations FINAL ORDER BY number"


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


def shipped() -> list[Migration]:
    found = sorted(
        (item for item in files("schemas").joinpath("clickhouse").iterdir()),
        key=lambda item: item.name,
    )
    return [
        Migration(int(item.name[:4]), item.name, item.read_text("utf-8"))
        for item in found
        if item.name.endswith(".sql")
    ]


def migrate(store: Store) -> list[str]:
    """Apply what is missing and return the names applied.

    Raises ConfigError when a newer version wrote the store, or a recorded migration differs.
    """
    store.command(CREATE)
    applied = {number: (name, digest) for number, name, digest in store.rows(APPLIED)}
    migrations = shipped()
    newer = sorted(set(applied) - {migration.number for migration in migrations})
    if newer:
        message = (
            f"{store.place}: has migration {applied[newer[0]][0]}, unknown here; update huisheng"
        )
        raise ConfigError(message)
    done = []
    for migration in migrations:
        known = applied.get(migration.number)
        if known is None:
            _apply(store, migration)
            done.append(migration.name)
        elif known[1] != migration.digest:
            message = (
                f"{store.place}: {migration.name} differs from what was applied; reinstall huisheng"
            )
            raise ConfigError(message)
    return done


def _apply(store: Store, migration: Migration) -> None:
    """Tables are made IF NOT EXISTS, so that a migration cut off half-way can be run again."""
    for statement in migration.statements:
        store.command(statement)
    row = (migration.number, migration.name, migration.digest)
    store.insert("schema_migrations", ("number", "name", "digest"), [row])
