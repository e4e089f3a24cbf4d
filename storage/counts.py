"""Hourly counts, rewritten hour by hour, by the alerter alone; frozen before the texts go."""

from datetime import datetime, timedelta

from storage.store import Row, Store

# The database's own time is the cursor: it is the one clock by which all rows were stored.
OVERLAP = timedelta(seconds=60)
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

NOW = "SELECT now64(3)"
MARK = "SELECT at FROM marks FINAL WHERE name = {name:String}"
CHANGED = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(counted_at)) AS hour FROM posts
WHERE inserted_at >= {since:DateTime64(3)} AND counted_at >= {frozen:DateTime64(3)}
ORDER BY hour
"""
# Keys that an hour had before and has no longer are written as zeros.
RECOUNT = """
INSERT INTO hourly_counts (hour, unit, topic, posts, concerns, danger, stories, sites)
SELECT hour, unit, topic, sum(n), sum(concerns), sum(dangers), sum(stories), sum(sites)
FROM
(
    SELECT toStartOfHour(counted_at) AS hour, key.1 AS unit, key.2 AS topic,
        count() AS n, countIf(owed != 'mention') AS concerns, countIf(danger) AS dangers,
        uniqExact(story_id) AS stories, uniqExact(site) AS sites
    FROM posts FINAL
    ARRAY JOIN arrayConcat(
        [('*', '')],
        arrayFlatten(arrayMap(
            unit -> arrayConcat(
                [(unit, '')], arrayMap(topic -> (unit, topic), arrayDistinct(topics))
            ),
            if(empty(units), [''], arrayDistinct(units))
        ))
    ) AS key
    WHERE toStartOfHour(counted_at) IN
        (SELECT toDateTime(arrayJoin({hours:Array(Int64)}), 'UTC'))
    GROUP BY hour, unit, topic
    UNION ALL
    SELECT hour, unit, topic, 0, 0, 0, 0, 0 FROM hourly_counts FINAL
    WHERE hour IN (SELECT toDateTime64(arrayJoin({hours:Array(Int64)}), 3, 'UTC'))
)
GROUP BY hour, unit, topic
"""
TREND = """
SELECT hour, posts, concerns FROM hourly_counts FINAL
WHERE hour >= {since:DateTime64(3)} AND hour <= {until:DateTime64(3)}
    AND unit = {unit:String} AND topic = {topic:String}
ORDER BY hour
"""


def recount(store: Store) -> int:
    """Rewrite the hours in which posts were stored since the last call; returns how many."""
    frozen = mark(store, "frozen")
    since = mark(store, "counted")
    ((now,),) = store.rows(NOW)
    changed = store.rows(CHANGED, {"since": max(EPOCH, since - OVERLAP), "frozen": frozen})
    if changed:
        store.command(RECOUNT, {"hours": [hour for (hour,) in changed]})
    set_mark(store, "counted", now)
    return len(changed)


def freeze(store: Store, before: datetime) -> None:
    """Hours before `before` are never rewritten again: their texts are about to go."""
    if before > mark(store, "frozen"):
        set_mark(store, "frozen", before)


def trend(store: Store, topic: str, unit: str, span: tuple[datetime, datetime]) -> list[Row]:
    """(hour, posts, concerns); topic '' is a unit's total, unit '*' all posts."""
    since, until = span
    params = {"since": since, "until": until, "unit": unit, "topic": topic}
    return store.rows(TREND, params)


def mark(store: Store, name: str) -> datetime:
    """How far the job `name` has come; the epoch if it never ran."""
    rows = store.rows(MARK, {"name": name})
    return rows[0][0] if rows else EPOCH


def set_mark(store: Store, name: str, at: datetime) -> None:
    store.insert("marks", ("name", "at"), [(name, at)])
