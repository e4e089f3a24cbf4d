"""Stored posts tagged again: only what differs, past a kill, beside edits and the alerter."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest

from alerting.leadership import Alone
from alerting.outbox import Outbox
from alerting.worker import Alerter, AlerterParts
from monitor.retag_work import RetagDesk, TagMany, retag
from runtime.clock import ManualClock
from runtime.health import HealthBoard
from runtime.metrics import Metrics
from runtime.settings import SHIPPED, load_config
from schemas.corrections import TagChange
from schemas.matters import EventKind, NotifyReason, Tier
from schemas.posts import Owed, RawPost, TaggedPost, Tags
from schemas.windows import WindowRules
from storage.corrections import tag_changes
from storage.counts import trend
from storage.matters import events_since
from storage.posts import insert_posts
from storage.retagging import RetagReport, RetagRequest
from storage.store import Store
from storage.windows import SqlWindows
from tests.alerting.test_notifiers import Recorder
from tests.made import START, minutes, raw_post, tagged, tags
from tests.stores import chdb_store

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
ALL = RetagRequest(since=START - 60 * DAY, operator="王")
NEVER = threading.Event()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with chdb_store(tmp_path) as opened:
        yield opened


def by_title(post: RawPost, version: str = "r2") -> Tags:
    """Rules by which a post is about what its title says."""
    danger = "火" in post.title
    owed = Owed.COMPLAINT if danger or "投诉" in post.title else Owed.MENTION
    topic = "fees" if "收费" in post.title else "food_safety"
    return tags(topics=(topic,), owed=owed, danger=danger, rules_version=version)


def rules(posts: Sequence[RawPost]) -> Sequence[Tags]:
    return [by_title(post) for post in posts]


def again(
    store: Store, request: RetagRequest = ALL, tag_many: TagMany = rules, hours: float = 0
) -> RetagReport:
    desk = RetagDesk(store, tag_many, ManualClock(START + hours * HOUR))
    return retag(desk, request, lambda _: None, NEVER)


def fill(store: Store, titles: Sequence[str], version: str = "r1") -> None:
    posts = [raw_post(str(n), START + n * HOUR, title=title) for n, title in enumerate(titles)]
    insert_posts(store, [stored(post, version, topics=("exams",)) for post in posts])


def stored(post: RawPost, version: str = "r2", **fields: object) -> TaggedPost:
    told = msgspec.structs.replace(by_title(post, version), **fields)
    return msgspec.structs.replace(tagged(post), tags=told)


def test_what_differs_is_written_back_and_a_mark_is_left(store: Store) -> None:
    fill(store, ["投诉收费", "收费", "饭菜"])
    insert_posts(store, [stored(raw_post("9"))])
    report = again(store)
    assert (report.posts, report.written, report.changed, report.state) == (4, 3, 3, "done")
    assert report.before == {"topic exams": 3, "topic food_safety": 1, **owing(1, 3)}
    assert report.after == {"topic fees": 2, "topic food_safety": 2, **owing(1, 3)}
    (mark,) = tag_changes(store, START)
    assert mark == TagChange(
        at=START,
        since=ALL.since,
        rules_version="r2",
        model_version="",
        posts=4,
        changed=3,
        operator="王",
    )
    repeated = again(store, hours=1)
    assert (repeated.posts, repeated.written, repeated.changed) == (4, 0, 0)
    assert tag_changes(store, START) == [mark]


def owing(complaints: int, mentions: int) -> dict[str, int]:
    return {"owed complaint": complaints, "owed mention": mentions}


def test_another_version_alone_is_written_and_changes_no_tag(store: Store) -> None:
    fill(store, ["收费"])
    again(store)
    newer = again(store, tag_many=lambda posts: [by_title(post, "r3") for post in posts])
    assert (newer.written, newer.changed) == (1, 0)
    assert store.rows("SELECT rules_version FROM v_posts") == [("r3",)]


def test_a_dry_run_writes_nothing(store: Store) -> None:
    fill(store, ["投诉收费", "起火"])
    before = store.rows("SELECT * FROM posts ORDER BY id")
    report = again(store, msgspec.structs.replace(ALL, dry_run=True))
    assert (report.written, report.changed) == (2, 2)
    assert report.after == {
        "topic fees": 1,
        "topic food_safety": 1,
        "owed complaint": 2,
        "danger": 1,
    }
    assert store.rows("SELECT * FROM posts ORDER BY id") == before
    assert tag_changes(store, START) == []


def test_only_the_span_is_looked_at(store: Store) -> None:
    fill(store, ["收费"] * 5)
    report = again(store, RetagRequest(since=START + HOUR, until=START + 3 * HOUR))
    assert report.posts == 2
    versions = "SELECT rules_version FROM v_posts ORDER BY id"
    assert [version for (version,) in store.rows(versions)] == ["r1", "r2", "r2", "r1", "r1"]


KILLED = """
import os, signal, sys, threading
import storage.retagging
from monitor.retag_work import RetagDesk, retag
from runtime.clock import ManualClock
from storage.store import Store
from tests.made import START
from tests.monitor.test_retag import ALL, rules

storage.retagging.SLICE_POSTS = 10
store = Store(sys.argv[1])

def tell(report):
    if report.posts >= 20:
        os.kill(os.getpid(), signal.SIGKILL)

retag(RetagDesk(store, rules, ManualClock(START)), ALL, tell, threading.Event())
"""


def test_after_a_kill_the_same_command_goes_on(tmp_path: Path) -> None:
    with chdb_store(tmp_path) as store:
        fill(store, ["收费"] * 50)
    command = [sys.executable, "-c", KILLED, f"chdb://{tmp_path}/store"]
    assert subprocess.run(command, timeout=60, check=False).returncode == -signal.SIGKILL
    with chdb_store(tmp_path) as store:
        done = "SELECT countIf(rules_version = 'r2'), count() FROM v_posts"
        assert store.rows(done) == [(20, 50)]
        (cut_off,) = tag_changes(store, START)
        assert (cut_off.posts, cut_off.changed) == (20, 20)
        report = again(store, hours=1)
        assert (report.posts, report.changed) == (50, 30)
        assert store.rows(done) == [(50, 50)]
        assert len(tag_changes(store, START)) == 2


def test_it_ends_when_the_process_is_to_stop(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.retagging.SLICE_POSTS", 10)
    fill(store, ["收费"] * 50)
    stop = threading.Event()
    desk = RetagDesk(store, rules, ManualClock(START))
    report = retag(desk, ALL, lambda _: stop.set(), stop)
    assert (report.state, report.posts) == ("stopped", 10)


def test_an_edit_that_arrives_while_it_tags_stands(store: Store) -> None:
    fill(store, ["收费", "收费"])

    def slow(posts: Sequence[RawPost]) -> Sequence[Tags]:
        insert_posts(store, [tagged(raw_post("1", START + HOUR, title="改过"))])
        return rules(posts)

    again(store, tag_many=slow)
    titles = "SELECT title, rules_version FROM v_posts ORDER BY id"
    assert store.rows(titles) == [("收费", "r2"), ("改过", "")]


@dataclass
class Office:
    """An alerter over the store, as it runs once a minute."""

    store: Store
    clock: ManualClock
    notifier: Recorder

    def __post_init__(self) -> None:
        parts = AlerterParts(
            config=load_config(SHIPPED),
            store=self.store,
            leadership=Alone(),
            windows=SqlWindows(self.store, WindowRules(3, ("praise",))),
            outbox=Outbox(self.store, [self.notifier], {}, self.clock),
            clock=self.clock,
            board=HealthBoard(self.clock),
            metrics=Metrics(),
        )
        self.alerter = Alerter(parts)

    def tick(self) -> list[tuple[EventKind, Tier, NotifyReason]]:
        self.clock.advance(minutes(1))
        self.alerter.run_once()
        return [(e.kind, e.tier, e.reason) for e in events_since(self.store, START)]


@pytest.fixture
def office(store: Store) -> Office:
    return Office(store, ManualClock(START + 3 * DAY), Recorder())


def test_an_old_wave_that_is_found_now_warns_nobody_and_is_counted(office: Office) -> None:
    fill(office.store, ["起火", "投诉收费", "投诉收费", "投诉收费"])
    assert office.tick() == []
    again(office.store)
    assert office.tick() == []
    assert office.notifier.sent == []
    assert trend(office.store, "fees", "", (START, START + DAY)) == [
        (START + n * HOUR, 1, 1) for n in (1, 2, 3)
    ]
    assert trend(office.store, "exams", "", (START, START + HOUR))[0][1:] == (0, 0)


def test_what_was_seen_today_opens_once_it_is_tagged_so(office: Office) -> None:
    now = office.clock.now()
    posts = [raw_post(str(n), now - n * HOUR, title="投诉收费") for n in range(3)]
    insert_posts(office.store, [tagged(post, owed=Owed.MENTION) for post in posts])
    assert office.tick() == []
    again(office.store)
    opened = (EventKind.OPENED, Tier.GENERAL, NotifyReason.CONCERNS)
    assert office.tick() == [opened]
    assert len(office.notifier.sent) == 1
    assert office.tick() == [opened]


def test_danger_found_anew_warns_by_when_it_was_first_seen(office: Office) -> None:
    """Within a day of its first sight, however late it is tagged so; after that no more."""
    now = office.clock.now()
    late = raw_post("late", now - 25 * HOUR, title="起火", url="http://a.example/1")
    insert_posts(office.store, [tagged(late, owed=Owed.MENTION)])
    again(office.store)
    assert office.tick() == []
    recent = raw_post("recent", now - 23 * HOUR, title="起火", url="http://a.example/2")
    insert_posts(office.store, [tagged(recent, owed=Owed.MENTION)])
    assert office.tick() == []
    again(office.store)
    assert office.tick() == [(EventKind.OPENED, Tier.GRAVE, NotifyReason.DANGER)]
