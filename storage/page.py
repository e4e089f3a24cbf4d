"""What only the page asks: matters as they stand, hours and latest posts of each, posts by source.

Reads alone; mending a matter that a crash left behind is the alerter's work.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from schemas.matters import Matter, MatterKey, Tier
from storage.matters import MATTER_COLUMNS, MATTERS, UNFINISHED
from storage.store import Store

HOURS = """
SELECT topic, unit, hour, posts FROM hourly_counts FINAL
WHERE hour >= {since:DateTime64(3)} AND hour <= {until:DateTime64(3)}
    AND has(
        arrayZip({topics:Array(String)}, {units:Array(String)}),
        (toString(topic), toString(unit))
    )
ORDER BY topic, unit, hour
"""
# Danger first: what made a matter red must be seen at once. One post a story. Texts are read apart,
# for the few that are shown.
LATEST = """
SELECT topic, unit, source, id, counted_at, danger
FROM
(
    SELECT topic, unit, source, id, counted_at, danger
    FROM
    (
        SELECT counted_at, source, id, story_id, danger,
            toString(arrayJoin(arrayDistinct(topics))) AS topic,
            toString(arrayJoin(if(empty(units), [''], arrayDistinct(units)))) AS unit
        FROM posts FINAL
        WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
            AND counted_at > {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
            AND source_kind != 'notice' AND hasAny(topics, {topics:Array(String)})
    )
    WHERE has(arrayZip({topics:Array(String)}, {units:Array(String)}), (topic, unit))
    ORDER BY danger DESC, counted_at DESC, id
    LIMIT 1 BY story_id, topic, unit
)
ORDER BY danger DESC, counted_at DESC, id
LIMIT {each:UInt32} BY topic, unit
"""
TEXTS = """
SELECT source, id, if(title != '', title, substringUTF8(body, 1, 80)), url FROM posts FINAL
WHERE toStartOfHour(counted_at) IN (
        SELECT toDateTime(arrayJoin({hours:Array(Int64)}), 'UTC')
    )
    AND has(arrayZip({sources:Array(String)}, {ids:Array(String)}), (toString(source), id))
"""
BY_SOURCE = """
SELECT source, uniqExact(id) FROM posts
WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
    AND counted_at > {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
GROUP BY source
"""

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class LatestPost:
    """`heading`: the title, or the first words of a post that has none."""

    key: MatterKey
    heading: str
    url: str
    source: str
    at: datetime
    danger: bool


def standing_matters(store: Store, since: datetime) -> list[Matter]:
    """All that are open, and those closed after `since`, as their last events left them."""
    fields = MATTER_COLUMNS[4:]
    standing: dict[str, Matter] = {}
    for row in store.rows(MATTERS, {"since": since}):
        times: dict[str, Any] = dict(zip(fields, row[4:], strict=True))
        standing[row[0]] = Matter(
            id=row[0], key=MatterKey(row[1], row[2]), tier=Tier(row[3]), **times
        )
    for (state,) in store.rows(UNFINISHED):
        matter = msgspec.json.decode(state, type=Matter)
        standing[matter.id] = matter
    return list(standing.values())


def hours_of(
    store: Store, keys: Sequence[MatterKey], span: Span
) -> dict[MatterKey, dict[datetime, int]]:
    """Posts of each hour that has a count; topic '' is a unit's total, unit '*' all posts."""
    since, until = span
    params = {"since": since, "until": until, **_bound(keys)}
    found: dict[MatterKey, dict[datetime, int]] = {key: {} for key in keys}
    for topic, unit, hour, posts in store.rows(HOURS, params):
        found[MatterKey(topic, unit)][hour] = posts
    return found


def latest_posts(
    store: Store, keys: Sequence[MatterKey], span: Span, each: int
) -> list[LatestPost]:
    """Up to `each` posts of every matter, those with danger first, then newest first."""
    since, until = span
    params = {"since": since, "until": until, "each": each, **_bound(keys)}
    rows = store.rows(LATEST, params)
    texts = _texts(store, [(source, key, at) for _, _, source, key, at, _ in rows])
    return [
        LatestPost(MatterKey(topic, unit), *texts[source, key], source, at, danger)
        for topic, unit, source, key, at, danger in rows
        if (source, key) in texts
    ]


def _texts(
    store: Store, posts: Sequence[tuple[str, str, datetime]]
) -> dict[tuple[str, str], tuple[str, str]]:
    """Heading and address of each post, by source and id."""
    params = {
        "hours": sorted({int(at.timestamp()) // 3600 * 3600 for _, _, at in posts}),
        "sources": [source for source, _, _ in posts],
        "ids": [key for _, key, _ in posts],
    }
    rows = store.rows(TEXTS, params) if posts else []
    return {(source, key): (heading, url) for source, key, heading, url in rows}


def posts_by_source(store: Store, span: Span) -> dict[str, int]:
    since, until = span
    return dict(store.rows(BY_SOURCE, {"since": since, "until": until}))


def _bound(keys: Sequence[MatterKey]) -> dict[str, list[str]]:
    return {"topics": [key.topic for key in keys], "units": [key.unit for key in keys]}
