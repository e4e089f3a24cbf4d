"""Operators' corrections, what they say of the tags, and the marks of tags that changed.

Notes are written here and read by nothing: they stay in the store, and go with the texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from schemas.corrections import Correction, Labels, TagChange
from schemas.posts import Owed, SourceKind
from storage.store import PAGE_LIMITS, Row, Store

CORRECTION_COLUMNS = (
    "counted_at",
    "source",
    "post_id",
    "at",
    "operator",
    "topics",
    "owed",
    "danger",
    "department",
    "was_topics",
    "was_owed",
    "was_danger",
    "was_department",
    "rules_version",
    "model_version",
    "note",
)
CHANGE_COLUMNS = (
    "at",
    "since",
    "rules_version",
    "model_version",
    "posts",
    "changed",
    "operator",
)
CORRECTIONS = """
SELECT counted_at, source, post_id, at, operator, topics, owed, danger, department,
    was_topics, was_owed, was_danger, was_department, rules_version, model_version
FROM corrections FINAL
WHERE at >= {since:DateTime64(3)}
ORDER BY at DESC
LIMIT 1 BY source, post_id, operator
"""
# Who judges a post twice under the same versions has thought again: the last judgement counts.
AGREEMENT = """
SELECT toMonday(at, 'Asia/Shanghai') AS week, rules_version, model_version, count(),
    countIf(topics[1] = was_topics[1]), countIf(arraySort(topics) = arraySort(was_topics)),
    countIf(owed = was_owed), countIf(danger = was_danger)
FROM
(
    SELECT at, rules_version, model_version, topics, was_topics, owed, was_owed, danger, was_danger
    FROM corrections FINAL
    WHERE at >= {since:DateTime64(3)}
    ORDER BY at DESC
    LIMIT 1 BY source, post_id, operator, rules_version, model_version
)
GROUP BY week, rules_version, model_version
ORDER BY week, rules_version, model_version
"""
FIRST_CHANGE = "SELECT min(at) FROM tag_changes"
CHANGES = """
SELECT at, since, rules_version, model_version, posts, changed, operator FROM tag_changes FINAL
WHERE at >= {since:DateTime64(3)}
ORDER BY at, rules_version, model_version
"""
# Of several judgements on a post the last one is taken, whoever's it is.
LABELLED = """
SELECT post.title, post.body, post.source_kind, said.topics, said.owed, said.danger,
    said.department
FROM
(
    SELECT counted_at, source, post_id, topics, owed, danger, department
    FROM corrections FINAL
    ORDER BY at DESC
    LIMIT 1 BY source, post_id
) AS said
INNER JOIN
(
    SELECT source, id, title, body, source_kind FROM posts FINAL
    WHERE (toStartOfHour(counted_at), source, id) IN
        (SELECT toStartOfHour(counted_at), source, post_id FROM corrections)
) AS post ON post.source = said.source AND post.id = said.post_id
ORDER BY said.counted_at, said.source, said.post_id
"""


@dataclass(frozen=True)
class Agreement:
    """Of the posts `judged` in a week (`week` is its Monday in Shanghai), how many tags stood.

    `first`: the first topic, `topics`: all topics, whatever their order.
    """

    week: date
    rules_version: str
    model_version: str
    judged: int
    first: int
    topics: int
    owed: int
    danger: int


@dataclass(frozen=True)
class LabelledPost:
    """A text that is still stored, with what an operator said of it; it stays in the process."""

    title: str
    body: str
    source_kind: SourceKind
    labels: Labels


def insert_correction(store: Store, correction: Correction) -> None:
    row = (
        correction.counted_at,
        correction.source,
        correction.post_id,
        correction.at,
        correction.operator,
        *_label_row(correction.said),
        *_label_row(correction.was),
        correction.rules_version,
        correction.model_version,
        correction.note,
    )
    store.insert("corrections", CORRECTION_COLUMNS, [row])


def corrections(store: Store, since: datetime) -> list[Correction]:
    """The last one of each operator on each post, newest first; without the notes."""
    return [_correction(row) for row in store.rows(CORRECTIONS, {"since": since}, PAGE_LIMITS)]


def agreement(store: Store, since: datetime) -> list[Agreement]:
    """By week and versions, oldest first."""
    return [Agreement(*row) for row in store.rows(AGREEMENT, {"since": since}, PAGE_LIMITS)]


def labelled_posts(store: Store) -> list[LabelledPost]:
    return [
        LabelledPost(title, body, SourceKind(kind), _labels(said))
        for title, body, kind, *said in store.rows(LABELLED)
    ]


def insert_tag_change(store: Store, change: TagChange) -> None:
    """One with the same time and versions replaces the one before."""
    row = tuple(getattr(change, column) for column in CHANGE_COLUMNS)
    store.insert("tag_changes", CHANGE_COLUMNS, [row])


def tag_changes(store: Store, since: datetime) -> list[TagChange]:
    """Those that were made at `since` or later, oldest first."""
    rows = store.rows(CHANGES, {"since": since}, PAGE_LIMITS)
    return [TagChange(**dict(zip(CHANGE_COLUMNS, row, strict=True))) for row in rows]


def tag_breaks(store: Store, since: datetime) -> list[TagChange]:
    """The same without the one that begins the record: before it nothing was tagged otherwise."""
    rows = store.rows(FIRST_CHANGE, {}, PAGE_LIMITS)
    return [
        change
        for change in tag_changes(store, since)
        if change.posts or (change.at,) != tuple(rows[0])
    ]


def _label_row(labels: Labels) -> Row:
    return (list(labels.topics), labels.owed.value, labels.danger, labels.department)


def _labels(row: Sequence[Any]) -> Labels:
    topics, owed, danger, department = row
    return Labels(topics=tuple(topics), owed=Owed(owed), danger=danger, department=department)


def _correction(row: Row) -> Correction:
    return Correction(
        counted_at=row[0],
        source=row[1],
        post_id=row[2],
        at=row[3],
        operator=row[4],
        said=_labels(row[5:9]),
        was=_labels(row[9:13]),
        rules_version=row[13],
        model_version=row[14],
    )
