"""An alerter that does not lead, or can't know whether it does; clocks that differ or leap."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.clock import ManualClock
from runtime.config import Source
from runtime.errors import RetryLater
from runtime.health import HealthBoard, StageHealth
from schemas.matters import EventKind, Tier
from schemas.posts import SourceKind
from storage.counts import mark
from storage.leadership import Deposed
from storage.matters import events_since
from storage.store import Store
from tests.alerting.test_notifiers import Recorder
from tests.alerting.test_worker import CONFIG, Office, complain
from tests.made import START, minutes
from tests.stores import chdb_store

OPENED, RAISED = (EventKind.OPENED, Tier.GENERAL), (EventKind.RAISED, Tier.GRAVE)
FILLED = (
    "SELECT (SELECT count() FROM marks) + (SELECT count() FROM leader_terms)"
    " + (SELECT count() FROM hourly_counts) + (SELECT count() FROM matter_events)"
)
SOURCE = Source(id="bbs", name="论坛", kind=SourceKind.FORUM, url="http://bbs.example/")


class Told:
    """A leadership that says what a test sets; None while it can't be known."""

    def __init__(self, leads: bool | None) -> None:
        self.leads = leads

    def holds(self) -> bool:
        if self.leads is None:
            message = "Kafka at 127.0.0.1:1 does not answer"
            raise RetryLater(message)
        return self.leads


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with chdb_store(tmp_path) as store:
        yield Office(store, ManualClock(START), Recorder())


def health(board: HealthBoard) -> StageHealth:
    (stage,) = board.stages()
    return stage


def posts(store: Store) -> int:
    ((count,),) = store.rows("SELECT count() FROM posts")
    return int(count)


def test_one_that_stands_by_is_well_and_touches_nothing(office: Office) -> None:
    board = HealthBoard(office.clock)
    alerter = office.alerter(Told(False), board=board)
    complain(office, "1", "2", "3")
    office.clock.advance(timedelta(days=120))
    assert alerter.run_once() == []
    assert office.store.rows(FILLED) == [(0,)]
    assert posts(office.store) == 3
    stage = health(board)
    assert (stage.ok_at, stage.problem, stage.standing_by) == (office.clock.now(), "", True)
    assert "another alerter leads" in stage.notice


def test_one_that_stands_by_tells_when_nobody_decides(office: Office) -> None:
    """As when a program that is no alerter holds the lead."""
    board, lead = HealthBoard(office.clock), Told(True)
    alerter = office.alerter(lead, board=board)
    alerter.run_once()
    lead.leads = False
    office.clock.advance(minutes(10))
    alerter.run_once()
    assert health(board).problem == ""
    office.clock.advance(minutes(1))
    alerter.run_once()
    stage = health(board)
    assert stage.problem.startswith("stands by, and nobody has decided since 2026-")
    assert stage.standing_by
    office.alerter().run_once()
    alerter.run_once()
    assert health(board).problem == ""


def test_the_next_one_goes_on_and_the_former_one_stands_by(office: Office) -> None:
    first, second = Told(True), Told(False)
    one, other = office.alerter(first), office.alerter(second)
    complain(office, "1", "2", "3")
    one.run_once()
    first.leads, second.leads = False, True
    office.clock.advance(minutes(1))
    complain(office, "4", danger=True)
    assert one.run_once() == []
    other.run_once()
    office.clock.advance(minutes(1))
    assert one.run_once() == other.run_once() == []
    assert office.events() == [OPENED, RAISED]
    assert len(office.notifier.sent) == 2


def test_one_that_lost_its_lead_is_told_so_and_takes_a_new_term(office: Office) -> None:
    one, other = office.alerter(), office.alerter()
    complain(office, "1", "2", "3")
    one.run_once()
    other.run_once()
    with pytest.raises(Deposed):
        one.run_once()
    office.clock.advance(minutes(1))
    assert one.run_once() == []
    assert office.events() == [OPENED]


def test_while_nobody_can_prove_its_lead_nothing_is_decided_and_it_says_so(office: Office) -> None:
    """What holds when it is known again is told then, once."""
    board, told = HealthBoard(office.clock), Told(True)
    alerter = office.alerter(told, board=board)
    alerter.run_once()
    told.leads = None
    for number in range(10):
        office.clock.advance(minutes(1))
        complain(office, str(number), danger=number == 5)
        with pytest.raises(RetryLater, match="Kafka"):
            alerter.run_once()
    assert office.events() == []
    told.leads = True
    for _ in range(3):
        office.clock.advance(minutes(1))
        alerter.run_once()
    (event,) = events_since(office.store, START)
    assert (event.kind, event.tier, event.at) == (EventKind.OPENED, Tier.GRAVE, START + minutes(11))
    assert office.notifier.sent == [event.id]


def test_the_loop_tells_what_it_waits_for_and_asks_again_soon(office: Office) -> None:
    board, stop = HealthBoard(office.clock), threading.Event()

    class Twice(Told):
        def holds(self) -> bool:
            if office.clock.now() > START:
                stop.set()
            return super().holds()

    office.alerter(Twice(None), board=board).run(stop, 16)
    assert "Kafka at 127.0.0.1:1 does not answer" in health(board).problem
    assert office.clock.now() == START + timedelta(seconds=4)


def test_a_leader_whose_clock_is_behind_leaves_decided_minutes_alone(office: Office) -> None:
    office.alerter().run_once()
    slow = ManualClock(START - timedelta(seconds=9))
    complain(office, "1", "2", "3")
    board = HealthBoard(slow)
    behind = office.alerter(clock=slow, board=board)
    assert behind.run_once() == []
    assert health(board).problem == ""
    slow.advance(timedelta(seconds=30))
    assert behind.run_once() == []
    slow.advance(minutes(1))
    behind.run_once()
    assert [event.at for event in events_since(office.store, START)] == [START + minutes(1)]


def test_a_clock_that_is_minutes_behind_is_told(office: Office) -> None:
    office.alerter().run_once()
    slow = ManualClock(START - minutes(5))
    board = HealthBoard(slow)
    behind = office.alerter(clock=slow, board=board)
    complain(office, "1", "2", "3")
    assert behind.run_once() == []
    assert "the clock is 5 min behind the minute that was decided last" in health(board).problem
    slow.advance(minutes(6))
    behind.run_once()
    assert (health(board).problem, office.events()) == ("", [OPENED])


def test_a_clock_that_leaps_ahead_and_back_changes_no_tier(office: Office) -> None:
    """Ahead, nothing was watched: nothing is lowered or closed. Back, it goes on from there."""
    office.config = CONFIG.model_copy(update={"sources": (SOURCE,)})
    alerter = office.alerter()
    complain(office, "1", "2", "3")
    alerter.run_once()
    for leap in (timedelta(days=3), timedelta(days=-3)):
        office.clock.advance(leap + minutes(1))
        alerter.run_once()
    assert office.events() == [OPENED]
    assert mark(office.store, "decided") == START + minutes(2)
    office.clock.advance(minutes(1))
    complain(office, "4", danger=True)
    alerter.run_once()
    assert office.events() == [OPENED, RAISED]
    assert len(office.notifier.sent) == 2
