"""Warnings on their way: events that a channel has neither taken nor refused yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.matters import Delivery, DeliveryOutcome
from storage.counts import EPOCH, mark
from storage.matters import deliveries_of, events_since
from storage.store import Store

# The alerter gives an event up after so long.
KEPT_TRYING = timedelta(hours=48)


@dataclass(frozen=True)
class PendingDelivery:
    """`detail`: of the last try; empty before the first."""

    event_id: str
    channel: str
    since: datetime
    tries: int
    detail: str


def pending(store: Store, channels: Sequence[str], at: datetime) -> tuple[PendingDelivery, ...]:
    """Oldest first. A channel that was set up later is not told what came before it."""
    events = events_since(store, at - KEPT_TRYING) if channels else []
    tries = deliveries_of(store, [event.id for event in events]) if events else []
    begins = {channel: mark(store, f"channel {channel}") for channel in channels}
    return tuple(
        _pending(event.id, channel, event.at, made)
        for event in events
        for channel in channels
        if EPOCH < begins[channel] <= event.at
        and not _settled(made := _made(tries, event.id, channel))
    )


def _made(tries: Sequence[Delivery], event_id: str, channel: str) -> list[Delivery]:
    return [each for each in tries if (each.event_id, each.channel) == (event_id, channel)]


def _settled(made: Sequence[Delivery]) -> bool:
    return any(each.outcome is not DeliveryOutcome.FAILED for each in made)


def _pending(
    event_id: str, channel: str, since: datetime, made: Sequence[Delivery]
) -> PendingDelivery:
    detail = made[-1].detail if made else ""
    return PendingDelivery(event_id, channel, since, len(made), detail)
