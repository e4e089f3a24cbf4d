"""What the store says of itself: its version, its last migration, what it found broken."""

from dataclasses import dataclass

from storage.store import Store

VERSION = "SELECT version()"
MIGRATION = "SELECT name FROM schema_migrations FINAL ORDER BY number DESC LIMIT 1"
# Parts that could not be read, at start-up or when a query met them, are moved aside with a reason.
BROKEN = """
SELECT table, count() FROM system.detached_parts
WHERE database = currentDatabase() AND match(ifNull(reason, ''), 'broken|unexpected|noquorum')
GROUP BY table ORDER BY table
"""


@dataclass(frozen=True)
class StoreCondition:
    """`broken`: parts set aside as broken, by table; their rows are missing from every count."""

    place: str
    version: str
    migration: str
    broken: dict[str, int]

    @property
    def broken_parts(self) -> int:
        return sum(self.broken.values())


def condition(store: Store) -> StoreCondition:
    ((version,),) = store.rows(VERSION)
    ((migration,),) = store.rows(MIGRATION)
    return StoreCondition(store.place, version, migration, dict(store.rows(BROKEN)))
