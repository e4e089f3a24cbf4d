"""Matters, their events, deliveries and operators' actions. The alerter writes the first two."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from schemas.matters import (
    Action,
    ActionKind,
    Delivery,
    DeliveryOutcome,
    Event,
    EventKind,
    Matter,
    MatterKey,
    NotifyReason,
    Tier,
    Window,
)
from storage.leadership import Writer
from storage.store import Row, Store

# An event with its matter's state has about 1 kB. A server takes values of at most 128 kB, and in
# the address a byte may become five.
BYTES_AT_ONCE = 24_000
# The same holds for a list of ids, of which each has about 40 bytes.
IDS_AT_ONCE = 1_000

MATTER_COLUMNS = (
    "id",
    "topic",
    "unit",
    "tier",
    "sequence",
    "opened_at",
    "changed_at",
    "clock_since",
    "entry_level",
    "closed_at",
    "below_since",
    "report_by",
    "danger_at",
    "news_at",
    "danger_cleared_at",
    "news_cleared_at",
)
EVENT_COLUMNS = (
    "matter_id",
    "sequence",
    "topic",
    "unit",
    "at",
    "kind",
    "tier",
    "reason",
    "posts",
    "concerns",
    "stories",
    "sites",
    "sources",
    "replies",
    "views",
    "coverage",
    "report_by",
    "state",
)

# A matter that is written later replaces the earlier, even if the server's clock went back.
SAVE_MATTERS = """
INSERT INTO matters
(
    id, topic, unit, tier, sequence, opened_at, changed_at, clock_since, entry_level, closed_at,
    below_since, report_by, danger_at, news_at, danger_cleared_at, news_cleared_at, written
)
SELECT id, topic, unit, tier, sequence, opened_at, changed_at, clock_since, entry_level, closed_at,
    below_since, report_by, danger_at, news_at, danger_cleared_at, news_cleared_at,
    greatest(now64(6), (SELECT max(written) + toIntervalMicrosecond(1) FROM matters))
FROM format(JSONEachRow, $$
    id String, topic String, unit String, tier UInt8, sequence UInt32,
    opened_at DateTime64(3, 'UTC'), changed_at DateTime64(3, 'UTC'),
    clock_since DateTime64(3, 'UTC'), entry_level Nullable(UInt32),
    closed_at Nullable(DateTime64(3, 'UTC')), below_since Nullable(DateTime64(3, 'UTC')),
    report_by Nullable(DateTime64(3, 'UTC')), danger_at Nullable(DateTime64(3, 'UTC')),
    news_at Nullable(DateTime64(3, 'UTC')), danger_cleared_at Nullable(DateTime64(3, 'UTC')),
    news_cleared_at Nullable(DateTime64(3, 'UTC'))
$$, {rows:String})
"""
INSERT_EVENTS = """
INSERT INTO matter_events
(
    matter_id, sequence, topic, unit, at, kind, tier, reason, posts, concerns, stories, sites,
    sources, replies, views, coverage, report_by, state
)
SELECT matter_id, sequence, topic, unit, at, kind, tier, reason, posts, concerns, stories, sites,
    sources, replies, views, coverage, report_by, state
FROM format(JSONEachRow, $$
    matter_id String, sequence UInt32, topic String, unit String, at DateTime64(3, 'UTC'),
    kind String, tier UInt8, reason String, posts UInt32, concerns UInt32, stories UInt32,
    sites UInt32, sources UInt32, replies UInt64, views UInt64, coverage Float64,
    report_by Nullable(DateTime64(3, 'UTC')), state String
$$, {rows:String})
"""
MATTERS = """
SELECT id, topic, unit, tier, sequence, opened_at, changed_at, clock_since, entry_level, closed_at,
    below_since, report_by, danger_at, news_at, danger_cleared_at, news_cleared_at
FROM matters FINAL
WHERE closed_at IS NULL OR closed_at >= {since:DateTime64(3)}
"""
# Events that a crash kept from reaching their matter.
UNFINISHED = """
SELECT state FROM matter_events AS event FINAL
LEFT JOIN (SELECT id, sequence FROM matters FINAL) AS matter ON matter.id = event.matter_id
WHERE event.sequence > matter.sequence
ORDER BY event.matter_id, event.sequence
"""
EVENTS = """
SELECT matter_id, sequence, topic, unit, at, kind, tier, reason, posts, concerns, stories, sites,
    sources, replies, views, coverage, report_by
FROM matter_events FINAL
ORDER BY at DESC, matter_id, sequence DESC
LIMIT {limit:UInt32}
"""
EVENTS_SINCE = """
SELECT matter_id, sequence, topic, unit, at, kind, tier, reason, posts, concerns, stories, sites,
    sources, replies, views, coverage, report_by
FROM matter_events FINAL
WHERE at >= {since:DateTime64(3)}
ORDER BY at, matter_id, sequence
"""
DELIVERIES = """
SELECT event_id, channel, at, outcome, detail FROM deliveries
WHERE event_id IN {events:Array(String)}
ORDER BY event_id, channel, at
"""
ACTIONS = """
SELECT id, matter_id, kind, at, operator, note FROM actions FINAL
WHERE matter_id IN {matters:Array(String)}
ORDER BY at, id
"""


def load_matters(writer: Writer, since: datetime) -> list[Matter]:
    """All that are open, and those closed after `since`, as their last events left them."""
    matters = {row[0]: _matter(row) for row in writer.rows(MATTERS, {"since": since})}
    states = [msgspec.json.decode(row[0], type=Matter) for row in writer.rows(UNFINISHED)]
    unfinished = {matter.id: matter for matter in states}
    save_matters(writer, list(unfinished.values()))
    return list({**matters, **unfinished}.values())


def save_matters(writer: Writer, matters: Sequence[Matter]) -> None:
    rows = [dict(zip(MATTER_COLUMNS, _matter_row(m), strict=True)) for m in matters]
    write_rows(writer, SAVE_MATTERS, rows)


def insert_events(writer: Writer, changes: Sequence[tuple[Event, Matter]]) -> None:
    """Write events, each with the matter as it stands after it; before `save_matters`."""
    rows = [
        dict(zip(EVENT_COLUMNS, _event_row(event, matter), strict=True))
        for event, matter in changes
    ]
    write_rows(writer, INSERT_EVENTS, rows)


def last_events(store: Store, limit: int) -> list[Event]:
    """Newest first."""
    return [_event(row) for row in store.rows(EVENTS, {"limit": limit})]


def events_since(store: Store, since: datetime) -> list[Event]:
    """Oldest first."""
    return [_event(row) for row in store.rows(EVENTS_SINCE, {"since": since})]


def insert_deliveries(store: Store, deliveries: Sequence[Delivery]) -> None:
    rows = [(d.event_id, d.channel, d.at, d.outcome.value, d.detail) for d in deliveries]
    store.insert("deliveries", ("event_id", "channel", "at", "outcome", "detail"), rows)


def deliveries_of(store: Store, events: Sequence[str]) -> list[Delivery]:
    return [
        Delivery(event_id=e, channel=c, at=at, outcome=DeliveryOutcome(outcome), detail=detail)
        for some in parts_of(events)
        for e, c, at, outcome, detail in store.rows(DELIVERIES, {"events": some})
    ]


def insert_action(store: Store, action: Action) -> None:
    row = (
        action.id,
        action.matter_id,
        action.kind.value,
        action.at,
        action.operator,
        action.note,
    )
    store.insert("actions", ("id", "matter_id", "kind", "at", "operator", "note"), [row])


def actions_of(store: Store, matters: Sequence[str]) -> list[Action]:
    """Of each matter the oldest first."""
    return [
        Action(id=i, matter_id=matter, kind=ActionKind(kind), at=at, operator=operator, note=note)
        for some in parts_of(matters)
        for i, matter, kind, at, operator, note in store.rows(ACTIONS, {"matters": some})
    ]


def parts_of(ids: Sequence[str]) -> list[list[str]]:
    """As many at a time as a statement takes."""
    return [list(ids[at : at + IDS_AT_ONCE]) for at in range(0, len(ids), IDS_AT_ONCE)]


def write_rows(writer: Writer, sql: str, rows: Sequence[dict[str, object]]) -> None:
    """By a statement that reads them from {rows:String}, in several where they are many."""
    lines: list[bytes] = []
    for row in rows:
        line = msgspec.json.encode(row)
        if lines and sum(map(len, lines)) + len(line) > BYTES_AT_ONCE:
            writer.command(sql, {"rows": b"\n".join(lines).decode()})
            lines = []
        lines.append(line)
    if lines:
        writer.command(sql, {"rows": b"\n".join(lines).decode()})


def _matter_row(matter: Matter) -> Row:
    return (
        matter.id,
        matter.key.topic,
        matter.key.unit,
        int(matter.tier),
        *(getattr(matter, column) for column in MATTER_COLUMNS[4:]),
    )


def _matter(row: Row) -> Matter:
    fields: dict[str, Any] = dict(zip(MATTER_COLUMNS[4:], row[4:], strict=True))
    return Matter(id=row[0], key=MatterKey(row[1], row[2]), tier=Tier(row[3]), **fields)


def _event_row(event: Event, matter: Matter) -> Row:
    return (
        event.matter_id,
        event.sequence,
        event.key.topic,
        event.key.unit,
        event.at,
        event.kind.value,
        int(event.tier),
        event.reason.value,
        *msgspec.structs.astuple(event.window),
        event.report_by,
        msgspec.json.encode(matter).decode(),
    )


def _event(row: Row) -> Event:
    matter_id, sequence, topic, unit, at, kind, tier, reason, *window, report_by = row
    return Event(
        matter_id=matter_id,
        sequence=sequence,
        key=MatterKey(topic, unit),
        at=at,
        kind=EventKind(kind),
        tier=Tier(tier),
        reason=NotifyReason(reason),
        window=Window(**dict(zip(Window.__struct_fields__, window, strict=True))),
        report_by=report_by,
    )
