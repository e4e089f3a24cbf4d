"""The outbox: each event reaches each channel, once, in order; a repeat only under the same id."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from alerting.outbox import Outbox
from runtime.clock import ManualClock
from schemas.matters import DeliveryOutcome
from storage.leadership import Deposed
from storage.matters import deliveries_of, insert_events
from storage.store import Store
from tests.alerting.test_notifiers import EVENT, Recorder
from tests.made import START, matter, minutes
from tests.stores import chdb_store

NEVER_TOLD = minutes(-60)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with chdb_store(tmp_path) as found:
        yield found


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


def leads() -> None:
    """Nobody else does."""


def begun(store: Store, notifiers: list[Recorder], clock: ManualClock) -> Outbox:
    outbox = Outbox(store, notifiers, {}, clock)
    outbox.begin(store)
    return outbox


def write(store: Store, *sequences: int) -> None:
    events = [
        msgspec.structs.replace(EVENT, sequence=number, at=START + minutes(number))
        for number in sequences
    ]
    insert_events(store, [(event, matter()) for event in events])


def test_what_is_pending_is_sent_once_and_in_order(store: Store, clock: ManualClock) -> None:
    office = Recorder()
    outbox = begun(store, [office], clock)
    write(store, 2, 1)
    assert len(outbox.deliver(leads)) == 2
    assert outbox.deliver(leads) == []
    assert office.sent == ["food_safety-1.1", "food_safety-1.2"]


def test_after_a_crash_only_what_has_no_record_is_sent_under_the_same_id(
    store: Store, clock: ManualClock
) -> None:
    write(store, 1)
    begun(store, [Recorder()], clock).deliver(leads)
    write(store, 2)
    restarted = Recorder()
    begun(store, [restarted], clock).deliver(leads)
    assert restarted.sent == ["food_safety-1.2"]


def test_a_failing_channel_rests_longer_each_time_and_keeps_its_order(
    store: Store, clock: ManualClock
) -> None:
    office, other = Recorder(), Recorder("other")
    office.outcome = DeliveryOutcome.FAILED
    outbox = begun(store, [office, other], clock)
    write(store, 1, 2)
    outbox.deliver(leads)
    assert (office.sent, len(other.sent)) == (["food_safety-1.1"], 2)
    clock.advance(timedelta(seconds=14))
    assert outbox.deliver(leads) == []
    clock.advance(timedelta(seconds=1))
    outbox.deliver(leads)
    clock.advance(timedelta(seconds=29))
    assert outbox.deliver(leads) == []
    office.outcome = DeliveryOutcome.SENT
    clock.advance(timedelta(seconds=1))
    outbox.deliver(leads)
    assert office.sent == ["food_safety-1.1"] * 3 + ["food_safety-1.2"]
    outcomes = [
        d.outcome for d in deliveries_of(store, ["food_safety-1.1"]) if d.channel == "office"
    ]
    assert outcomes == [DeliveryOutcome.FAILED, DeliveryOutcome.FAILED, DeliveryOutcome.SENT]


def test_a_slow_channel_gets_the_rest_in_the_next_round(store: Store, clock: ManualClock) -> None:
    office, other = Recorder(), Recorder("other")
    outbox = begun(store, [office, other], clock)
    outbox.round_seconds = 0
    write(store, 1, 2)
    assert len(outbox.deliver(leads)) == 2
    assert outbox.pending == 2
    assert len(outbox.deliver(leads)) == 2
    assert office.sent == other.sent == ["food_safety-1.1", "food_safety-1.2"]


def test_a_rejected_event_does_not_hold_up_the_next(store: Store, clock: ManualClock) -> None:
    office = Recorder()
    office.outcome = DeliveryOutcome.REJECTED
    outbox = begun(store, [office], clock)
    write(store, 1, 2)
    outbox.deliver(leads)
    assert outbox.deliver(leads) == []
    assert office.sent == ["food_safety-1.1", "food_safety-1.2"]


def test_before_each_send_it_is_asked_whether_this_one_still_leads(
    store: Store, clock: ManualClock
) -> None:
    office = Recorder()
    outbox = begun(store, [office], clock)
    write(store, 1, 2)

    def prove() -> None:
        if office.sent:
            message = "another leads"
            raise Deposed(message)

    with pytest.raises(Deposed):
        outbox.deliver(prove)
    assert office.sent == ["food_safety-1.1"]
    assert len(outbox.deliver(leads)) == 1
    assert office.sent == ["food_safety-1.1", "food_safety-1.2"]


def test_a_rest_ends_when_the_clock_is_set_back(store: Store, clock: ManualClock) -> None:
    office = Recorder()
    office.outcome = DeliveryOutcome.FAILED
    outbox = begun(store, [office], clock)
    write(store, 1)
    assert len(outbox.deliver(leads)) == 1
    clock.advance(timedelta(days=-1))
    assert len(outbox.deliver(leads)) == 1


def test_a_channel_that_was_set_up_while_the_clock_was_ahead_is_told_what_comes_now(
    store: Store, clock: ManualClock
) -> None:
    clock.advance(timedelta(days=1))
    begun(store, [Recorder()], clock)
    clock.advance(timedelta(days=-1))
    write(store, 1)
    office = Recorder()
    assert len(begun(store, [office], clock).deliver(leads)) == 1


def test_a_channel_set_up_later_is_not_told_the_past(store: Store, clock: ManualClock) -> None:
    write(store, 1)
    clock.advance(minutes(30))
    late = Recorder("late")
    assert begun(store, [late], clock).deliver(leads) == []
