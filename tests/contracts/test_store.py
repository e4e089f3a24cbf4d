"""One contract for the store on chDB and on a real ClickHouse server over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from runtime.config import Source
from schemas.matters import (
    Action,
    ActionKind,
    Delivery,
    DeliveryOutcome,
    Event,
    EventKind,
    MatterKey,
    NotifyReason,
    Tier,
    Window,
)
from schemas.posts import Owed, Poll, PollOutcome, SourceKind
from storage.counts import freeze, mark, recount, set_mark, trend
from storage.matter_windows import windows_of
from storage.matters import (
    actions_of,
    deliveries_of,
    events_since,
    insert_action,
    insert_deliveries,
    insert_events,
    last_events,
    load_matters,
    save_matters,
)
from storage.migrate import migrate, shipped
from storage.polls import coverage, health
from storage.posts import drop_before, insert_engagement, insert_polls, insert_posts
from storage.store import Store, StoreError
from tests.made import START, matter, minutes, raw_post, reading, tagged


def test_migrations_are_applied_once(store: Store) -> None:
    assert migrate(store) == []
    rows = store.rows("SELECT number, name FROM schema_migrations FINAL ORDER BY number")
    assert rows == [(migration.number, migration.name) for migration in shipped()]


def test_times_are_datetime64_in_utc_everywhere(store: Store) -> None:
    """DateTime loses its zone on the way through chDB."""
    found = store.rows(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() "
        "AND type LIKE '%DateTime%'"
    )
    assert len(found) > 20
    assert [row for row in found if "DateTime64" not in row[2] or "UTC" not in row[2]] == []


def test_a_post_comes_back_as_it_went_in(store: Store) -> None:
    post = raw_post("帖1", thread_id="t", updated_at=START + minutes(3))
    insert_posts(store, [tagged(post, units=("第一小学",), topics=("fees", "exams"))])
    columns = "id, counted_at, published_at, updated_at, thread, topics, category, units, owed"
    ((*row,),) = store.rows(f"SELECT {columns} FROM posts FINAL")  # noqa: S608
    assert row == [
        "帖1",
        START,
        START,
        START + minutes(3),
        "t",
        ["fees", "exams"],
        "fees",
        ["第一小学"],
        "complaint",
    ]


def test_each_post_carries_what_it_was_tagged_by(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("1"), rules_version="r1", model_version="m1")])
    versions = "SELECT rules_version, model_version FROM v_posts"
    assert store.rows(versions) == [("r1", "m1")]
    insert_posts(store, [tagged(raw_post("1"), rules_version="r2")])
    assert store.rows(versions) == [("r2", "")]


def test_storing_again_replaces(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("1"), owed=Owed.MENTION)])
    insert_posts(store, [tagged(raw_post("1"), owed=Owed.QUESTION)])
    assert store.rows("SELECT owed FROM posts FINAL") == [("question",)]


def test_a_failed_query_leaves_no_rows_behind(store: Store) -> None:
    """chDB hands the blocks of a query that failed part-way to the next one."""
    failing = "SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_block_size = 1000"
    for _ in range(3):
        with pytest.raises(StoreError):
            store.rows(failing)
        assert store.rows("SELECT 7") == [(7,)]
        insert_posts(store, [tagged(raw_post("1"))])


def test_asking_is_read_only_and_does_not_stick(store: Store) -> None:
    assert store.ask("SELECT 1 AS one", "JSONEachRow") == b'{"one":1}\n'
    for statement in ("DROP TABLE posts", "INSERT INTO marks (name, at) VALUES ('x', now())"):
        with pytest.raises(StoreError) as refused:
            store.ask(statement, "TSV")
        assert refused.value.code == 164
    set_mark(store, "still writable", START)


def test_asking_is_limited_in_rows(store: Store) -> None:
    with pytest.raises(StoreError, match="Limit for result exceeded"):
        store.ask("SELECT number FROM numbers(200000)", "TSV")


def test_each_thread_has_its_own_handle(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(lambda n: store.rows("SELECT {n:Int64}", {"n": n}), range(40))
    assert [rows[0][0] for rows in answers] == list(range(40))


def test_hourly_counts_follow_the_posts(store: Store) -> None:
    post = raw_post("1")
    insert_posts(store, [tagged(post, topics=("fees", "exams"), units=("一小",), danger=True)])
    assert recount(store) == 1
    sql = "SELECT unit, topic, posts, concerns, danger FROM hourly_counts FINAL ORDER BY ALL"
    assert store.rows(sql) == [
        ("*", "", 1, 1, 1),
        ("一小", "", 1, 1, 1),
        ("一小", "exams", 1, 1, 1),
        ("一小", "fees", 1, 1, 1),
    ]
    insert_posts(store, [tagged(post, topics=("fees",), owed=Owed.MENTION)])
    recount(store)
    assert store.rows(sql) == [
        ("", "", 1, 0, 0),
        ("", "fees", 1, 0, 0),
        ("*", "", 1, 0, 0),
        ("一小", "", 0, 0, 0),
        ("一小", "exams", 0, 0, 0),
        ("一小", "fees", 0, 0, 0),
    ]
    assert trend(store, "fees", "", (START, START)) == [(START, 1, 0)]


def test_counts_stay_when_their_texts_go(store: Store) -> None:
    old, new = raw_post("old"), raw_post("new", START + minutes(180))
    insert_posts(store, [tagged(old), tagged(new)])
    insert_engagement(store, [reading(old, START, 5), reading(new, new.seen_at, 5)])
    recount(store)
    border = START + minutes(60)
    freeze(store, border)
    assert drop_before(store, border) == 1
    recount(store)
    assert store.rows("SELECT id FROM posts") == [("new",)]
    assert store.rows("SELECT id FROM engagement") == [("new",)]
    assert store.rows("SELECT sum(posts) FROM hourly_counts FINAL WHERE unit = '*'") == [(2,)]
    insert_posts(store, [tagged(old)])
    recount(store)
    assert store.rows("SELECT sum(posts) FROM hourly_counts FINAL WHERE unit = '*'") == [(2,)]


def test_readings_and_polls_go_also_where_no_post_does(store: Store) -> None:
    insert_engagement(store, [reading(raw_post("1"), START, 5)])
    insert_polls(store, polls(3))
    assert drop_before(store, START + minutes(21)) == 0
    assert store.rows("SELECT count() FROM engagement") == [(0,)]
    assert store.rows("SELECT count() FROM polls FINAL") == [(1,)]


def test_whole_months_go_as_partitions(store: Store) -> None:
    days = (0, 40, 80)
    insert_posts(store, [tagged(raw_post(str(n), START + timedelta(days=n))) for n in days])
    assert drop_before(store, START + timedelta(days=80)) == 2
    assert store.rows("SELECT id FROM posts") == [("80",)]
    months = (
        "SELECT count() FROM system.mutations WHERE table = 'posts' AND NOT is_done "
        "AND database = currentDatabase()"
    )
    assert store.rows(months) == [(0,)]


def event(sequence: int = 1, at: timedelta = timedelta()) -> Event:
    return Event(
        matter_id="m",
        sequence=sequence,
        key=MatterKey("food_safety", "一小"),
        at=START + at,
        kind=EventKind.OPENED,
        tier=Tier.MAJOR,
        reason=NotifyReason.VOLUME,
        window=Window(
            posts=1,
            concerns=1,
            stories=1,
            sites=1,
            sources=1,
            replies=500,
            views=10,
            coverage=0.875,
        ),
        report_by=START + minutes(120),
    )


def test_events_come_back_whole_and_once(store: Store) -> None:
    standing = matter(Tier.MAJOR, id="m", key=event().key)
    for _ in range(2):
        insert_events(store, [(event(), standing), (event(2, minutes(1)), standing)])
    assert events_since(store, START) == [event(), event(2, minutes(1))]
    assert last_events(store, 1) == [event(2, minutes(1))]


def test_a_matter_catches_up_with_an_event_that_a_crash_cut_off(store: Store) -> None:
    before = matter(id="m", key=event().key, sequence=1)
    save_matters(store, [before])
    after = matter(Tier.MAJOR, id="m", key=event().key, sequence=2, danger_at=START)
    insert_events(store, [(event(2), after)])
    assert load_matters(store, START) == [after]
    assert store.rows("SELECT sequence FROM matters FINAL") == [(2,)]


def test_closed_matters_are_loaded_while_they_may_reopen(store: Store) -> None:
    closed = matter(id="m", closed_at=START)
    save_matters(store, [closed])
    assert load_matters(store, START) == [closed]
    assert load_matters(store, START + minutes(1)) == []


def test_deliveries_and_actions_are_kept(store: Store) -> None:
    delivery = Delivery(
        event_id="m.1", channel="wecom", at=START, outcome=DeliveryOutcome.FAILED, detail="HTTP 500"
    )
    insert_deliveries(store, [delivery])
    assert deliveries_of(store, ["m.1"]) == [delivery]
    action = Action(
        id="a", matter_id="m", kind=ActionKind.LOWER, at=START, operator="王", note="误报"
    )
    insert_action(store, action)
    insert_action(store, action)
    assert actions_of(store, ["m"]) == [action]


def test_more_ids_than_one_statement_takes(store: Store) -> None:
    """An alerter that starts asks about all events of two days."""
    many = [f"bullying_violence-{number:010x}.1" for number in range(4_000)]
    deliveries = [
        Delivery(event_id=each, channel="c", at=START, outcome=DeliveryOutcome.SENT, detail="")
        for each in (many[0], many[-1])
    ]
    insert_deliveries(store, deliveries)
    assert deliveries_of(store, many) == deliveries
    assert actions_of(store, many) == []
    assert windows_of(store, many) == {}


SOURCE = Source(
    id="a", name="A", kind=SourceKind.FORUM, url="http://a.example/", interval_minutes=10
)


def polls(count: int, outcome: PollOutcome = PollOutcome.OK) -> list[Poll]:
    one = Poll(
        source="a", at=START, outcome=outcome, status=200, listed=1, new=1, bytes=9, message="x"
    )
    return [msgspec.structs.replace(one, at=START + minutes(10 * n)) for n in range(1, count + 1)]


def test_coverage_is_the_share_of_the_window_that_good_polls_cover(store: Store) -> None:
    day, end = timedelta(hours=24), START + timedelta(hours=24)
    assert coverage(store, [SOURCE], end, day) == 0
    insert_polls(store, polls(144, PollOutcome.TIMEOUT))
    assert coverage(store, [SOURCE], end, day) == 0
    insert_polls(store, polls(72))
    assert coverage(store, [SOURCE], end, day) == pytest.approx(0.5 + 20 / 1440, abs=0.001)
    insert_polls(store, polls(144))
    assert coverage(store, [SOURCE], end, day) == 1
    silent = SOURCE.model_copy(update={"id": "b"})
    assert coverage(store, [SOURCE, silent], end, day) == 0.5
    assert coverage(store, [], end, day) == 1


def test_health_tells_the_last_poll_of_each_source(store: Store) -> None:
    insert_polls(store, [*polls(3), *polls(4, PollOutcome.HTTP_ERROR)[3:]])
    (found,) = health(store, START, START + minutes(40))
    assert (found.outcome, found.last_at) == (PollOutcome.HTTP_ERROR, START + minutes(40))
    assert found.good_at == START + minutes(30)


def test_marks_remember_how_far_a_job_came(store: Store) -> None:
    assert mark(store, "job").year == 1970
    set_mark(store, "job", START)
    set_mark(store, "job", START + minutes(1))
    assert mark(store, "job") == START + minutes(1)
