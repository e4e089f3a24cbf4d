"""A chDB store in a folder of its own. One at a time in a process: always used as a context."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.migrate import migrate
from storage.store import Store

# All that a test may find filled, the record of migrations apart.
TABLES = (
    "posts",
    "engagement",
    "polls",
    "hourly_counts",
    "matters",
    "matter_events",
    "deliveries",
    "actions",
    "marks",
    "leader_terms",
    "matter_windows",
    "corrections",
    "tag_changes",
)


@contextmanager
def chdb_store(folder: Path) -> Iterator[Store]:
    store = Store(f"chdb://{folder}/store")
    try:
        migrate(store)
        yield store
    finally:
        store.close()
