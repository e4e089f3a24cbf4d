"""Replies: which take over their thread's topics, what they keep, and what is never taken over."""

from collections.abc import Callable
from functools import cache
from time import perf_counter

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.decisions import Decided
from analyzers.tag import Tagger
from analyzers.threads import SHORT, continues, inherited
from schemas.posts import Owed, Post, Tags, Why
from tests.analyzers.fitted import config, model
from tests.analyzers.rules import post

THREAD = "请问三小的课后服务费退不退"
OPENING = Decided(("fees", "enrolment"), Owed.QUESTION, danger=True, department="教育")
SAME = (
    "同问",
    "同问！！",
    "同求",
    "+1",
    "＋1",
    "+ 1 +1",
    "+10086",
    "蹲",
    "蹲一个",
    "我也是",
    "蹲蹲～",
)
VOICES = ("顶", "顶顶顶", "顶上去！", "沙发", "dd", "UP", "mark", "支持楼主", "板凳 围观", "👍顶👍")


@cache
def rules() -> Tagger:
    return Tagger(config())


@cache
def fitted() -> Tagger:
    return Tagger(config(), model())


def reply(body: str, thread_title: str | None = THREAD, title: str = "") -> Post:
    return msgspec.structs.replace(post(body, title), thread_title=thread_title)


def by(tags: Tags) -> dict[str, str]:
    return {why.tag: why.by for why in tags.why}


@pytest.mark.parametrize("text", SAME)
def test_who_asks_the_same_is_owed_the_same(text: str) -> None:
    tags = rules().tag(reply(text))
    assert tags.topics == rules().tag(post("", THREAD)).topics
    assert tags.topics[0] == "fees"
    assert tags.owed is Owed.QUESTION
    assert {by(tags)[tag] for tag in (*tags.topics, "question")} == {"thread"}
    assert {why.words for why in tags.why if why.by == "thread"} == {(THREAD,)}
    # Whatever the model makes of so short a text.
    opening, tags = fitted().tag(post("", THREAD)), fitted().tag(reply(text))
    assert tags.topics == opening.topics
    assert {by(tags)[tag] for tag in tags.topics} == {"thread"}
    assert opening.owed in (tags.owed, Owed.MENTION)


@pytest.mark.parametrize("made", [rules, fitted])
@pytest.mark.parametrize("text", VOICES)
def test_a_mere_voice_takes_the_topics_alone(made: Callable[[], Tagger], text: str) -> None:
    tagger = made()
    tags = tagger.tag(reply(text))
    assert tags.topics == tagger.tag(post("", THREAD)).topics
    assert {by(tags)[topic] for topic in tags.topics} == {"thread"}
    assert tags.owed is tagger.tag(post(text)).owed


def test_danger_is_never_taken_over() -> None:
    title = "三小食堂食物中毒，投诉"
    assert rules().tag(post("", title)).danger
    tags = rules().tag(reply("顶", title))
    assert (tags.topics[0], tags.danger, tags.owed) == ("food_safety", False, Owed.MENTION)
    assert rules().tag(reply("同问", title)).owed is Owed.COMPLAINT
    own = Decided(danger=True, why=[Why(tag="danger", by="rule", words=("溺水",))])
    kept = inherited(reply("有人溺水"), own, OPENING)
    assert kept.danger
    assert own.why[0] in kept.why


def test_a_reply_with_a_topic_of_its_own_keeps_it() -> None:
    tags = rules().tag(reply("食堂的饭菜发霉"))
    assert tags.topics == rules().tag(post("食堂的饭菜发霉")).topics
    assert "thread" not in by(tags).values()


def test_a_longer_reply_says_itself_what_it_is_about() -> None:
    assert continues(reply("嗯" * SHORT), ())
    assert not continues(reply("嗯" * (SHORT + 1)), ())
    assert not continues(reply("顶" * (SHORT + 1)), ("fees",))


def test_a_title_that_repeats_the_threads_is_not_what_the_reply_says() -> None:
    assert continues(reply("嗯" * SHORT, title=THREAD), ())
    assert continues(reply("嗯" * SHORT, f" {THREAD} ", title=f"{THREAD} "), ())
    assert continues(reply("顶", title=THREAD), ("exams",))
    assert not continues(reply("", title=f"另一个{THREAD * 3}"), ())
    # What the title says is no 我也 of the reply.
    asked = "我也想问三小的课后服务费退不退"
    taken = inherited(reply("沙发", asked, asked), Decided(), OPENING)
    assert taken.owed is Owed.MENTION
    for tagger in (rules(), fitted()):
        assert tagger.tag(reply("顶", title=THREAD)).topics[0] == "fees"


@pytest.mark.parametrize("title", [None, "", "  \n"])
def test_without_a_title_there_is_nothing_to_take_over(title: str | None) -> None:
    assert not continues(reply("同问", title), ())
    assert rules().tag(reply("同问", title)).topics == ()


@pytest.mark.parametrize("topic", ["education_other", "not_education"])
def test_no_topic_of_its_own(topic: str) -> None:
    assert continues(reply("这样啊"), (topic,))
    assert not continues(reply("这样啊"), ("exams",))


def test_a_thread_about_nothing_gives_nothing() -> None:
    own = Decided(("education_other",), Owed.MENTION)
    assert inherited(reply("同问"), own, Decided()) is own
    elsewhere = Decided(("not_education",), Owed.QUESTION)
    assert inherited(reply("学校放假吗"), own, elsewhere) is own
    # A voice alone is about what the thread is about, be it nothing of ours.
    voice = inherited(reply("同问"), own, elsewhere)
    assert (voice.topics, voice.owed) == (("not_education",), Owed.QUESTION)


def test_each_tag_keeps_one_reason() -> None:
    own = Decided(
        ("education_other",),
        Owed.MENTION,
        department="公安",
        why=[
            Why(tag="education_other", by="model", words=("同",), score=0.4),
            Why(tag="mention", by="model", words=("问",), score=0.9),
            Why(tag="department", by="model", words=("问",), score=0.3),
        ],
    )
    taken = inherited(reply("同问"), own, OPENING)
    assert [(why.tag, why.by) for why in taken.why] == [
        ("fees", "thread"),
        ("enrolment", "thread"),
        ("question", "thread"),
        ("department", "thread"),
    ]
    assert (taken.department, taken.danger) == ("教育", False)
    voice = inherited(reply("顶"), own, OPENING)
    assert voice.owed is Owed.MENTION
    assert Why(tag="mention", by="model", words=("问",), score=0.9) in voice.why


def test_what_a_reply_asks_itself_it_keeps() -> None:
    own = Decided((), Owed.COMPLAINT, why=[Why(tag="complaint", by="rule", words=("投诉",))])
    taken = inherited(reply("我也要投诉他们"), own, OPENING)
    assert taken.owed is Owed.COMPLAINT
    assert own.why[0] in taken.why


# The first post of all makes the model ready.
@settings(deadline=None)
@given(st.text(max_size=60), st.text(max_size=60) | st.none(), st.text(max_size=60))
def test_any_reply_is_tagged_alike_in_any_company(
    body: str, thread_title: str | None, title: str
) -> None:
    one = reply(body, thread_title, title)
    company = [reply("同问"), one, post("食堂的饭菜发霉"), reply("顶", "")]
    assert fitted().tag_many(company)[1] == fitted().tag(one)


@pytest.mark.parametrize("text", ["d" * 40, "+" * 40, "+1" * 20, "我也是" * 13, "同" * 40])
def test_no_reply_takes_long(text: str) -> None:
    start = perf_counter()
    continues(reply(f"{text}#"), ("exams",))
    continues(reply(f"{text}尾"), ("exams",))
    assert perf_counter() - start < 0.1
