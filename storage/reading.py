"""What the page asks of how posts are read: a post with its tags, judgements, drift by day.

Reads alone; storage/correcting.py writes what operators say.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import msgspec

from schemas.corrections import Labels
from schemas.posts import Owed, Why
from storage.matters import parts_of
from storage.store import PAGE_LIMITS, Store

# A first topic of which the model is less sure than this is as likely another.
LOW_SCORE = 0.5

POST = """
SELECT url, title, body, thread_title, why, rules_version, model_version,
    topics, owed, danger, department
FROM posts
WHERE toStartOfHour(counted_at) = toStartOfHour({at:DateTime64(3)})
    AND source = {source:String} AND id = {id:String}
ORDER BY inserted_at DESC
LIMIT 1
"""
JUDGEMENTS = """
SELECT source, post_id, at, topics, owed, danger, department FROM corrections
WHERE post_id IN {ids:Array(String)}
ORDER BY at DESC, operator
LIMIT 1 BY source, post_id
"""
# The score stands in the why of the first topic; nothing is known where rules alone gave it.
DRIFT = """
SELECT toDate(counted_at, 'Asia/Shanghai') AS day, count(), countIf(category = ''),
    countIf(category = 'education_other'), countIf(category = 'not_education'),
    countIf(notEmpty(scores)), countIf(scores[1] < {low:Float64} AND notEmpty(scores)),
    sum(scores[1]), arraySort(groupUniqArray((rules_version, model_version)))
FROM
(
    SELECT counted_at, category, rules_version, model_version, arrayMap(
        each -> each.3,
        arrayFilter(
            each -> each.1 = category AND each.2 = 'model',
            if(position(why, '"model"') = 0, [], JSONExtract(
                why, 'Array(Tuple(tag String, by String, score Float64))'
            ))
        )
    ) AS scores
    FROM posts FINAL
    WHERE toStartOfHour(counted_at) >= toStartOfHour({since:DateTime64(3)})
        AND counted_at >= {since:DateTime64(3)} AND counted_at <= {until:DateTime64(3)}
)
GROUP BY day
ORDER BY day
"""

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class ReadPost:
    """A stored post with its tags, for an operator to judge."""

    source: str
    id: str
    counted_at: datetime
    url: str
    title: str
    body: str
    thread_title: str
    why: tuple[Why, ...]
    labels: Labels
    rules_version: str
    model_version: str


@dataclass(frozen=True)
class Judgement:
    """The last that was said of a post; who said it stands in the audit alone."""

    at: datetime
    said: Labels


@dataclass(frozen=True)
class DriftDay:
    """The posts of a day in Shanghai: by first topic, and by the model's score of it."""

    day: date
    posts: int
    untopical: int
    education_other: int
    not_education: int
    scored: int
    low: int
    mean_score: float | None
    versions: tuple[tuple[str, str], ...]


def read_post(store: Store, source: str, post_id: str, counted_at: datetime) -> ReadPost | None:
    """None for a post that is not stored, or no longer."""
    params = {"source": source, "id": post_id, "at": counted_at}
    for row in store.rows(POST, params, PAGE_LIMITS):
        url, title, body, thread_title, why, rules, model, *said = row
        return ReadPost(
            source=source,
            id=post_id,
            counted_at=counted_at,
            url=url,
            title=title,
            body=body,
            thread_title=thread_title,
            why=reasons(why),
            labels=labels_of(*said),
            rules_version=rules,
            model_version=model,
        )
    return None


def judgements(store: Store, posts: Set[tuple[str, str]]) -> dict[tuple[str, str], Judgement]:
    """Of these (source, id), those that were judged."""
    return {
        (source, post): Judgement(at, labels_of(*said))
        for some in parts_of(sorted({post for _, post in posts}))
        for source, post, at, *said in store.rows(JUDGEMENTS, {"ids": some}, PAGE_LIMITS)
        if (source, post) in posts
    }


def drift(store: Store, span: Span) -> list[DriftDay]:
    """Oldest day first; a day without posts has no row."""
    since, until = span
    params = {"since": since, "until": until, "low": LOW_SCORE}
    days = []
    for day, posts, untopical, other, not_education, scored, low, total, versions in store.rows(
        DRIFT, params, PAGE_LIMITS
    ):
        mean = total / scored if scored else None
        counts = (posts, untopical, other, not_education, scored, low)
        days.append(DriftDay(day, *counts, mean, tuple(versions)))
    return days


def labels_of(topics: Sequence[str], owed: str, danger: Any, department: str) -> Labels:
    return Labels(topics=tuple(topics), owed=Owed(owed), danger=bool(danger), department=department)


def reasons(why: str) -> tuple[Why, ...]:
    """The why of a row as it is stored."""
    return msgspec.json.decode(why, type=tuple[Why, ...]) if why else ()
