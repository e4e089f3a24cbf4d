"""One contract for corrections, and for posts that are tagged again, on chDB and ClickHouse."""

import threading
from datetime import UTC, date, datetime, timedelta
from itertools import chain

import msgspec
import pytest

from monitor.retag_work import RetagDesk, retag
from runtime.clock import ManualClock
from schemas.corrections import Correction, Labels, TagChange
from schemas.posts import Owed, SourceKind, TaggedPost, Why
from storage.correcting import (
    CorrectionProblem,
    CorrectionRefused,
    CorrectionRequest,
    write_correction,
)
from storage.corrections import (
    agreement,
    corrections,
    insert_correction,
    insert_tag_change,
    labelled_posts,
    tag_changes,
)
from storage.counts import NOW, freeze, recount
from storage.posts import POST_COLUMNS, drop_before, insert_posts, post_row
from storage.retagging import RetagRequest, StoredPost, read_slice, slices, write_back
from storage.store import Store
from tests.made import START, minutes, raw_post, tagged, tags

FEES = Labels(topics=("fees", "exams"), owed=Owed.QUESTION, danger=False)
HOUR = timedelta(hours=1)
FAR = datetime(2200, 1, 1, tzinfo=UTC)
TOPICS = ("fees", "exams", "food_safety", "transport", "not_education")


def correction(said: Labels = FEES, at: timedelta = timedelta(), **fields: object) -> Correction:
    given: dict[str, object] = {
        "source": "bbs",
        "post_id": "1",
        "counted_at": START,
        "operator": "王",
        "was": FEES,
        "rules_version": "r1",
        "model_version": "m1",
    }
    return Correction(said=said, at=START + at, **{**given, **fields})  # type: ignore[arg-type]


def other(**fields: object) -> Labels:
    return msgspec.structs.replace(FEES, **fields)


def test_the_last_judgement_of_each_operator_on_each_post_counts(store: Store) -> None:
    first, again = correction(other(danger=True)), correction(at=HOUR, note="想了想")
    second = correction(other(department="基教科"), 2 * HOUR, operator="李")
    for each in (first, again, second, again):
        insert_correction(store, each)
    told = msgspec.structs.replace(again, note="")
    assert corrections(store, START) == [second, told]
    assert corrections(store, START + 2 * HOUR) == [second]
    assert (told.agrees, second.agrees) == (True, False)


def test_agreement_is_counted_by_week_and_versions(store: Store) -> None:
    said = [
        correction(),
        correction(other(topics=("exams", "fees")), post_id="2"),
        correction(other(topics=("fees",)), post_id="3"),
        correction(other(owed=Owed.MENTION, danger=True), post_id="4"),
        # Thought again, and once more under other rules.
        correction(other(topics=("transport",)), post_id="5"),
        correction(post_id="5", at=HOUR),
        correction(post_id="5", at=2 * HOUR, rules_version="r2"),
        correction(at=timedelta(days=7)),
    ]
    for each in said:
        insert_correction(store, each)
    rows = [
        (
            each.week,
            each.rules_version,
            each.judged,
            each.first,
            each.topics,
            each.owed,
            each.danger,
        )
        for each in agreement(store, START - HOUR)
    ]
    monday = date(2026, 11, 2)
    assert rows == [
        (monday, "r1", 4, 3, 3, 3, 3),
        (monday, "r2", 1, 1, 1, 1, 1),
        (monday + timedelta(days=7), "r1", 1, 1, 1, 1, 1),
    ]


def test_labelled_posts_are_those_whose_texts_are_stored(store: Store) -> None:
    kept = raw_post("1", title="收费", body="太贵", source_kind=SourceKind.SOCIAL)
    insert_posts(store, [tagged(kept), tagged(raw_post("unjudged"))])
    insert_correction(store, correction(other(danger=True)))
    insert_correction(store, correction(at=HOUR, operator="李"))
    insert_correction(store, correction(post_id="gone"))
    (found,) = labelled_posts(store)
    assert (found.title, found.body, found.source_kind) == ("收费", "太贵", SourceKind.SOCIAL)
    assert found.labels == FEES


def test_a_note_goes_with_the_text_and_the_labels_stay(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("1"))])
    insert_correction(store, correction(note="原文说了三件事"))
    later = correction(post_id="2", counted_at=START + 2 * HOUR, note="还在")
    insert_correction(store, later)
    drop_before(store, START + HOUR)
    notes = "SELECT post_id, note FROM corrections FINAL ORDER BY post_id"
    assert store.rows(notes) == [("1", ""), ("2", "还在")]
    assert len(corrections(store, START)) == 2
    assert sum(each.judged for each in agreement(store, START)) == 2


def test_a_tag_change_under_way_replaces_its_own_mark(store: Store) -> None:
    mark = TagChange(
        at=START, since=START - HOUR, rules_version="r2", model_version="", posts=5, changed=1
    )
    done = msgspec.structs.replace(mark, posts=9, changed=2, operator="王")
    next_one = TagChange(at=START + HOUR, since=START, rules_version="r3", model_version="m")
    for each in (mark, done, next_one):
        insert_tag_change(store, each)
    assert tag_changes(store, START) == [done, next_one]
    assert tag_changes(store, START + minutes(1)) == [next_one]


def wants(**fields: object) -> CorrectionRequest:
    given: dict[str, object] = {"source": "bbs", "post_id": "1", "operator": "王"}
    return CorrectionRequest(**{**given, **fields})  # type: ignore[arg-type]


def test_what_is_not_said_stays_as_it_is_tagged(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("1"), rules_version="r1", topics=("fees", "exams"))])
    clock = ManualClock(START + HOUR)
    asked = wants(owed="mention", note="电话 13800001234")
    written = write_correction(store, asked, clock, TOPICS)
    assert written.was == Labels(topics=("fees", "exams"), owed=Owed.COMPLAINT, danger=False)
    assert written.said == msgspec.structs.replace(written.was, owed=Owed.MENTION)
    assert (written.rules_version, written.counted_at, written.at) == ("r1", START, START + HOUR)
    assert store.rows("SELECT note FROM corrections") == [("电话 [电话]",)]
    assert store.rows("SELECT owed FROM posts FINAL") == [("complaint",)]
    clock.advance(HOUR)
    assert write_correction(store, wants(confirm=True), clock, TOPICS).agrees


@pytest.mark.parametrize(
    ("given", "problem", "words"),
    [
        ({"operator": " "}, CorrectionProblem.OPERATOR, "sign with 1 to 40"),
        ({"note": "长" * 501, "confirm": True}, CorrectionProblem.NOTE_LONG, "at most 500"),
        ({}, CorrectionProblem.NOTHING, "or confirm"),
        ({"confirm": True, "danger": True}, CorrectionProblem.BOTH, "one of the two"),
        ({"confirm": True, "post_id": "9"}, CorrectionProblem.POST, "no post bbs 9 is stored"),
        ({"topics": ("sport",)}, CorrectionProblem.TOPIC, "'sport' is unknown"),
        ({"topics": ()}, CorrectionProblem.TOPICS, "give 1 to 3"),
        ({"topics": TOPICS}, CorrectionProblem.TOPICS, "5 topics are given"),
        ({"topics": ("fees", "fees")}, CorrectionProblem.TWICE, "fees is given twice"),
        ({"topics": ("fees", "not_education")}, CorrectionProblem.ALONE, "beside fees"),
        ({"owed": "praise"}, CorrectionProblem.OWED, "'praise'; it must be one of question"),
        ({"department": "科" * 41}, CorrectionProblem.DEPARTMENT, "at most 40"),
    ],
)
def test_a_correction_that_can_not_be_is_refused(
    store: Store, given: dict[str, object], problem: CorrectionProblem, words: str
) -> None:
    insert_posts(store, [tagged(raw_post("1"))])
    with pytest.raises(CorrectionRefused, match=words) as refused:
        write_correction(store, wants(**given), ManualClock(START), TOPICS)
    assert refused.value.problem is problem
    assert store.rows("SELECT count() FROM corrections") == [(0,)]


def stored_yesterday(store: Store, *posts: TaggedPost) -> None:
    """By the database's clock."""
    ((now,),) = store.rows(NOW)
    rows = [(*post_row(post), now - timedelta(days=1)) for post in posts]
    store.insert("posts", (*POST_COLUMNS, "inserted_at"), rows)


def all_stored(store: Store) -> list[StoredPost]:
    return [post for each in slices(store, START, FAR) for post in read_slice(store, each)]


def retagged(post: StoredPost) -> StoredPost:
    fresh = tags(topics=("fees",), rules_version="r2", story_id=post.tagged.tags.story_id)
    return StoredPost(msgspec.structs.replace(post.tagged, tags=fresh), post.inserted_at)


ALL_BUT_TAGS = """
SELECT * EXCEPT (topics, category, owed, danger, sensitivity, department, why, rules_version,
    model_version, inserted_at, retagged_at)
FROM posts FINAL ORDER BY id
"""


def test_a_post_is_read_as_it_was_stored(store: Store) -> None:
    why = (Why(tag="fees", by="model", words=("学费",), score=0.75),)
    posts = [
        tagged(raw_post("1", thread_id="t", thread_title="同问", updated_at=START), why=why),
        tagged(raw_post("2", published_at=None), site="town.example", units=("一小",)),
    ]
    insert_posts(store, posts)
    found = sorted(all_stored(store), key=lambda each: each.tagged.post.id)
    assert [each.tagged for each in found] == posts


def test_writing_back_changes_the_tags_alone(store: Store) -> None:
    reply = raw_post("1", thread_id="t", thread_title="同问", updated_at=START + minutes(1))
    odd = raw_post("2", START + minutes(0.00005), published_at=None, body="“引号”\n\\N\t'")
    insert_posts(store, [tagged(reply, site="town.example", units=("一小",)), tagged(odd)])
    before = store.rows(ALL_BUT_TAGS.replace("topics,", "topics, units,"))
    write_back(store, [retagged(post) for post in all_stored(store)])
    assert store.rows(ALL_BUT_TAGS.replace("topics,", "topics, units,")) == before
    now = "SELECT DISTINCT topics, rules_version, retagged_at > inserted_at FROM posts FINAL"
    assert store.rows(now) == [(["fees"], "r2", True)]


def test_an_edit_that_comes_meanwhile_stands(store: Store) -> None:
    """Also one that is stored before the older text is written back."""
    stored_yesterday(store, tagged(raw_post("1", title="早")), tagged(raw_post("2", title="早")))
    read = all_stored(store)
    insert_posts(store, [tagged(raw_post("1", title="晚"))])
    write_back(store, [retagged(post) for post in read])
    titles = "SELECT id, title, rules_version FROM posts FINAL ORDER BY id"
    assert store.rows(titles) == [("1", "晚", ""), ("2", "早", "r2")]
    store.command("OPTIMIZE TABLE posts FINAL")
    assert store.rows(titles) == [("1", "晚", ""), ("2", "早", "r2")]
    write_back(store, [retagged(post) for post in all_stored(store)])
    assert store.rows(titles) == [("1", "晚", "r2"), ("2", "早", "r2")]
    insert_posts(store, [tagged(raw_post("2", title="晚"))])
    assert store.rows(titles)[1] == ("2", "晚", "")


def test_hours_of_posts_that_were_tagged_again_are_counted_again(store: Store) -> None:
    stored_yesterday(store, tagged(raw_post("1")), tagged(raw_post("2", START + 3 * HOUR)))
    assert (recount(store), recount(store)) == (2, 0)
    counts = "SELECT topic, posts FROM hourly_counts FINAL WHERE topic != '' ORDER BY hour, topic"
    assert store.rows(counts) == [("food_safety", 1), ("food_safety", 1)]
    (first, *_) = sorted(all_stored(store), key=lambda each: each.tagged.post.id)
    write_back(store, [retagged(first)])
    assert recount(store) == 1
    assert store.rows(counts) == [("fees", 1), ("food_safety", 0), ("food_safety", 1)]


def test_frozen_hours_are_left_alone(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("old")), tagged(raw_post("new", START + 3 * HOUR))])
    work = slices(store, START, FAR)
    freeze(store, START + HOUR)
    found = [post.tagged.post.id for each in work for post in read_slice(store, each)]
    assert found == ["new"]


def test_a_text_that_is_deleted_meanwhile_does_not_come_back(store: Store) -> None:
    insert_posts(store, [tagged(raw_post("old"))])
    read = all_stored(store)
    freeze(store, START + HOUR)
    drop_before(store, START + HOUR)
    write_back(store, [retagged(post) for post in read])
    assert store.rows("SELECT count() FROM posts") == [(0,)]


def test_slices_hold_each_post_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("storage.retagging.SLICE_POSTS", 10)
    times = [START + HOUR * (n // 7) for n in range(28)] + [START + 9 * HOUR] * 35
    posts = [tagged(raw_post(str(n), at)) for n, at in enumerate(times)]
    insert_posts(store, posts)
    work = slices(store, START, FAR)
    assert len(work) == 8
    found = [[post.tagged.post.id for post in read_slice(store, each)] for each in work]
    assert sorted(chain(*found)) == sorted(post.post.id for post in posts)
    some = slices(store, START + HOUR, START + 2 * HOUR)
    inside = [post.tagged.post.id for each in some for post in read_slice(store, each)]
    assert sorted(inside, key=int) == [str(n) for n in range(7, 14)]


def test_no_edit_is_lost_to_a_retag_beside_it(store: Store) -> None:
    """Each post is edited again and again while all are tagged again and again."""
    posts = [raw_post(str(n), START + n * HOUR) for n in range(20)]
    ended = threading.Event()

    def edit() -> None:
        for number in range(50):
            title = f"第{number}版"
            edited = [msgspec.structs.replace(post, title=title) for post in posts]
            insert_posts(store, [tagged(post) for post in edited])
        ended.set()

    writer = threading.Thread(target=edit)
    writer.start()
    runs = 0
    while not ended.is_set():
        runs += 1
        tag_again(store, f"r{runs}")
    writer.join()
    assert runs > 2
    assert store.rows("SELECT DISTINCT title FROM v_posts") == [("第49版",)]
    tag_again(store, "last")
    assert store.rows("SELECT DISTINCT title, rules_version FROM v_posts") == [("第49版", "last")]
    assert tag_changes(store, START)[-1].posts == 20


def tag_again(store: Store, version: str) -> None:
    desk = RetagDesk(
        store, lambda posts: [tags(rules_version=version) for _ in posts], ManualClock(START)
    )
    report = retag(desk, RetagRequest(since=START), lambda _: None, threading.Event())
    assert report.state == "done"
