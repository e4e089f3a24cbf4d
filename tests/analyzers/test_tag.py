"""The shipped rules on invented posts, with floors, and what holds for every text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.tag import AT_ONCE, Tagger
from analyzers.versions import rules_version
from runtime.config import Topic, Unit
from schemas.posts import Owed, SourceKind
from tests.analyzers.cases import CASES
from tests.analyzers.rules import post, rule_file, shipped
from tests.made import raw_post

TAGGER = Tagger(shipped(Unit(name="江城市实验小学", aliases=("实小",))))
TAGGED = [(case, TAGGER.tag(post(case.body, case.title))) for case in CASES]


def share(right: list[bool]) -> float:
    return sum(right) / len(right)


def test_first_topic_floor() -> None:
    assert len(CASES) >= 60
    assert share([tags.category == case.topics[0] for case, tags in TAGGED]) >= 0.85


def test_owed_floor() -> None:
    assert share([tags.owed is case.owed for case, tags in TAGGED]) >= 0.85


def test_danger_floors() -> None:
    told = [case.danger for case, tags in TAGGED if tags.danger]
    found = [tags.danger for case, tags in TAGGED if case.danger]
    assert share(told) >= 0.9
    assert share(found) >= 0.9


@pytest.mark.parametrize(
    "text",
    [
        "学校开展消防演练，模拟三人受伤送医",
        "去年有学生溺水身亡，今年水塘围起来了",
        "老师提醒大家避免烫伤",
        "为防止踩踏，学校分批放学",
        "安全教育课讲了触电怎么办",
        "昨晚的电影里学校爆炸，主角重伤",
        "同学讲的笑话笑死我了",
        "作业要命，要写死了",
        "学校门口撞车，幸好没有人受伤",
        "这路口不装灯，万一撞伤孩子怎么办",
    ],
)
def test_no_danger_where_nobody_is_hurt(text: str) -> None:
    assert not TAGGER.tag(post(text)).danger


def test_why_names_the_words_of_each_tag() -> None:
    tags = TAGGER.tag(post("实小食堂的饭是馊的，投诉！吃完孩子上吐下泻，食物中毒了"))
    why = {each.tag: each.words for each in tags.why}
    assert "食物中毒" in why["danger"]
    assert "投诉" in why["complaint"]
    assert "食物中毒" in why["food_safety"]
    assert why["units"] == tags.units == ("江城市实验小学",)
    assert {each.by for each in tags.why} == {"rule"}


@pytest.mark.parametrize(
    ("text", "sensitivity"),
    [
        ("食堂吃完全班上吐下泻，食物中毒送医院了", 3),
        ("学校食堂的饭菜发霉，投诉", 2),
        ("学校乱收费，投诉", 1),
        ("今天期末考试", 0),
    ],
)
def test_sensitivity(text: str, sensitivity: int) -> None:
    assert TAGGER.tag(post(text)).sensitivity == sensitivity


def test_danger_that_asks_for_nothing_is_owed_an_answer_unless_it_is_reported() -> None:
    text = "一名学生溺亡"
    assert TAGGER.tag(post(text)).owed is Owed.COMPLAINT
    assert TAGGER.tag(post(text, kind=SourceKind.NEWS)).owed is Owed.MENTION
    assert TAGGER.tag(post(text, kind=SourceKind.NOTICE)).owed is Owed.MENTION


@pytest.mark.parametrize("text", ["学生被卷进搅拌机，正在抢救", "三小的娃失踪了", "孩子昏迷不醒"])
def test_danger_among_pupils_never_goes_without_a_topic(text: str) -> None:
    tags = TAGGER.tag(post(text))
    assert tags.danger
    assert tags.topics not in ((), ("not_education",))


def test_words_of_weight_0_count_in_a_danger_post_alone() -> None:
    rules = rule_file("学生 ^0\n", "topics/other.txt")
    topic = Topic(key="other", name="其他", name_en="Other", rules=rules)
    tagger = Tagger(shipped().model_copy(update={"topics": (topic,)}))
    assert tagger.tag(post("一名学生溺亡")).topics == ("other",)
    assert tagger.tag(post("学生放学了")).topics == ()


@pytest.mark.parametrize(
    "text", ["高三学生被砍伤，流了一地血", "老师一巴掌把孩子耳膜打穿孔了", "二小好多孩子拉肚子"]
)
def test_why_never_shows_a_pattern(text: str) -> None:
    words = [word for why in TAGGER.tag(post(text)).why for word in why.words]
    assert all(word in text for word in words)


def test_text_without_any_word_of_the_rules_has_no_topic() -> None:
    tags = TAGGER.tag(post("嗯嗯"))
    assert tags.topics == ()
    assert tags.category is None
    assert tags.why == ()


def test_not_education_stands_alone_and_only_without_another_topic() -> None:
    assert TAGGER.tag(post("物业费又涨了")).topics == ("not_education",)
    assert "not_education" not in TAGGER.tag(post("物业旁边的小学食堂饭菜发霉")).topics


def test_tagged_post_carries_post_and_site() -> None:
    raw = raw_post("7")
    tagged = TAGGER.tagged(raw)
    assert tagged.post is raw
    assert tagged.site == "bbs.example"
    assert tagged.tags == TAGGER.tag(raw)


def test_many_are_tagged_as_one_by_one() -> None:
    posts = [post(case.body, case.title) for case in CASES]
    assert TAGGER.tag_many(posts) == [TAGGER.tag(each) for each in posts]
    assert TAGGER.tag_many(posts[:AT_ONCE] * 3) == TAGGER.tag_many(posts[:AT_ONCE]) * 3
    assert TAGGER.tag_many([]) == []


def test_tags_name_what_they_were_made_by() -> None:
    tags = TAGGER.tag(post("食堂的饭是馊的"))
    config = shipped(Unit(name="江城市实验小学", aliases=("实小",)))
    assert tags.rules_version == rules_version(config) != rules_version(shipped())
    assert tags.model_version == ""
    assert TAGGER.problem == ""


def test_hints_at_danger_are_none_however_many_stand_in_the_title() -> None:
    hints = "".join(f"[疑似·{word}]\n{word} ^0.1\n\n" for word in "甲乙丙丁戊己庚辛壬癸")
    danger = rule_file(f"出事\n\n{hints}", "danger.txt")
    tagger = Tagger(shipped().model_copy(update={"danger": danger}))
    assert not tagger.tag(post("", "甲乙丙丁戊己庚辛壬癸")).danger
    assert tagger.tag(post("", "甲乙丙丁戊己庚辛壬癸出事")).danger


@settings(max_examples=60, deadline=None)
@given(st.text(), st.text())
def test_any_text_is_tagged_the_same_way_twice(title: str, body: str) -> None:
    first = TAGGER.tag(post(body, title))
    assert first == TAGGER.tag(post(body, title))
    assert len(first.topics) <= 3
    assert first.department is None
    assert 0 <= first.sensitivity <= 3


WORDS = sorted({word for _, tags in TAGGED for why in tags.why for word in why.words})


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=12))
def test_any_mix_of_rule_words_keeps_the_promises(words: list[str]) -> None:
    tags = TAGGER.tag(post("，".join(words)))
    assert len(set(tags.topics)) == len(tags.topics) <= 3
    assert "not_education" not in tags.topics or len(tags.topics) == 1
    assert (tags.sensitivity == 3) is tags.danger
