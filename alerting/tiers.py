"""The four tiers: a matter, its counts and the levels in; its standing and at most one event out.

Pure. The rules are those of the response plans: docs/architecture.md, "The four tiers".
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

from alerting.deadlines import report_by
from runtime.config import AlertRules, Period
from schemas.matters import (
    Action,
    ActionKind,
    Event,
    EventKind,
    Matter,
    MatterKey,
    NotifyReason,
    Tier,
)
from schemas.windows import DAY, WindowCounts

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Moment:
    """What a decision is taken on: one matter's counts, the time, and how much was watched."""

    key: MatterKey
    at: datetime
    counts: WindowCounts
    coverage: float


@dataclass(frozen=True)
class Levels:
    """alerts.toml and the calendar."""

    rules: AlertRules
    periods: Sequence[Period] = ()

    def is_key(self, moment: Moment) -> bool:
        """Whether the matter's topic is a key one, or the time lies in a key period."""
        return moment.key.topic in self.rules.key_topics or any(
            period.start <= moment.at < period.end for period in self.periods
        )


Decision = tuple[Matter | None, Event | None]


@dataclass(frozen=True)
class Standing:
    """A tier and why; `level` is the volume by which it was entered, None where none was."""

    tier: Tier
    reason: NotifyReason
    level: int | None = None


LOWEST = Standing(Tier.GENERAL, NotifyReason.CONCERNS)


def evaluate(matter: Matter | None, moment: Moment, levels: Levels) -> Decision:
    """The matter as it stands after this tick, and the event if its tier or state changed."""
    if matter is None or not matter.open:
        return _evaluate_closed(matter, moment, levels)
    return _evaluate_open(_latch(matter, moment), moment, levels)


def apply_actions(matter: Matter, actions: Sequence[Action]) -> Matter:
    """What operators did since: safe to apply again, since each only ends what is older than it.

    `reported` stops the clock that ran; `lower` takes off the latch that holds the tier.
    """
    for action in actions:
        if action.kind is ActionKind.REPORTED and action.at >= matter.clock_since:
            matter = replace(matter, report_by=None)
        if action.kind is ActionKind.LOWER:
            matter = _unlatch(matter, action.at)
    return matter


def _unlatch(matter: Matter, at: datetime) -> Matter:
    if matter.tier is Tier.GRAVE and matter.danger_at and matter.danger_at <= at:
        return replace(matter, danger_at=None, danger_cleared_at=at)
    if matter.tier is Tier.MAJOR and matter.news_at and matter.news_at <= at:
        return replace(matter, news_at=None, news_cleared_at=at)
    return matter


def _evaluate_closed(matter: Matter | None, moment: Moment, levels: Levels) -> Decision:
    since = matter.closed_at or NEVER if matter else NEVER
    if not _opens(moment.counts, since, levels.rules.opening.concerns):
        return matter, None
    again = timedelta(days=levels.rules.closing.reopen_days)
    if matter and moment.at - since <= again:
        kind = EventKind.REOPENED
        matter = replace(matter, closed_at=None, below_since=None, opened_at=moment.at)
    else:
        kind = EventKind.OPENED
        matter = _new_matter(moment)
    matter = replace(matter, danger_at=None, news_at=None, report_by=None)
    matter = _latch(matter, moment)
    standing = _standing(matter, moment, levels)
    if standing.reason is NotifyReason.NEWS and moment.counts.news_concern:
        standing = replace(standing, reason=NotifyReason.NEWS_CONCERN)
    return _change(matter, moment, levels, kind, standing)


def _opens(counts: WindowCounts, since: datetime, concerns: int) -> bool:
    """Enough concerns, one outlet's concern, or danger — that came since the last closing."""
    marks = (counts.danger, counts.news_concern)
    return (
        any(seen_at and seen_at > since for seen_at in marks)
        or sum(1 for opener in counts.openers if opener > since) >= concerns
    )


def _new_matter(moment: Moment) -> Matter:
    name = f"{moment.key.topic}\0{moment.key.unit}\0{moment.at.isoformat()}"
    return Matter(
        id=f"{moment.key.topic}-{blake2s(name.encode(), digest_size=5).hexdigest()}",
        key=moment.key,
        tier=Tier.GENERAL,
        sequence=0,
        opened_at=moment.at,
        changed_at=moment.at,
        clock_since=moment.at,
    )


def _latch(matter: Matter, moment: Moment) -> Matter:
    """Danger and news hold until an operator lowers them or the matter closes."""
    counts = moment.counts
    if not matter.danger_at and counts.danger and _is_new(counts.danger, matter.danger_cleared_at):
        matter = replace(matter, danger_at=moment.at)
    if not matter.news_at and counts.news and _is_new(counts.news, matter.news_cleared_at):
        matter = replace(matter, news_at=moment.at)
    return matter


def _is_new(seen_at: datetime, cleared_at: datetime | None) -> bool:
    return cleared_at is None or seen_at > cleared_at


def _evaluate_open(matter: Matter, moment: Moment, levels: Levels) -> Decision:
    standing = _standing(matter, moment, levels)
    watched = moment.coverage >= levels.rules.leaving.coverage
    if not moment.counts.active and watched and not _fresh(matter, moment):
        return _close(matter, moment)
    if standing.tier > matter.tier:
        return _change(matter, moment, levels, EventKind.RAISED, standing)
    if standing.tier < matter.tier and _latch_was_lifted(matter):
        operator = replace(standing, reason=NotifyReason.OPERATOR)
        return _change(matter, moment, levels, EventKind.LOWERED, operator)
    if standing.tier is matter.tier or _above_share(matter, moment, levels):
        return replace(matter, below_since=None), None
    since = matter.below_since or moment.at
    matter = replace(matter, below_since=since)
    long_enough = moment.at - since >= timedelta(hours=levels.rules.leaving.hours)
    if long_enough and watched:
        below = replace(standing, reason=NotifyReason.BELOW_LEVEL)
        return _change(matter, moment, levels, EventKind.LOWERED, below)
    return matter, None


def _fresh(matter: Matter, moment: Moment) -> bool:
    """Whether it was opened, or met danger or news, less than a day ago, be they late as may be."""
    met = (matter.opened_at, matter.danger_at, matter.news_at)
    return any(at and moment.at - at < DAY for at in met)


def _latch_was_lifted(matter: Matter) -> bool:
    """An operator's word that the tier's danger or news is dealt with came after the last event."""
    cleared = matter.danger_cleared_at if matter.tier is Tier.GRAVE else matter.news_cleared_at
    return cleared is not None and cleared >= matter.changed_at and matter.tier >= Tier.MAJOR


def _above_share(matter: Matter, moment: Moment, levels: Levels) -> bool:
    """Whether the measure is at the given share of the level by which the tier was entered.

    Growth is a condition of entering, not of staying. A tier that a latch gave was entered by no
    volume: it is measured like the others, at the share of the tier's own levels.
    """
    share = levels.rules.leaving.share
    if matter.entry_level is None:
        return _measured(moment, levels, share).tier >= matter.tier
    on_sites = moment.counts.sites >= levels.rules.tier2.sites
    return moment.counts.volume >= share * matter.entry_level and (
        on_sites or matter.tier is not Tier.LARGER
    )


def _standing(matter: Matter, moment: Moment, levels: Levels) -> Standing:
    """The tier that the latches and the entry levels give; of equals the latch is the reason."""
    measured = _measured(moment, levels, 1.0)
    if matter.danger_at:
        return Standing(Tier.GRAVE, NotifyReason.DANGER)
    if matter.news_at and measured.tier <= Tier.MAJOR:
        level = measured.level if measured.tier is Tier.MAJOR else None
        return Standing(Tier.MAJOR, NotifyReason.NEWS, level)
    return measured


def _measured(moment: Moment, levels: Levels, share: float) -> Standing:
    """The tier that volume and sites alone give, with every entry level multiplied by `share`."""
    counts, third = moment.counts, levels.rules.tier3
    if counts.volume >= share * third.volume:
        return Standing(Tier.MAJOR, NotifyReason.VOLUME, third.volume)
    if third.views is not None and counts.views >= share * third.views:
        return Standing(Tier.MAJOR, NotifyReason.VIEWS)
    growing = counts.growing and levels.is_key(moment)
    if growing and counts.volume >= share * third.key_growing_volume:
        return Standing(Tier.MAJOR, NotifyReason.KEY_GROWING, third.key_growing_volume)
    return _measured_larger(counts, levels, share)


def _measured_larger(counts: WindowCounts, levels: Levels, share: float) -> Standing:
    second = levels.rules.tier2
    if counts.sites < second.sites:
        return LOWEST
    if counts.volume >= share * second.volume:
        return Standing(Tier.LARGER, NotifyReason.VOLUME, second.volume)
    if second.views is not None and counts.views >= share * second.views:
        return Standing(Tier.LARGER, NotifyReason.VIEWS)
    if counts.growing and counts.volume >= share * second.growing_volume:
        return Standing(Tier.LARGER, NotifyReason.GROWING, second.growing_volume)
    return LOWEST


def _close(matter: Matter, moment: Moment) -> Decision:
    closed = replace(
        matter,
        closed_at=moment.at,
        changed_at=moment.at,
        sequence=matter.sequence + 1,
        report_by=None,
        below_since=None,
        danger_at=None,
        news_at=None,
        # Stored once more, with an edit, what it met is nothing new when it opens again.
        danger_cleared_at=moment.at,
        news_cleared_at=moment.at,
    )
    return closed, _event(closed, moment, EventKind.CLOSED, NotifyReason.QUIET)


def _change(
    matter: Matter, moment: Moment, levels: Levels, kind: EventKind, to: Standing
) -> Decision:
    """A raise keeps the earlier of the running and the new deadline; lowering keeps the running."""
    changed = replace(
        matter,
        tier=to.tier,
        entry_level=to.level,
        sequence=matter.sequence + 1,
        changed_at=moment.at,
        below_since=None,
    )
    if kind is not EventKind.LOWERED:
        new = report_by(to.tier, moment.at, levels.rules.report)
        due = min(matter.report_by, new) if matter.report_by else new
        changed = replace(changed, report_by=due, clock_since=moment.at)
    return changed, _event(changed, moment, kind, to.reason)


def _event(matter: Matter, moment: Moment, kind: EventKind, reason: NotifyReason) -> Event:
    return Event(
        matter_id=matter.id,
        sequence=matter.sequence,
        key=matter.key,
        at=moment.at,
        kind=kind,
        tier=matter.tier,
        reason=reason,
        window=moment.counts.window(moment.coverage),
        report_by=matter.report_by,
    )
