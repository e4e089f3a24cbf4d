"""A matter (a topic at a unit), its four tiers, and the events, deliveries and actions on it."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum

import msgspec


class Tier(IntEnum):
    """The plans' own Roman numerals run the other way: print names and colours, never numbers."""

    GENERAL = 1
    LARGER = 2
    MAJOR = 3
    GRAVE = 4


TIER_NAMES = {
    Tier.GENERAL: "一般",
    Tier.LARGER: "较大",
    Tier.MAJOR: "重大",
    Tier.GRAVE: "特别重大",
}


class EventKind(StrEnum):
    OPENED = "opened"
    RAISED = "raised"
    LOWERED = "lowered"
    CLOSED = "closed"
    REOPENED = "reopened"


class NotifyReason(StrEnum):
    """Why an event was written; the strongest of the conditions that held."""

    CONCERNS = "concerns"  # enough concerns within 24 h
    NEWS_CONCERN = "news_concern"  # an outlet's post that is itself a concern or danger
    VOLUME = "volume"
    GROWING = "growing"  # a lower volume, but growing
    KEY_GROWING = "key_growing"  # growing, on a key topic or in a key period
    VIEWS = "views"
    NEWS = "news"  # an outlet reports a matter that is open
    DANGER = "danger"
    BELOW_LEVEL = "below_level"  # long enough below the share of the entry level
    OPERATOR = "operator"  # an operator lowered it, with a reason of theirs
    QUIET = "quiet"  # no concern, news or danger for long enough


class MatterKey(msgspec.Struct, frozen=True, order=True):
    """What a matter is about. `unit` is empty for the whole area."""

    topic: str
    unit: str


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """The numbers of the last 24 h on which a decision was taken.

    `posts` counts all, mentions too; `replies` and `views` are gains within the window; `coverage`
    is the share of due polls that went well.
    """

    posts: int
    concerns: int
    stories: int
    sites: int
    sources: int
    replies: int
    views: int
    coverage: float


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """One change of a matter, written once, by the alerter. Its id is (matter id, sequence)."""

    matter_id: str
    sequence: int
    key: MatterKey
    at: datetime
    kind: EventKind
    tier: Tier
    reason: NotifyReason
    window: Window
    report_by: datetime | None

    @property
    def id(self) -> str:
        return f"{self.matter_id}.{self.sequence}"


@dataclass(frozen=True)
class Matter:
    """Where a matter stands. Times are None while they do not apply.

    `entry_level`: the volume by which the tier was entered, None where a latch gave it;
    `clock_since`: when the report-by clock was last started; `below_since`: the measure has been
    too low for the tier; `danger_at`, `news_at`: latched since; `danger_cleared_at`,
    `news_cleared_at`: up to when an operator, or the closing, has dealt with such posts.
    """

    id: str
    key: MatterKey
    tier: Tier
    sequence: int
    opened_at: datetime
    changed_at: datetime
    clock_since: datetime
    entry_level: int | None = None
    closed_at: datetime | None = None
    below_since: datetime | None = None
    report_by: datetime | None = None
    danger_at: datetime | None = None
    news_at: datetime | None = None
    danger_cleared_at: datetime | None = None
    news_cleared_at: datetime | None = None

    @property
    def open(self) -> bool:
        return self.closed_at is None


class DeliveryOutcome(StrEnum):
    SENT = "sent"
    FAILED = "failed"  # may be tried again
    REJECTED = "rejected"  # the receiver will never take it


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One try to send one event through one channel."""

    event_id: str
    channel: str
    at: datetime
    outcome: DeliveryOutcome
    detail: str


class ActionKind(StrEnum):
    """What an operator does with a matter; acknowledging is not reporting."""

    ACKNOWLEDGE = "acknowledge"
    REPORTED = "reported"
    CONFIRM = "confirm"
    LOWER = "lower"


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the audit trail. `operator` is the office's own staff, as they sign.

    `note`: for `lower` the reason, for `reported` to whom it was reported.
    """

    id: str
    matter_id: str
    kind: ActionKind
    at: datetime
    operator: str
    note: str
