"""What only the page asks: matters as they stand, hours and latest posts of each, posts by source.

Reads alone; mending a matter that a crash left behind is the alerter's work.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from schemas.corrections import Labels
from schemas.matters import Matter, MatterKey, Tier
from schemas.posts import Why
from storage.matters import MATTER_COLUMNS, MATTERS, UNFINISHED
from storage.reading import labels_of, reasons
from storage.store import PAGE_LIMITS, Row, Store

HOURS = """
SELECT topic, unit, hour, posts FROM hourly_counts FINAL
WHERE hour >= {since:DateTime64(3)} AND hour <= {until:DateTime64(3)}
    AND has(
        arrayZip({topics:Array(String)}, {units:Array(String)}),
        (toString(topic), toString(unit))
    )
ORDER BY topic, unit, hour
"""
# Danger first: what made a matter red must be seen at once. One post a story. Read without FINAL,
# which would read every column of every hour: an edited post may come as it was; AS_IT_IS tells.
CANDIDATES = """
SELECT topic, unit, source, id, counted_at
FROM
(
    SELECT topic, unit, source, id, counted_at, danger
    FROM
    (
        SELECT counted_at, source, id, story_id, danger,
            arrayJoin(topics) AS topic, arrayJoin(if(empty(units), [''], units)) AS unit
        FROM posts
        WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
            AND counted_at > {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
            AND source_kind != 'notice' AND notEmpty(topics)
    )
    WHERE (topic, unit) IN
        (SELECT arrayJoin(arrayZip({topics:Array(String)}, {units:Array(String)})))
    ORDER BY danger DESC, counted_at DESC, id
    LIMIT 1 BY story_id, topic, unit
)
ORDER BY danger DESC, counted_at DESC, id
LIMIT {each:UInt32} BY topic, unit
"""
AS_IT_IS = """
SELECT source, id, any(counted_at),
    argMax(
        (
            if(title != '', title, substringUTF8(body, 1, 80)), url, units, why,
            topics, owed, danger, department
        ),
        inserted_at
    )
FROM posts
WHERE (toStartOfHour(counted_at), source, id) IN
(
    SELECT toDateTime(post.1, 'UTC'), post.2, post.3
    FROM
    (
        SELECT arrayJoin(
            arrayZip({hours:Array(Int64)}, {sources:Array(String)}, {ids:Array(String)})
        ) AS post
    )
)
GROUP BY source, id
"""
# Posts that no topic fits: of the newest stories one post each.
UNCLEAR = """
SELECT category, '' AS unit, source, id, counted_at FROM posts
WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
    AND counted_at > {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
    AND category IN ('', 'education_other')
    AND (source, id) NOT IN (SELECT source, post_id FROM corrections)
ORDER BY counted_at DESC, id
LIMIT 1 BY story_id
LIMIT {most:UInt32}
"""
BY_SOURCE = """
SELECT source, uniqExact(id) FROM posts
WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
    AND counted_at > {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
GROUP BY source
"""

UNCLEAR_TOPICS = ((), ("education_other",))

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class LatestPost:
    """`heading`: the title, or the first words of a post that has none."""

    source: str
    id: str
    at: datetime
    heading: str
    url: str
    units: tuple[str, ...]
    labels: Labels
    why: tuple[Why, ...]


def standing_matters(store: Store, since: datetime) -> list[Matter]:
    """All that are open, and those closed after `since`, as their last events left them."""
    fields = MATTER_COLUMNS[4:]
    standing: dict[str, Matter] = {}
    for row in store.rows(MATTERS, {"since": since}, PAGE_LIMITS):
        times: dict[str, Any] = dict(zip(fields, row[4:], strict=True))
        standing[row[0]] = Matter(
            id=row[0], key=MatterKey(row[1], row[2]), tier=Tier(row[3]), **times
        )
    for (state,) in store.rows(UNFINISHED, limits=PAGE_LIMITS):
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
    for topic, unit, hour, posts in store.rows(HOURS, params, PAGE_LIMITS):
        found[MatterKey(topic, unit)][hour] = posts
    return found


def latest_posts(
    store: Store, keys: Sequence[MatterKey], span: Span, each: int
) -> dict[MatterKey, list[LatestPost]]:
    """Up to `each` posts of every matter, those with danger first, then newest first."""
    since, until = span
    # An edited post may come twice and be left out once: two more are asked for.
    params = {"since": since, "until": until, "each": each + 2, **_bound(keys)}
    posts = _as_they_are(store, store.rows(CANDIDATES, params, PAGE_LIMITS)) if keys else {}
    return {
        key: sorted(several.values(), key=lambda post: not post.labels.danger)[:each]
        for key, several in posts.items()
    }


def unclear_posts(store: Store, span: Span, most: int) -> list[LatestPost]:
    """Up to `most` posts that no topic fits and nobody has judged, newest first."""
    since, until = span
    rows = store.rows(UNCLEAR, {"since": since, "until": until, "most": most}, PAGE_LIMITS)
    posts = _now(store, rows)
    # One that was edited or tagged again meanwhile may be clear by now.
    newest = dict.fromkeys((row[2], row[3]) for row in rows)
    return [
        post
        for key in newest
        if (post := posts.get(key)) and post.labels.topics[:1] in UNCLEAR_TOPICS
    ]


def _as_they_are(
    store: Store, candidates: Sequence[Row]
) -> dict[MatterKey, dict[tuple[str, str], LatestPost]]:
    """The candidates, but for those that an edit took to another topic or unit."""
    now = _now(store, candidates)
    posts: dict[MatterKey, dict[tuple[str, str], LatestPost]] = defaultdict(dict)
    for topic, unit, source, post_id, _ in candidates:
        post = now.get((source, post_id))
        if post and topic in post.labels.topics and unit in (post.units or ("",)):
            posts[MatterKey(topic, unit)][source, post_id] = post
    return posts


def _now(store: Store, candidates: Sequence[Row]) -> dict[tuple[str, str], LatestPost]:
    """Each candidate (its topic, unit, source, id, counted_at) as its last copy stands."""
    params = {
        "hours": [int(row[4].timestamp()) // 3600 * 3600 for row in candidates],
        "sources": [row[2] for row in candidates],
        "ids": [row[3] for row in candidates],
    }
    rows = store.rows(AS_IT_IS, params, PAGE_LIMITS) if candidates else []
    return {
        (source, post_id): LatestPost(
            source, post_id, at, heading, url, tuple(units), labels_of(*said), reasons(why)
        )
        for source, post_id, at, (heading, url, units, why, *said) in rows
    }


def posts_by_source(store: Store, span: Span) -> dict[str, int]:
    since, until = span
    return dict(store.rows(BY_SOURCE, {"since": since, "until": until}, PAGE_LIMITS))


def _bound(keys: Sequence[MatterKey]) -> dict[str, list[str]]:
    return {"topics": [key.topic for key in keys], "units": [key.unit for key in keys]}
