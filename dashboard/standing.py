"""What operators' actions make of a matter: acknowledged, reported, confirmed, being lowered. Pure.

The page and actions.py ask the same questions here, so that a form never offers what is refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.matters import Action, ActionKind, Matter, Tier


def latch_of(matter: Matter) -> datetime | None:
    """Since when danger or news, not numbers, has held the tier; an operator may lower that."""
    if matter.tier is Tier.GRAVE:
        return matter.danger_at
    return matter.news_at if matter.tier is Tier.MAJOR else None


def danger_of(matter: Matter) -> datetime | None:
    """Since when a text alone has held the top tier; an operator is to confirm or lower that."""
    return matter.danger_at if matter.tier is Tier.GRAVE else None


@dataclass(frozen=True)
class Standing:
    """The latest action of each kind that still counts; one before the last raise doesn't."""

    acknowledged: Action | None
    acknowledged_before: bool
    reported: Action | None
    confirmed: Action | None
    lowered: Action | None


def standing(matter: Matter, actions: Sequence[Action]) -> Standing:
    def last(kind: ActionKind, since: datetime | None) -> Action | None:
        found = [a for a in actions if a.kind is kind and since and a.at >= since]
        return max(found, key=lambda action: action.at, default=None)

    acknowledged = last(ActionKind.ACKNOWLEDGE, matter.clock_since)
    return Standing(
        acknowledged=acknowledged,
        acknowledged_before=acknowledged is None
        and any(action.kind is ActionKind.ACKNOWLEDGE for action in actions),
        reported=last(ActionKind.REPORTED, matter.clock_since),
        confirmed=last(ActionKind.CONFIRM, danger_of(matter)),
        lowered=last(ActionKind.LOWER, latch_of(matter)),
    )
