"""One tick, from counts to changes: what the running alerter and replay both do. Pure.

The order of a tick is: operators' actions, then the tiers; what comes out is written, then sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from alerting.tiers import Levels, Moment, apply_actions, evaluate
from schemas.matters import Action, Event, Matter, MatterKey


@dataclass(frozen=True)
class Change:
    """A matter that no longer stands as it did; `event` if people are to be told."""

    matter: Matter
    event: Event | None


def follow(
    matters: Mapping[MatterKey, Matter],
    moments: Iterable[Moment],
    actions: Mapping[str, Sequence[Action]],
    levels: Levels,
) -> list[Change]:
    """At most one change, and so one event, for each moment's matter; sorted by topic and unit."""
    changes = []
    for moment in sorted(moments, key=lambda moment: moment.key):
        before = matters.get(moment.key)
        acted = before
        if before and before.open:
            acted = apply_actions(before, actions.get(before.id, ()))
        after, event = evaluate(acted, moment, levels)
        if after is not None and after != before:
            changes.append(Change(after, event))
    return changes
