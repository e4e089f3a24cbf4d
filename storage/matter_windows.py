"""The numbers of each open matter as they were last decided on: written by the alerter each minute.

The page reads these few rows, and so shows what was decided on, instead of counting posts anew.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from schemas.matters import Window
from storage.leadership import Writer
from storage.matters import parts_of, write_rows
from storage.store import PAGE_LIMITS, Store

SAVE = """
INSERT INTO matter_windows
(
    matter_id, at, posts, concerns, stories, sites, sources, replies, views, coverage, volume,
    growing
)
SELECT matter_id, at, posts, concerns, stories, sites, sources, replies, views, coverage, volume,
    growing
FROM format(JSONEachRow, $$
    matter_id String, at DateTime64(3, 'UTC'), posts UInt32, concerns UInt32, stories UInt32,
    sites UInt32, sources UInt32, replies UInt64, views UInt64, coverage Float64, volume UInt64,
    growing Bool
$$, {rows:String})
"""
OF_MATTERS = """
SELECT matter_id, at, volume, growing, posts, concerns, stories, sites, sources, replies, views,
    coverage
FROM matter_windows FINAL
WHERE matter_id IN {matters:Array(String)}
"""


@dataclass(frozen=True)
class MatterWindow:
    """A matter's last 24 h at the minute `at`; `volume` is what its tier is measured by."""

    matter_id: str
    at: datetime
    volume: int
    growing: bool
    window: Window


def save_windows(writer: Writer, found: Iterable[MatterWindow]) -> None:
    rows = [
        {
            "matter_id": each.matter_id,
            "at": each.at,
            "volume": each.volume,
            "growing": each.growing,
            **msgspec.structs.asdict(each.window),
        }
        for each in found
    ]
    write_rows(writer, SAVE, rows)


def windows_of(store: Store, matters: Sequence[str]) -> dict[str, MatterWindow]:
    """By matter id; a matter that was not decided on since it was opened has none."""
    fields = Window.__struct_fields__
    return {
        matter: MatterWindow(
            matter, at, volume, growing, Window(**dict(zip(fields, numbers, strict=True)))
        )
        for some in parts_of(matters)
        for matter, at, volume, growing, *numbers in store.rows(
            OF_MATTERS, {"matters": some}, PAGE_LIMITS
        )
    }
