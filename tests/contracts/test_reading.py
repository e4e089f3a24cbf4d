"""What the page asks of how posts are read, on each engine that the product runs on."""

from datetime import date, timedelta

from schemas.corrections import Correction, Labels
from schemas.posts import Owed, TaggedPost, Why
from storage.corrections import insert_correction
from storage.page import unclear_posts
from storage.posts import insert_posts
from storage.reading import DriftDay, Judgement, drift, judgements, read_post
from storage.store import Store
from tests.made import START, minutes, raw_post, tagged

DAY = timedelta(days=1)
# 08:00 in Shanghai; the day there begins eight hours before.
EVENING = START - minutes(9 * 60)
RULE = Why(tag="food_safety", by="rule", words=("食堂",))
MENTION = Why(tag="mention", by="model", words=("啊",), score=0.2)
SPAN = (START - 7 * DAY, START + DAY)


def sure(score: float, topic: str = "food_safety") -> Why:
    return Why(tag=topic, by="model", words=("饭菜",), score=score)


def made(name: str, *why: Why, topics: tuple[str, ...] = ("food_safety",)) -> TaggedPost:
    story = f"story {name}"
    return tagged(
        raw_post(name), topics=topics, why=why, story_id=story, rules_version="r2", model_version=""
    )


def said(post: TaggedPost, labels: Labels, after: float, operator: str = "王敏") -> Correction:
    return Correction(
        source=post.post.source,
        post_id=post.post.id,
        counted_at=post.post.counted_at,
        at=START + minutes(after),
        operator=operator,
        said=labels,
        was=Labels(topics=post.tags.topics, owed=post.tags.owed, danger=post.tags.danger),
        rules_version="r2",
        model_version="",
        note="家长来电",
    )


def test_drift_is_told_by_day_in_shanghai(store: Store) -> None:
    evening = tagged(raw_post("0", EVENING), topics=(), rules_version="r1", model_version="m1")
    morning = [
        made("1", RULE, MENTION),
        made("2", RULE, sure(0.9), MENTION),
        made("3", sure(0.4), sure(0.95, "fees")),
        made("4", MENTION, topics=()),
        made("5", sure(0.3, "education_other"), topics=("education_other",)),
        made("6", topics=("not_education",)),
    ]
    insert_posts(store, [evening, *morning])
    yesterday, today = drift(store, SPAN)
    assert yesterday == DriftDay(date(2026, 11, 1), 1, 1, 0, 0, 0, 0, None, (("r1", "m1"),))
    assert today.day == date(2026, 11, 2)
    assert (today.posts, today.untopical, today.education_other, today.not_education) == (
        *(6, 1),
        *(1, 1),
    )
    assert (today.scored, today.low) == (3, 2)
    assert today.mean_score is not None
    assert abs(today.mean_score - (0.9 + 0.4 + 0.3) / 3) < 1e-9
    assert today.versions == (("r2", ""),)


def test_a_post_that_was_tagged_again_counts_once_as_it_is(store: Store) -> None:
    insert_posts(store, [made("1", topics=())])
    insert_posts(store, [made("1", RULE)])
    [day] = drift(store, SPAN)
    assert (day.posts, day.untopical) == (1, 0)


def test_without_posts_there_is_no_day(store: Store) -> None:
    assert drift(store, SPAN) == []


def test_a_post_is_read_as_its_last_copy_stands(store: Store) -> None:
    insert_posts(store, [made("1", topics=())])
    insert_posts(store, [made("1", RULE)])
    found = read_post(store, "bbs", "1", START)
    assert found is not None
    assert (found.title, found.counted_at, found.why) == ("食堂饭菜不新鲜", START, (RULE,))
    assert found.labels == Labels(topics=("food_safety",), owed=Owed.COMPLAINT, danger=False)
    assert (found.rules_version, found.model_version) == ("r2", "")
    assert read_post(store, "bbs", "2", START) is None
    assert read_post(store, "other", "1", START) is None
    assert read_post(store, "bbs", "1", START + minutes(120)) is None


def test_the_last_judgement_of_anybody_stands(store: Store) -> None:
    post, other = made("1", RULE), made("2", RULE)
    fees = Labels(topics=("fees",), owed=Owed.QUESTION, danger=False)
    boarding = Labels(topics=("boarding", "fees"), owed=Owed.MENTION, danger=True)
    for correction in (said(post, boarding, 5, "李蕾"), said(post, fees, 1), said(other, fees, 9)):
        insert_correction(store, correction)
    found = judgements(store, {("bbs", "1"), ("mama", "2")})
    assert found == {("bbs", "1"): Judgement(START + minutes(5), boarding)}
    assert judgements(store, set()) == {}


def test_unclear_posts_are_those_that_no_topic_fits_and_nobody_judged(store: Store) -> None:
    judged = made("3", topics=())
    edited = made("4", topics=())
    insert_posts(
        store,
        [
            made("1", topics=()),
            made("2", RULE),
            judged,
            edited,
            made("5", topics=("education_other",)),
            made("6", topics=("not_education",)),
        ],
    )
    insert_posts(store, [made("4", RULE)])
    labels = Labels(topics=("fees",), owed=Owed.QUESTION, danger=False)
    insert_correction(store, said(judged, labels, 1))
    span = (START - DAY, START + minutes(1))
    assert [post.id for post in unclear_posts(store, span, 9)] == ["1", "5"]
    assert [post.id for post in unclear_posts(store, span, 1)] == ["1"]
    assert unclear_posts(store, (START, START + DAY), 9) == []
