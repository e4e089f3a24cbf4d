"""The whole page as typed views: facts of one moment and a language in, what templates print out.

Pure: no store, no clock, no HTTP. app.py calls `build`.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from dashboard.cards import Badge, Card, State, badge, card, unit_name
from dashboard.charts import Chart, chart
from dashboard.facts import ALL_POSTS, Facts
from dashboard.tagging import topic_name
from dashboard.times import duration, long_moment, moment
from dashboard.watching import SourceLine, StageLine, source_lines, stage_lines
from dashboard.words import Words
from schemas.matters import Delivery, DeliveryOutcome, Event, Matter, Tier


@dataclass(frozen=True)
class Head:
    """`tiers`: a badge and the number of open matters of each tier that has any."""

    now: str
    demo: bool
    open: int
    tiers: tuple[tuple[Badge, int], ...]
    overdue: int
    unacknowledged: int
    coverage: str
    coverage_state: State


@dataclass(frozen=True)
class ClosedLine:
    badge: Badge
    topic: str
    unit: str
    opened: str
    closed: str
    lasted: str


@dataclass(frozen=True)
class DeliveryLine:
    channel: str
    state: State
    word: str
    detail: str


@dataclass(frozen=True)
class EventLine:
    at: str
    badge: Badge
    kind: str
    topic: str
    unit: str
    reason: str
    numbers: str
    deliveries: tuple[DeliveryLine, ...]


@dataclass(frozen=True)
class Page:
    title: str
    head: Head
    cards: tuple[Card, ...]
    empty: str
    closed: tuple[ClosedLine, ...]
    events: tuple[EventLine, ...]
    sources: tuple[SourceLine, ...]
    stages: tuple[StageLine, ...]
    trend: Chart


def build(facts: Facts, words: Words) -> Page:
    cards = tuple(card(matter, facts, words) for matter in facts.open)
    head = _head(facts, cards, words)
    watch = facts.watch
    return Page(
        title=_title(head, words),
        head=head,
        cards=cards,
        empty="" if cards else _empty(facts, words),
        closed=tuple(_closed(matter, facts, words) for matter in facts.closed),
        events=tuple(_event(event, facts, words) for event in facts.events),
        sources=source_lines(watch, facts.config.sources, facts.at, words),
        stages=stage_lines(watch, facts.at, words),
        trend=chart(facts.hours.get(ALL_POSTS, {}), facts.at, words, facts.changes),
    )


def share(part: float) -> str:
    """Cut, not rounded: 99.96 % watched is not all of it."""
    return f"{int(part * 1000) / 10:g}%"


def _title(head: Head, words: Words) -> str:
    tiers = " ".join(f"{tier.name} {n}" for tier, n in head.tiers)
    return f"{tiers or words('none_open')} · {words('product')}"


def _head(facts: Facts, cards: Sequence[Card], words: Words) -> Head:
    tiers = Counter(matter.tier for matter in facts.open)
    known = bool(facts.config.sources)
    enough = facts.watch.coverage >= facts.config.alerts.leaving.coverage
    return Head(
        now=long_moment(facts.at),
        demo=facts.demo,
        open=len(cards),
        tiers=tuple(
            (badge(tier, words), tiers[tier]) for tier in sorted(Tier, reverse=True) if tiers[tier]
        ),
        overdue=sum(card.overdue for card in cards),
        unacknowledged=sum(not card.acknowledged for card in cards),
        coverage=share(facts.watch.coverage) if known else words("coverage_unknown"),
        coverage_state="good" if known and enough else "bad",
    )


def _empty(facts: Facts, words: Words) -> str:
    """What no open matter means, and what to do."""
    if not facts.config.sources:
        return words("empty_no_sources")
    coverage = share(facts.watch.coverage)
    if facts.watch.coverage < facts.config.alerts.leaving.coverage:
        return words("empty_incomplete", coverage=coverage)
    posts = sum(facts.watch.posts.values())
    concerns = facts.config.alerts.opening.concerns
    return words("empty_calm", coverage=coverage, posts=posts, concerns=concerns)


def _closed(matter: Matter, facts: Facts, words: Words) -> ClosedLine:
    closed_at = matter.closed_at or facts.at
    return ClosedLine(
        badge=badge(matter.tier, words),
        topic=topic_name(facts.config, matter.key.topic, words),
        unit=unit_name(matter.key, words),
        opened=moment(matter.opened_at),
        closed=moment(closed_at),
        lasted=duration(closed_at - matter.opened_at, words),
    )


def _event(event: Event, facts: Facts, words: Words) -> EventLine:
    window = event.window
    numbers = words(
        "event_numbers",
        posts=window.posts,
        concerns=window.concerns,
        sites=window.sites,
        replies=window.replies,
        coverage=share(window.coverage),
    )
    return EventLine(
        at=moment(event.at),
        badge=badge(event.tier, words),
        kind=words(f"event_{event.kind.value}"),
        topic=topic_name(facts.config, event.key.topic, words),
        unit=unit_name(event.key, words),
        reason=words(f"reason_{event.reason.value}"),
        numbers=numbers,
        deliveries=_deliveries(facts.deliveries.get(event.id, ()), words),
    )


def _deliveries(tries: Sequence[Delivery], words: Words) -> tuple[DeliveryLine, ...]:
    """The last try of each channel, but once sent is sent."""
    last: dict[str, Delivery] = {}
    for delivery in sorted(tries, key=_order):
        last[delivery.channel] = delivery
    return tuple(_delivery(last[channel], words) for channel in sorted(last))


def _order(delivery: Delivery) -> tuple[bool, datetime]:
    return delivery.outcome is DeliveryOutcome.SENT, delivery.at


def _delivery(delivery: Delivery, words: Words) -> DeliveryLine:
    sent = delivery.outcome is DeliveryOutcome.SENT
    return DeliveryLine(
        channel=delivery.channel,
        state="good" if sent else "bad",
        word=words(delivery.outcome.value),
        detail=moment(delivery.at) if sent else delivery.detail,
    )
