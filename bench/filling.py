"""A store full of posts made in SQL from the sample town's texts, over 90 days until now."""

from datetime import datetime, timedelta

from demo.town import load_town
from schemas.matters import Matter, MatterKey, Tier, Window
from schemas.posts import Owed, RawPost, SourceKind, TaggedPost, Tags
from storage.matter_windows import MatterWindow, save_windows
from storage.matters import save_matters
from storage.store import Store

DAYS = 90
STEP = 1_000_000
SOURCES = 200
TOPICS = ("food_safety", "fees", "homework_tutoring", "teacher_conduct", "enrolment", "boarding")
UNITS = 60
WINDOW = Window(
    posts=40, concerns=20, stories=30, sites=5, sources=5, replies=9, views=0, coverage=1.0
)

TEXTS = "CREATE TABLE bench_texts (title String, body String) ENGINE = MergeTree ORDER BY body"
# Bodies are a town text with words of others, so that they compress as texts do.
POSTS = """
WITH (SELECT groupArray(title) FROM bench_texts) AS titles,
    (SELECT groupArray(body) FROM bench_texts) AS bodies,
    {topics:Array(String)} AS names, {until:DateTime64(3)} AS until
INSERT INTO posts (counted_at, source, id, source_kind, site, url, title, body, published_at,
    seen_at, thread, thread_title, topics, category, units, owed, danger, sensitivity, story_id,
    why, inserted_at)
SELECT counted_at, source, id, if(number % 50 = 0, 'news', 'forum'),
    concat('site', toString(n % 120)), concat('http://', source, '.example/thread-', id),
    titles[1 + h % length(titles)],
    concat(bodies[1 + h % length(bodies)], substringUTF8(bodies[1 + h2 % length(bodies)], 1, 60),
        toString(h)),
    counted_at, counted_at + INTERVAL 90 SECOND, id, '', topics, topics[1], units,
    if(h % 4 = 0, 'complaint', 'mention'), h % 5000 = 0, 2, toString(h % 1000000),
    '[{"field":"topic","value":"food_safety","by":"rule","words":["食堂"]}]',
    counted_at + INTERVAL 95 SECOND
FROM
(
    SELECT number, cityHash64(number) AS h, intHash64(number + 7) AS h2, number % 200 AS n,
        toString(number) AS id, concat('s', toString(n)) AS source,
        until - toIntervalMillisecond(intHash64(number + 3) % {span:UInt64}) AS counted_at,
        if(h2 % 3 = 0, [], [names[1 + h2 % length(names)]]) AS topics,
        if(h2 % 2 = 0, [], [concat('青禾区第', toString(h2 % 61), '小学')]) AS units
    FROM numbers({first:UInt64}, {count:UInt64})
)
"""
ENGAGEMENT = """
INSERT INTO engagement (source, id, counted_at, at, replies, views)
SELECT source, id, counted_at, counted_at + toIntervalMinute(30 * (1 + reading)),
    (reading + 1) * (cityHash64(id) % 9), (reading + 1) * 50
FROM posts ARRAY JOIN range(3) AS reading
WHERE counted_at >= {until:DateTime64(3)} - INTERVAL 7 DAY AND cityHash64(id) % 3 = 0
"""
POLLS = """
INSERT INTO polls (source, at, outcome, status, listed, new, bytes, message)
SELECT concat('s', toString(number % 200)),
    {until:DateTime64(3)} - toIntervalSecond(intDiv(number, 200) * 600), 'ok', 200, 50, 2, 30000, ''
FROM numbers(200 * 144 * {days:UInt64})
"""
COUNTS = """
INSERT INTO hourly_counts (hour, unit, topic, posts, concerns, danger, stories, sites)
SELECT toStartOfHour(counted_at), key.1, key.2, count(), countIf(owed != 'mention'),
    countIf(danger), uniq(story_id), uniq(site)
FROM posts
ARRAY JOIN arrayConcat([('*', '')], arrayMap(topic -> (if(empty(units), '', units[1]), topic),
    arrayConcat([''], topics))) AS key
GROUP BY 1, 2, 3
"""
# What a table ordered by source and id makes of the same question: it reads everything.
BASELINE = """
SELECT topic, arrayJoin(if(empty(units), [''], units)) AS unit, count(), countIf(owed != 'mention'),
    uniqExact(story_id), uniqExact(site)
FROM (
    SELECT arrayJoin(topics) AS topic, units, owed, story_id, site, counted_at
    FROM posts FINAL
    WHERE identity(counted_at) > {at:DateTime64(3)} - INTERVAL 48 HOUR
)
GROUP BY topic, unit
"""


def fill(store: Store, posts: int, until: datetime, matters: list[Matter]) -> None:
    store.command(TEXTS)
    texts = [(text.title or "随手一帖", text.body) for text in load_town().posts]
    store.insert("bench_texts", ("title", "body"), texts)
    params = {
        "topics": list(TOPICS),
        "until": until,
        "span": int(timedelta(days=DAYS) / timedelta(milliseconds=1)),
        "days": DAYS,
    }
    for first in range(0, posts, STEP):
        count = min(STEP, posts - first)
        store.command(POSTS, {**params, "first": first, "count": count})
    for statement in (ENGAGEMENT, POLLS, COUNTS):
        store.command(statement, params)
    save_matters(store, matters)
    save_windows(store, [MatterWindow(matter.id, until, 40, True, WINDOW) for matter in matters])


def open_matters(now: datetime) -> list[Matter]:
    """Forty, as in a bad week."""
    return [
        Matter(
            id=f"{topic}-{n}",
            key=MatterKey(topic, f"青禾区第{n}小学"),
            tier=Tier(1 + n % 3),
            sequence=1,
            opened_at=now - timedelta(hours=n),
            changed_at=now - timedelta(hours=n),
            clock_since=now - timedelta(hours=n),
        )
        for n in range(40)
        for topic in [TOPICS[n % len(TOPICS)]]
    ]


def tagged_posts(count: int, now: datetime, prefix: str) -> list[TaggedPost]:
    texts = load_town().posts
    return [
        TaggedPost(
            post=RawPost(
                id=f"{prefix}{n}",
                source=f"s{n % SOURCES}",
                source_kind=SourceKind.FORUM,
                url=f"http://s{n % SOURCES}.example/{prefix}{n}",
                title=texts[n % len(texts)].title,
                body=texts[n % len(texts)].body,
                published_at=now,
                seen_at=now,
                counted_at=now - timedelta(seconds=n % 3000),
            ),
            site=f"site{n % 120}",
            tags=Tags(
                topics=(TOPICS[n % len(TOPICS)],),
                units=(f"青禾区第{n % UNITS}小学",),
                owed=Owed.COMPLAINT,
                danger=False,
                sensitivity=2,
                department=None,
                story_id=f"{prefix}{n}",
                why=(),
            ),
        )
        for n in range(count)
    ]
