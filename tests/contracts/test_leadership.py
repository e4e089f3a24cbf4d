"""One contract for the lead on chDB and on a real server: a former leader stores nothing more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import msgspec
import pytest

from runtime.errors import RetryLater
from schemas.matters import Event, Tier
from storage.counts import freeze, mark, recount, set_mark, trend
from storage.leadership import RUNNING, Deposed, Lead, Writer, take_lead
from storage.matters import events_since, insert_events, load_matters, save_matters
from storage.posts import insert_posts
from storage.store import Store
from tests.alerting.test_notifiers import EVENT
from tests.engines.process import wait_until
from tests.made import START, matter, minutes, raw_post, tagged

SLOW = """
INSERT INTO marks (name, at)
SELECT 'slow', now64(3) FROM (SELECT sum(sleepEachRow(0.5)) FROM numbers(4))
"""

# As if written while the server's clock was a day ahead.
AHEAD = (
    "INSERT INTO marks SELECT * REPLACE (written + INTERVAL 1 DAY AS written) FROM marks",
    "INSERT INTO matters SELECT * REPLACE (written + INTERVAL 1 DAY AS written) FROM matters",
    "INSERT INTO hourly_counts "
    "SELECT * REPLACE (counted + INTERVAL 1 DAY AS counted) FROM hourly_counts",
)


def event(sequence: int = 1) -> Event:
    return msgspec.structs.replace(EVENT, sequence=sequence)


def test_each_term_is_higher_than_the_last_and_the_last_one_leads(store: Store) -> None:
    first, second = take_lead(store), take_lead(store)
    assert (first.number, second.number) == (1, 2)
    assert first.holder != second.holder
    second.prove()
    with pytest.raises(Deposed, match=r"another alerter took the lead \(term 2, this one had 1\)"):
        first.prove()


def test_of_two_terms_with_one_number_one_leads(store: Store) -> None:
    """Both were taken in the same moment, each without seeing the other."""
    for holder in ("b", "a"):
        store.command(
            "INSERT INTO leader_terms (number, holder) SELECT 7, {h:String}", {"h": holder}
        )
    Lead(store, 7, "b").prove()
    with pytest.raises(Deposed):
        Lead(store, 7, "a").prove()
    assert take_lead(store).number == 8


def test_the_leader_writes_what_a_store_would_hold(store: Store) -> None:
    lead = take_lead(store)
    standing = matter(Tier.MAJOR, id="m", danger_at=START, entry_level=5)
    odd = matter(id="引号'\"\\\n\t{x:String}%s$$", sequence=2, closed_at=START + minutes(1))
    insert_events(lead, [(event(), standing)])
    save_matters(lead, [standing, odd])
    assert events_since(store, START) == [event()]
    found = load_matters(lead, START)
    assert sorted(found, key=lambda each: each.sequence) == [standing, odd]


def test_more_rows_than_one_statement_takes_all_arrive(store: Store) -> None:
    lead = take_lead(store)
    unit = "青禾区第一小学" * 20
    many = [matter(id=f"{unit}-{number}") for number in range(120)]
    insert_events(lead, [(msgspec.structs.replace(EVENT, matter_id=m.id), m) for m in many])
    assert len(load_matters(lead, START)) == 120
    assert len(events_since(store, START)) == 120
    assert store.rows("SELECT count() FROM matters") == [(120,)]


@pytest.mark.parametrize(
    "write",
    [
        lambda writer: save_matters(writer, [matter()]),
        lambda writer: insert_events(writer, [(event(), matter())]),
        lambda writer: set_mark(writer, "job", START + minutes(9)),
        lambda writer: freeze(writer, START + minutes(9)),
        recount,
    ],
    ids=["matters", "events", "mark", "frozen", "counts"],
)
def test_a_former_leader_stores_nothing_and_is_told(
    store: Store, write: Callable[[Writer], object]
) -> None:
    insert_posts(store, [tagged(raw_post())])
    former = take_lead(store)
    take_lead(store)
    with pytest.raises(Deposed):
        write(former)
    for table in ("matters", "matter_events", "marks", "hourly_counts"):
        found = store.rows("SELECT count() FROM {table:Identifier}", {"table": table})
        assert found == [(0,)], table


def test_a_term_begins_when_nothing_of_an_earlier_one_can_be_stored_any_more(store: Store) -> None:
    """It passed its condition before the next term was there, so its rows are still to come."""
    former = take_lead(store)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(former.command, SLOW)
        wait_until(lambda: store.rows(RUNNING) == [(1,)], "the slow statement runs", 10)
        with pytest.raises(RetryLater, match="waits for 1 statements of an earlier alerter"):
            take_lead(store)
        assert mark(store, "slow").year == 1970
        with pytest.raises(Deposed):
            writing.result()
    assert take_lead(store).number == 3
    assert mark(store, "slow").year > 1970


def test_what_is_written_later_stands_though_the_servers_clock_went_back(store: Store) -> None:
    insert_posts(store, [tagged(raw_post())])
    set_mark(store, "job", START)
    save_matters(store, [matter(below_since=START)])
    recount(store)
    for statement in AHEAD:
        store.command(statement)
    insert_posts(store, [tagged(raw_post("2"))])
    recount(store)
    set_mark(store, "job", START + minutes(1))
    save_matters(store, [matter()])
    assert trend(store, "food_safety", "", (START, START)) == [(START, 2, 2)]
    assert mark(store, "job") == START + minutes(1)
    assert load_matters(store, START) == [matter()]


def test_posts_are_counted_after_the_servers_clock_went_back(store: Store) -> None:
    insert_posts(store, [tagged(raw_post())])
    recount(store)
    ((now,),) = store.rows("SELECT now64(3)")
    set_mark(store, "counted", now + timedelta(days=1))
    insert_posts(store, [tagged(raw_post("2"))])
    assert recount(store) == 1
    assert mark(store, "counted") < now + timedelta(hours=1)
    assert trend(store, "food_safety", "", (START, START)) == [(START, 2, 2)]
