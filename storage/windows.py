"""Window counts read from the store: the same numbers that alerting/windows.py counts in memory.

Times are bound as DateTime64 without a zone: the client sends them in the server's zone.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from schemas.matters import MatterKey
from schemas.windows import EMPTY, LATEST, Span, WindowCounts, WindowRules
from storage.store import WINDOW_LIMITS, Params, Row, Store

POSTS = """
SELECT
    topic, arrayJoin(if(empty(units), [''], arrayDistinct(units))) AS unit,
    countIf(in_day), countIf(in_day AND concern),
    countIf(in_recent), countIf(in_recent AND concern),
    countIf(in_before), countIf(in_before AND concern),
    uniqExactIf(story_id, in_day), uniqExactIf(site, in_day), uniqExactIf(source, in_day),
    arraySlice(arrayReverseSort(groupArrayIf(counted_at, first AND concern)), 1, {openers:UInt32}),
    countIf(concern OR danger OR news)
FROM
(
    SELECT
        counted_at, source, site, story_id, units, category, danger,
        arrayJoin(arrayDistinct(topics)) AS topic,
        owed != 'mention' AS concern,
        source_kind = 'news' AS news,
        counted_at > {at:DateTime64(3)} - INTERVAL 24 HOUR AS in_day,
        counted_at > {at:DateTime64(3)} - INTERVAL 6 HOUR AS in_recent,
        counted_at > {at:DateTime64(3)} - INTERVAL 12 HOUR AND NOT in_recent AS in_before,
        in_day AND topic = category AS first
    FROM posts FINAL
    WHERE toStartOfHour(counted_at) >= toStartOfHour({at:DateTime64(3)} - INTERVAL 48 HOUR)
        AND counted_at > {at:DateTime64(3)} - INTERVAL 48 HOUR
        AND counted_at <= {at:DateTime64(3)}
        AND seen_at <= {at:DateTime64(3)}
        AND source_kind != 'notice'
)
WHERE topic NOT IN {silent:Array(String)}
GROUP BY topic, unit
"""

# Posts that alone can open or lift a matter. One that is found late still does, within 48 h.
MARK = """
SELECT
    category, arrayJoin(if(empty(units), [''], arrayDistinct(units))) AS unit,
    maxIf(seen_at, source_kind = 'news'),
    maxIf(seen_at, source_kind = 'news' AND (danger OR owed IN ('complaint', 'claim_to_verify'))),
    maxIf(seen_at, danger)
FROM posts FINAL
WHERE counted_at <= {at:DateTime64(3)}
    AND seen_at <= {at:DateTime64(3)}
    AND seen_at - INTERVAL 48 HOUR < counted_at
    AND source_kind != 'notice' AND (danger OR source_kind = 'news')
    AND category != '' AND category NOT IN {silent:Array(String)}
    AND %s
GROUP BY category, unit
"""
MARKS = (
    MARK
    % """
    toStartOfHour(counted_at) >= toStartOfHour({at:DateTime64(3)} - INTERVAL 72 HOUR)
    AND seen_at > {at:DateTime64(3)} - INTERVAL 24 HOUR
"""
)
# Those that were seen longer ago, but have come into the store since the last decision, and would
# open a matter: an article without a concern is old by then. What counts from the very time it was
# seen is a new source's history, or can't be told from it.
LATE_MARKS = (
    MARK
    % """
    (toStartOfHour(counted_at), source, id) IN
    (
        SELECT toStartOfHour(counted_at), source, id FROM posts
        WHERE toStartOfHour(counted_at) >= toStartOfHour({latest:DateTime64(3)} - INTERVAL 48 HOUR)
            AND inserted_at > {heard:DateTime64(3)}
            AND (danger OR source_kind = 'news' AND owed IN ('complaint', 'claim_to_verify'))
            AND seen_at > {latest:DateTime64(3)}
            AND seen_at <= {at:DateTime64(3)} - INTERVAL 24 HOUR
            AND (seen_at > counted_at OR published_at > seen_at)
    )
"""
)

# A post's gain: the latest known number less the one known at the window's start, and less the
# replies that are stored as posts themselves (those of its thread that came after it).
GAINS = """
WITH
    gained AS
    (
        SELECT toStartOfHour(any(counted_at)) AS hour, source, id,
            argMax(replies, at) AS now,
            argMaxIf(replies, at, at <= {at:DateTime64(3)} - INTERVAL 6 HOUR) AS half,
            argMaxIf(replies, at, at <= {at:DateTime64(3)} - INTERVAL 12 HOUR) AS earlier,
            argMaxIf(replies, at, at <= {at:DateTime64(3)} - INTERVAL 24 HOUR) AS yesterday,
            argMax(views, at) AS views_now,
            argMaxIf(views, at, at <= {at:DateTime64(3)} - INTERVAL 24 HOUR) AS views_yesterday
        FROM engagement
        WHERE at <= {at:DateTime64(3)} AND (source, id) IN
        (
            SELECT source, id FROM engagement
            WHERE at > {at:DateTime64(3)} - INTERVAL 24 HOUR AND at <= {at:DateTime64(3)}
        )
        GROUP BY source, id
    ),
    answers AS
    (
        SELECT source, thread, groupArray((counted_at, id)) AS members
        FROM posts FINAL
        WHERE toStartOfHour(counted_at) >= toStartOfHour({at:DateTime64(3)} - INTERVAL 24 HOUR)
            AND counted_at > {at:DateTime64(3)} - INTERVAL 24 HOUR
            AND counted_at <= {at:DateTime64(3)} AND seen_at <= {at:DateTime64(3)}
            AND id != thread
        GROUP BY source, thread
    )
SELECT
    topic, unit, sum(day_gain), sum(recent_gain), sum(before_gain), sum(views_gain)
FROM
(
    SELECT
        arrayJoin(arrayDistinct(topics)) AS topic,
        arrayJoin(if(empty(units), [''], arrayDistinct(units))) AS unit,
        arrayFilter(member -> member > (counted_at, id), members) AS later,
        arrayCount(member -> member.1 > {at:DateTime64(3)} - INTERVAL 6 HOUR, later)
            AS later_recent,
        arrayCount(member -> member.1 > {at:DateTime64(3)} - INTERVAL 12 HOUR, later)
            - later_recent AS later_before,
        toInt64(ifNull(now, 0)) AS r_now, toInt64(ifNull(half, 0)) AS r_half,
        toInt64(ifNull(earlier, 0)) AS r_earlier, toInt64(ifNull(yesterday, 0)) AS r_yesterday,
        greatest(0, r_now - r_yesterday - toInt64(length(later))) AS day_gain,
        greatest(0, r_now - r_half - toInt64(later_recent)) AS recent_gain,
        greatest(0, r_half - r_earlier - toInt64(later_before)) AS before_gain,
        greatest(0, toInt64(ifNull(views_now, 0)) - toInt64(ifNull(views_yesterday, 0)))
            AS views_gain
    FROM
    (
        SELECT source, id, counted_at, thread, topics, units
        FROM posts FINAL
        WHERE (toStartOfHour(counted_at), source, id) IN (SELECT hour, source, id FROM gained)
            AND seen_at <= {at:DateTime64(3)} AND source_kind != 'notice'
    ) AS post
    INNER JOIN gained USING (source, id)
    LEFT JOIN answers USING (source, thread)
)
WHERE topic NOT IN {silent:Array(String)}
GROUP BY topic, unit
HAVING sum(day_gain) + sum(recent_gain) + sum(before_gain) + sum(views_gain) > 0
"""

NEVER_SEEN = datetime.fromtimestamp(0, UTC)
ByMatter = dict[MatterKey, Row]
Marks = tuple[datetime | None, datetime | None, datetime | None]


class SqlWindows:
    """What the running alerter counts with."""

    def __init__(self, store: Store, rules: WindowRules) -> None:
        self.store, self.rules = store, rules

    def counts(
        self, at: datetime, heard: datetime | None = None
    ) -> Mapping[MatterKey, WindowCounts]:
        """As of `at` of every matter that has any; what was seen later does not count. Danger and
        concerns in the news that were stored after `heard`, a time of the store, count as well.
        """
        silent = sorted(self.rules.silent_topics)
        params = {"at": at, "openers": self.rules.openers, "silent": silent}
        posts = self._by_matter(POSTS, params)
        marks = self._by_matter(MARKS, params)
        since = {"heard": heard, "latest": at - LATEST}
        late = self._by_matter(LATE_MARKS, {**params, **since}) if heard else {}
        gains = self._by_matter(GAINS, params)
        counted = {
            key: _counts(posts.get(key), gains.get(key), marks.get(key), late.get(key))
            for key in posts.keys() | gains.keys() | marks.keys() | late.keys()
        }
        return {key: counts for key, counts in counted.items() if counts != EMPTY}

    def _by_matter(self, sql: str, params: Params) -> ByMatter:
        return {
            MatterKey(row[0], row[1]): row[2:]
            for row in self.store.rows(sql, params, WINDOW_LIMITS)
        }


def _counts(
    posts: Row | None, gains: Row | None, marks: Row | None, late: Row | None
) -> WindowCounts:
    """What came late opens a matter, and does not keep one open."""
    posts = posts or (0,) * 9 + ((), 0)
    day, recent, before, views = gains or (0, 0, 0, 0)
    in_time = _seen(marks)
    both = zip(in_time, _seen(late), strict=True)
    news, news_concern, danger = (max(filter(None, each), default=None) for each in both)
    return WindowCounts(
        day=Span(posts[0], posts[1], day),
        recent=Span(posts[2], posts[3], recent),
        before=Span(posts[4], posts[5], before),
        stories=posts[6],
        sites=posts[7],
        sources=posts[8],
        views=views,
        openers=tuple(posts[9]),
        news=news,
        news_concern=news_concern,
        danger=danger,
        active=posts[10] > 0 or any(in_time),
    )


def _seen(marks: Row | None) -> Marks:
    """No post of a sort comes as the epoch."""
    news, news_concern, danger = (
        at if at > NEVER_SEEN else None for at in marks or (NEVER_SEEN,) * 3
    )
    return news, news_concern, danger
