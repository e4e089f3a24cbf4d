"""Hourly counts, rewritten hour by hour, by the alerter alone; frozen before the texts go."""

from datetime import datetime, timedelta

from storage.leadership import Writer
from storage.store import Row, Store

# The database's own time is the cursor: it is the one clock by which all rows were stored.
OVERLAP = timedelta(seconds=60)
HOURS_AT_ONCE = 168
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")

NOW = "SELECT now64(3)"
MARK = "SELECT at FROM marks FINAL WHERE name = {name:String}"
# What is written later replaces the earlier, even if the server's clock went back.
SET_MARK = """
INSERT INTO marks (name, at, written)
SELECT {name:String}, {at:DateTime64(3)}, greatest(now64(6), last + toIntervalMicrosecond(1))
FROM (SELECT max(written) AS last FROM marks)
"""
CHANGED = """
SELECT DISTINCT toUnixTimestamp(toStartOfHour(counted_at)) AS hour FROM posts
WHERE (inserted_at >= {since:DateTime64(3)} OR retagged_at >= {since:DateTime64(3)})
    AND counted_at >= {frozen:DateTime64(3)}
ORDER BY hour
"""
# Keys that an hour had before and has no longer are written as zeros.
RECOUNT = """
INSERT INTO hourly_counts (hour, unit, topic, posts, concerns, danger, stories, sites, counted)
SELECT hour, unit, topic, n, concerns, dangers, stories, sites,
    greatest(now64(3), last + toIntervalMillisecond(1))
FROM
(
    SELECT hour, unit, topic, sum(n) AS n, sum(concerns) AS concerns, sum(dangers) AS dangers,
        sum(stories) AS stories, sum(sites) AS sites, max(before) AS last
    FROM
    (
        SELECT toStartOfHour(counted_at) AS hour, key.1 AS unit, key.2 AS topic,
            count() AS n, countIf(owed != 'mention') AS concerns, countIf(danger) AS dangers,
            uniqExact(story_id) AS stories, uniqExact(site) AS sites,
            toDateTime64(0, 3, 'UTC') AS before
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
        SELECT hour, unit, topic, 0, 0, 0, 0, 0, counted FROM hourly_counts FINAL
        WHERE hour IN (SELECT toDateTime64(arrayJoin({hours:Array(Int64)}), 3, 'UTC'))
    )
    GROUP BY hour, unit, topic
)
"""
TREND = """
SELECT hour, posts, concerns FROM hourly_counts FINAL
WHERE hour >= {since:DateTime64(3)} AND hour <= {until:DateTime64(3)}
    AND unit = {unit:String} AND topic = {topic:String}
ORDER BY hour
"""


def recount(writer: Writer) -> int:
    """Rewrite the hours of posts stored or tagged again since the last call; returns how many."""
    frozen = mark(writer, "frozen")
    since = mark(writer, "counted")
    now = store_time(writer)
    if since > now:
        since = EPOCH  # the server's clock went back: what was stored meanwhile is not known
    found = writer.rows(CHANGED, {"since": max(EPOCH, since - OVERLAP), "frozen": frozen})
    hours = [hour for (hour,) in found]
    for start in range(0, len(hours), HOURS_AT_ONCE):
        writer.command(RECOUNT, {"hours": hours[start : start + HOURS_AT_ONCE]})
    set_mark(writer, "counted", now)
    return len(hours)


def freeze(writer: Writer, before: datetime) -> None:
    """Hours before `before` are never rewritten again: their texts are about to go."""
    if before > mark(writer, "frozen"):
        set_mark(writer, "frozen", before)


def trend(store: Store, topic: str, unit: str, span: tuple[datetime, datetime]) -> list[Row]:
    """(hour, posts, concerns); topic '' is a unit's total, unit '*' all posts."""
    since, until = span
    params = {"since": since, "until": until, "unit": unit, "topic": topic}
    return store.rows(TREND, params)


def store_time(writer: Writer) -> datetime:
    now: datetime = writer.rows(NOW)[0][0]
    return now


def mark(writer: Writer, name: str) -> datetime:
    """How far the job `name` has come; the epoch if it never ran."""
    rows = writer.rows(MARK, {"name": name})
    return rows[0][0] if rows else EPOCH


def set_mark(writer: Writer, name: str, at: datetime) -> None:
    writer.command(SET_MARK, {"name": name, "at": at})
