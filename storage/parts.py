"""Parts of tables that the engine set aside at its start because they are broken: rows are gone."""

from dataclasses import dataclass

from storage.store import Store

# The engine's own words for the reason all begin so.
BROKEN = """
SELECT table, name, reason FROM system.detached_parts
WHERE database = currentDatabase() AND startsWith(reason, 'broken')
ORDER BY table, name
"""


@dataclass(frozen=True)
class BrokenPart:
    table: str
    part: str
    reason: str

    def __str__(self) -> str:
        return (
            f"table {self.table}: part {self.part} was set aside ({self.reason}), its rows are "
            "missing; restore the last backup, or drop the part if they may be missed"
        )


def broken_parts(store: Store) -> list[BrokenPart]:
    """What was set aside and still lies there; empty when all is well."""
    return [BrokenPart(*row) for row in store.rows(BROKEN)]
