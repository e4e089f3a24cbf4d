"""The alerter over a real store: which event at which time, through crashes and operators."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from alerting.leadership import Alone, Leadership
from alerting.outbox import Outbox
from alerting.worker import Alerter, AlerterParts
from runtime.clock import ManualClock
from runtime.config import Config, Source
from runtime.errors import RetryLater
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import SHIPPED, load_config
from schemas.matters import Action, ActionKind, EventKind, MatterKey, NotifyReason, Tier
from schemas.posts import SourceKind
from schemas.windows import WindowRules
from storage.counts import set_mark, trend
from storage.leadership import take_lead
from storage.matters import events_since, insert_action
from storage.migrate import migrate
from storage.posts import insert_posts
from storage.store import Params, Store
from storage.windows import SqlWindows
from tests.alerting.test_notifiers import Recorder
from tests.made import START, minutes, raw_post, tagged
from tests.stores import chdb_store

CONFIG = load_config(SHIPPED)
ALONE = Alone()


@dataclass
class Office:
    """A store, a clock and an alerter that can be killed and started again."""

    store: Store
    clock: ManualClock
    notifier: Recorder
    config: Config = CONFIG

    def alerter(
        self,
        leadership: Leadership = ALONE,
        clock: ManualClock | None = None,
        board: HealthBoard | None = None,
    ) -> Alerter:
        rules = WindowRules(3, ("praise",))
        return Alerter(
            AlerterParts(
                config=self.config,
                store=self.store,
                leadership=leadership,
                windows=SqlWindows(self.store, rules),
                outbox=Outbox(self.store, [self.notifier], {}, clock or self.clock),
                clock=clock or self.clock,
                board=board or HealthBoard(self.clock),
                metrics=Metrics(),
            )
        )

    def events(self) -> list[tuple[EventKind, Tier]]:
        return [(event.kind, event.tier) for event in events_since(self.store, START)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with chdb_store(tmp_path) as store:
        yield Office(store, ManualClock(START), Recorder())


def complain(office: Office, *names: str, **fields: object) -> None:
    at = office.clock.now()
    insert_posts(office.store, [tagged(raw_post(name, at), "", **fields) for name in names])


def test_a_matter_opens_is_raised_and_each_is_sent(office: Office) -> None:
    alerter = office.alerter()
    complain(office, "1", "2")
    alerter.run_once()
    assert office.events() == []
    office.clock.advance(minutes(1))
    complain(office, "3")
    alerter.run_once()
    office.clock.advance(minutes(1))
    complain(office, "4", danger=True)
    alerter.run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GENERAL), (EventKind.RAISED, Tier.GRAVE)]
    assert len(office.notifier.sent) == 2
    assert trend(office.store, "food_safety", "", (START, START)) == [(START, 4, 4)]


def test_one_minute_is_decided_once(office: Office) -> None:
    alerter = office.alerter()
    complain(office, "1", "2", "3")
    alerter.run_once()
    office.clock.advance(timedelta(seconds=20))
    complain(office, "4", danger=True)
    assert alerter.run_once() == []


def test_a_restarted_alerter_goes_on_where_the_last_one_stood(office: Office) -> None:
    complain(office, "1", "2", "3")
    office.alerter().run_once()
    for _ in range(3):
        office.clock.advance(minutes(1))
        office.alerter().run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GENERAL)]
    assert len(office.notifier.sent) == 1


def test_a_kill_between_the_writes_leaves_no_second_event(office: Office) -> None:
    complain(office, "1", "2", "3")
    office.alerter().run_once()
    office.store.command("TRUNCATE TABLE matters")
    office.clock.advance(minutes(1))
    office.alerter().run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GENERAL)]


def act(office: Office, kind: ActionKind) -> None:
    matter_id = events_since(office.store, START)[0].matter_id
    action = Action(
        id=kind.value,
        matter_id=matter_id,
        kind=kind,
        at=office.clock.now(),
        operator="王",
        note="已到校核实，无人就医",
    )
    insert_action(office.store, action)


def test_an_operator_reports_and_lowers(office: Office) -> None:
    alerter = office.alerter()
    complain(office, "1", danger=True)
    alerter.run_once()
    office.clock.advance(minutes(5))
    act(office, ActionKind.REPORTED)
    office.clock.advance(minutes(5))
    act(office, ActionKind.LOWER)
    alerter.run_once()
    last = events_since(office.store, START)[-1]
    assert (last.kind, last.tier) == (EventKind.LOWERED, Tier.GENERAL)
    assert (last.reason, last.report_by) == (NotifyReason.OPERATOR, None)
    office.clock.advance(minutes(1))
    alerter.run_once()
    assert len(office.events()) == 2


def test_nothing_closes_while_the_sources_are_not_watched(office: Office) -> None:
    source = Source(id="bbs", name="论坛", kind=SourceKind.FORUM, url="http://bbs.example/")
    office.config = CONFIG.model_copy(update={"sources": (source,)})
    complain(office, "1", "2", "3")
    office.alerter().run_once()
    office.clock.advance(minutes(49 * 60))
    office.alerter().run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GENERAL)]
    office.config = CONFIG
    office.clock.advance(minutes(1))
    office.alerter().run_once()
    assert office.events()[-1] == (EventKind.CLOSED, Tier.GENERAL)


def test_history_counts_but_warns_of_nothing(office: Office) -> None:
    old = START - minutes(25 * 60)
    posts = [raw_post(str(n), old) for n in range(9)]
    insert_posts(office.store, [tagged(post, danger=True) for post in posts])
    office.alerter().run_once()
    assert events_since(office.store, old) == []
    hours = trend(office.store, "food_safety", "", (old - minutes(60), START))
    assert [row[1] for row in hours] == [9]


def test_danger_that_came_in_before_an_outage_warns_after_it(office: Office) -> None:
    office.alerter().run_once()
    at = office.clock.now()
    seen = tagged(raw_post("1", at, seen_at=at + minutes(1)), danger=True)
    insert_posts(office.store, [seen])
    office.clock.advance(minutes(3 * 24 * 60))
    alerter = office.alerter()
    alerter.run_once()
    office.clock.advance(minutes(24 * 60 - 1))
    alerter.run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GRAVE)]


def test_danger_that_is_tagged_days_after_it_was_seen_still_warns(office: Office) -> None:
    at = office.clock.now()
    alerter = office.alerter()
    for _ in range(3):
        alerter.run_once()
        office.clock.advance(minutes(24 * 60))
    found = tagged(raw_post("1", at, seen_at=at + minutes(1)), danger=True)
    insert_posts(office.store, [found])
    alerter.run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GRAVE)]


def test_what_a_crash_cut_off_is_decided_by_the_next_alerter(office: Office) -> None:
    office.alerter().run_once()
    at = office.clock.now()
    insert_posts(office.store, [tagged(raw_post("1", at, seen_at=at + minutes(1)), danger=True)])
    office.clock.advance(minutes(1))
    set_mark(take_lead(office.store), "decided", office.clock.now())  # and no more of the minute
    office.clock.advance(minutes(2 * 24 * 60))
    office.alerter().run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GRAVE)]


def test_an_edit_of_danger_that_a_closed_matter_met_is_nothing_new(office: Office) -> None:
    at, alerter = office.clock.now(), office.alerter()
    met = tagged(raw_post("1", at, seen_at=at + minutes(1)), danger=True)
    office.clock.advance(minutes(1))
    insert_posts(office.store, [met])
    alerter.run_once()
    office.clock.advance(minutes(49 * 60))
    alerter.run_once()
    assert office.events()[-1] == (EventKind.CLOSED, Tier.GRAVE)
    office.clock.advance(minutes(24 * 60))
    complain(office, "a", "b", "c")
    insert_posts(office.store, [met])
    alerter.run_once()
    assert office.events()[-1] == (EventKind.REOPENED, Tier.GENERAL)
    assert alerter.run_once() == []


class SlowToDelete(Store):
    """Its deletions are not answered in time."""

    deletions = 0

    def command(self, sql: str, params: Params | None = None) -> None:
        if sql.lstrip().startswith(("ALTER TABLE posts DELETE", "ALTER TABLE posts DROP")):
            self.deletions += 1
            message = "the store does not answer"
            raise RetryLater(message)
        super().command(sql, params)


def test_a_deletion_that_takes_long_is_not_asked_for_again_each_round(tmp_path: Path) -> None:
    store = SlowToDelete(f"chdb://{tmp_path}/slow")
    with closing(store):
        migrate(store)
        office = Office(store, ManualClock(START), Recorder())
        complain(office, "1", "2", "3")
        office.clock.advance(timedelta(days=CONFIG.settings.data.retention_days, hours=1))
        alerter = office.alerter()
        with pytest.raises(RetryLater):
            alerter.run_once()
        for _ in range(3):
            office.clock.advance(minutes(1))
            alerter.run_once()
        assert store.deletions == 1
        office.clock.advance(minutes(60))
        with pytest.raises(RetryLater):
            alerter.run_once()
        assert store.deletions == 2


def test_texts_go_after_the_retention_and_counts_stay(office: Office) -> None:
    alerter = office.alerter()
    complain(office, "1")
    alerter.run_once()
    office.clock.advance(timedelta(days=90, hours=2))
    alerter.run_once()
    assert office.store.rows("SELECT count() FROM posts") == [(0,)]
    assert [row[1] for row in trend(office.store, "food_safety", "", (START, START))] == [1]


def test_state_survives_a_store_that_fails_in_the_middle(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was decided but not written is decided again from the store, not from memory."""
    alerter = office.alerter()
    complain(office, "1", "2", "3")
    command: Callable[..., None] = office.store.command

    def failing(sql: str, *more: object) -> None:
        if "INSERT INTO matter_events" in sql:
            message = "away"
            raise RuntimeError(message)
        command(sql, *more)

    monkeypatch.setattr(office.store, "command", failing)
    with pytest.raises(RuntimeError):
        alerter.run_once()
    monkeypatch.undo()
    office.clock.advance(minutes(1))
    alerter.run_once()
    assert office.events() == [(EventKind.OPENED, Tier.GENERAL)]


def test_the_key_of_a_matter_is_its_topic_and_unit(office: Office) -> None:
    complain(office, "1", "2", "3", units=("一小",))
    office.alerter().run_once()
    (event,) = events_since(office.store, START)
    assert event.key == MatterKey("food_safety", "一小")
    assert event.at == datetime(2026, 11, 2, 0, 0, tzinfo=START.tzinfo)
