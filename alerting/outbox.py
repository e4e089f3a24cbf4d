"""Sends each event once through each channel, in order, until there is a record that it went.

An event without such a record is pending: after a crash it is sent again under the same event id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from alerting.notifiers import Notifier
from alerting.wording import word
from runtime.clock import Clock, stopwatch
from schemas.matters import Delivery, DeliveryOutcome, Event
from storage.counts import EPOCH, mark, set_mark
from storage.leadership import Writer
from storage.matters import deliveries_of, events_since, insert_deliveries
from storage.store import Store

KEEP_TRYING = timedelta(hours=48)
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=10)
# What is decided each minute must not wait for long for a channel that is slow to answer.
ROUND_SECONDS = 20.0


@dataclass
class _Channel:
    """`since`: a channel set up later is not told what came before it."""

    notifier: Notifier
    since: datetime = EPOCH
    failures: int = 0
    next_try: datetime = EPOCH
    settled: set[str] = field(default_factory=set)


class Outbox:
    def __init__(
        self, store: Store, notifiers: Sequence[Notifier], topics: Mapping[str, str], clock: Clock
    ) -> None:
        self.store, self.topics, self.clock = store, topics, clock
        self.channels = [_Channel(notifier) for notifier in notifiers]
        self.pending = 0
        self.round_seconds = ROUND_SECONDS

    def begin(self, writer: Writer) -> None:
        """From which moment on each channel is told of events; called before the first of them."""
        latest = self.clock.now() - timedelta(minutes=1)  # events are dated to the minute
        for channel in self.channels:
            name = f"channel {channel.notifier.name}"
            channel.since = mark(writer, name)
            # One set up while a clock was ahead would miss what comes now.
            if channel.since == EPOCH or channel.since > latest:
                channel.since = latest
                set_mark(writer, name, latest)

    def deliver(self, prove: Callable[[], None]) -> list[Delivery]:
        """Try what is pending; returns what was tried. A failing channel rests, in its order; of a
        slow one the rest is left to the next round.

        `prove` raises when this process does not lead any more; it is asked before each send, so
        that only one that was paused in the middle of a send may repeat what another has sent.
        """
        now = self.clock.now()
        # A rest that is longer than any began before the clock was set back: it is over.
        ready = [
            channel
            for channel in self.channels
            if not now < channel.next_try <= now + LONGEST_PAUSE
        ]
        events = events_since(self.store, now - KEEP_TRYING) if ready else []
        self._forget_settled(ready, events)
        tried = []
        for channel in ready:
            tried += self._deliver(channel, events, prove)
        if ready:
            self.pending = sum(_is_pending(c, event) for c in self.channels for event in events)
        return tried

    def _forget_settled(self, channels: Sequence[_Channel], events: Sequence[Event]) -> None:
        """Learn from the store which events were settled, by this process or one before it."""
        unknown = {
            event.id
            for channel in channels
            for event in events
            if event.id not in channel.settled and event.at >= channel.since
        }
        if not unknown:
            return
        for record in deliveries_of(self.store, sorted(unknown)):
            if record.outcome is not DeliveryOutcome.FAILED:
                for channel in channels:
                    if channel.notifier.name == record.channel:
                        channel.settled.add(record.event_id)

    def _deliver(
        self, channel: _Channel, events: Sequence[Event], prove: Callable[[], None]
    ) -> list[Delivery]:
        tried: list[Delivery] = []
        enough = stopwatch() + self.round_seconds
        for event in events:
            if not _is_pending(channel, event):
                continue
            if tried and stopwatch() >= enough:
                break
            prove()
            delivery = self._send(channel, event)
            tried.append(delivery)
            insert_deliveries(self.store, [delivery])
            if delivery.outcome is DeliveryOutcome.FAILED:
                pause = min(FIRST_PAUSE * 2**channel.failures, LONGEST_PAUSE)
                channel.failures += 1
                channel.next_try = self.clock.now() + pause
                break
            channel.failures = 0
            channel.settled.add(event.id)
        return tried

    def _send(self, channel: _Channel, event: Event) -> Delivery:
        outcome, detail = channel.notifier.send(word(event, self.topics))
        return Delivery(
            event_id=event.id,
            channel=channel.notifier.name,
            at=self.clock.now(),
            outcome=outcome,
            detail=detail,
        )


def _is_pending(channel: _Channel, event: Event) -> bool:
    return event.id not in channel.settled and event.at >= channel.since
