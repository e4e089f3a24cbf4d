"""Rules and classifier decide together: who is heard on what, on matches and scores made here."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from analyzers.classify import LONG, Columns, Model
from analyzers.decisions import (
    ELSEWHERE,
    MOST_TOPICS,
    Decided,
    Found,
    ModelDecisions,
    RuleDecisions,
    Weighed,
)
from analyzers.keywords import RuleMatch
from analyzers.new_rules import DECIDES
from schemas.posts import Owed, SourceKind, Why
from tests.analyzers.rules import post

TOPICS = ("fees", "exams", "boarding", "transport", "not_education")
OWED = ("question", "complaint", "mention")
ALL = {"topics": TOPICS, "owed": OWED, "danger": ("danger",), "department": ("教育", "公安")}
RULES = RuleDecisions({"injury"})
# One word that the model knows, in favour of every class.
WORDS, ROWS = ("饭", "呀"), np.array([0, -1], np.int32)


def match(score: float = 1.0, heaviest: float | None = None, word: str = "词") -> RuleMatch:
    return RuleMatch(score, (word,), score if heaviest is None else heaviest)


def model(classes: Mapping[str, tuple[str, ...]]) -> Model:
    columns = Columns(dict(classes))
    width = len(columns)
    ones = np.ones(width, np.float32)
    return Model(
        version="",
        columns=columns,
        signals=(),
        buckets=np.array([7], np.int32),
        idf=np.ones(1, np.float32),
        weights=np.ones((1, width), np.float16),
        signal_weights=np.zeros((0, width), np.float32),
        bias=ones * 0,
        slope=ones,
        shift=ones * 0,
        thresholds=np.full((2, width), 0.5, np.float32),
        rules=np.zeros(0, np.uint32),
    )


def found(
    topics: Mapping[str, RuleMatch] | None = None,
    owed: Mapping[str, RuleMatch] | None = None,
    danger: RuleMatch | None = None,
    kind: SourceKind = SourceKind.FORUM,
) -> Found:
    return Found(post("饭呀", kind=kind), dict(topics or {}), dict(owed or {}), danger)


def decide(
    what: Found,
    scores: Mapping[str, float] | None = None,
    heads: Sequence[str] = ("topics", "owed", "danger"),
    silent: Sequence[str] = ("not_education",),
) -> Decided:
    """By a model of some heads; `scores` of the classes, 0.1 where none is given."""
    classes = {head: ALL[head] for head in heads}
    names = [name for head in classes.values() for name in head]
    told = [(scores or {}).get(name, 0.1) for name in names]
    decisions = ModelDecisions(model(classes), RULES, classes.get("topics", ()), silent)
    return decisions.decide(what, Weighed(told, WORDS, ROWS))


def whys(decided: Decided, tag: str) -> list[tuple[str, tuple[str, ...], float | None]]:
    return [(why.by, why.words, why.score) for why in decided.why if why.tag == tag]


def test_rules_alone_name_up_to_three_central_topics() -> None:
    matches = {"a": match(1), "b": match(4), "injury": match(4), "c": match(2), "d": match(3)}
    decided = RULES.decide(found(matches))
    assert decided.topics == ("injury", "b", "d")
    assert [why.tag for why in decided.why] == ["injury", "b", "d"]
    assert RULES.decide(found({"a": match(1), "b": match(4)})).topics == ("b",)


def test_rules_alone_let_not_education_stand_alone() -> None:
    both = {"not_education": match(9), "fees": match(0.5)}
    assert RULES.decide(found(both)).topics == ("fees",)
    assert RULES.decide(found({"not_education": match(1)})).topics == ("not_education",)


def test_hints_are_no_danger_by_themselves_however_many() -> None:
    hints = found(danger=match(score=6.6, heaviest=0.1))
    assert not RULES.decide(hints).danger
    assert RULES.decide(hints).why == []
    assert RULES.decide(found(danger=match(1.0))).danger
    assert not decide(hints, {"fees": 0.9}, ["topics"]).danger
    assert decide(hints, {"danger": 0.6}).danger


@pytest.mark.parametrize(
    ("kind", "owed"),
    [
        (SourceKind.FORUM, Owed.COMPLAINT),
        (SourceKind.SOCIAL, Owed.COMPLAINT),
        (SourceKind.PORTAL, Owed.COMPLAINT),
        (SourceKind.NEWS, Owed.MENTION),
        (SourceKind.NOTICE, Owed.MENTION),
    ],
)
def test_danger_without_a_rule_of_what_is_owed(kind: SourceKind, owed: Owed) -> None:
    hurt = found(danger=match(1.0), kind=kind)
    assert RULES.decide(hurt).owed is owed
    assert decide(hurt, {"fees": 0.9}, ["topics"]).owed is owed
    assert decide(found(kind=kind), {"danger": 0.9}, ["danger"]).owed is owed
    assert decide(found(danger=match(1.0), kind=kind), {}, ["danger"]).owed is owed
    asked = found(owed={"question": match(1)}, danger=match(1.0), kind=kind)
    assert RULES.decide(asked).owed is Owed.QUESTION


def test_all_topics_past_their_threshold_are_said_the_likeliest_first() -> None:
    decided = decide(found(), {"fees": 0.6, "exams": 0.9, "boarding": 0.49})
    assert decided.topics == ("exams", "fees")
    many = decide(found(), dict.fromkeys(TOPICS[:4], 0.8) | {"boarding": 0.9})
    assert len(many.topics) == MOST_TOPICS
    assert many.topics[0] == "boarding"


def test_long_texts_have_thresholds_of_their_own() -> None:
    classes = {head: ALL[head] for head in ("topics", "danger")}
    weighing = model(classes)
    columns = weighing.columns.slices
    weighing.thresholds[1, columns["topics"]] = 0.8
    weighing.thresholds[1, columns["danger"]] = 0.2
    names = [name for head in classes.values() for name in head]
    likely = {"fees": 0.9, "exams": 0.6, "danger": 0.3}
    scored = Weighed([likely.get(name, 0.1) for name in names], WORDS, ROWS)
    decisions = ModelDecisions(weighing, RULES, TOPICS)
    letter = post("饭", "很贵" * LONG)
    short = decisions.decide(found(), scored)
    long = decisions.decide(Found(letter, {}, {}, None), scored)
    assert (short.topics, short.danger) == (("fees", "exams"), False)
    assert (long.topics, long.danger) == (("fees",), True)


def test_the_likeliest_topic_is_said_even_below_its_threshold() -> None:
    assert decide(found(), {"transport": 0.2}).topics == ("transport",)


def test_not_education_stands_alone_or_not_at_all() -> None:
    assert decide(found(), {"not_education": 0.9, "fees": 0.8}).topics == ("not_education",)
    assert decide(found(), {"not_education": 0.8, "fees": 0.9}).topics == ("fees",)
    three = {"not_education": 0.85, "fees": 0.9, "exams": 0.8, "boarding": 0.7}
    assert decide(found(), three).topics == ("fees", "exams", "boarding")


@pytest.mark.parametrize(("body", "topic"), [("饭呀", "fees"), ("饭" * LONG, "exams")])
def test_topics_of_letters_are_told_apart_from_those_of_posts(body: str, topic: str) -> None:
    classes = {"topics": TOPICS, "topics_long": TOPICS}
    of_posts = [0.9 if name == "fees" else 0.1 for name in TOPICS]
    of_letters = [0.8 if name == "exams" else 0.1 for name in TOPICS]
    told = Weighed([*of_posts, *of_letters], WORDS, ROWS)
    what = found()._replace(post=post(body))
    decided = ModelDecisions(model(classes), RULES, TOPICS).decide(what, told)
    assert decided.topics == (topic,)
    assert whys(decided, topic)[0][2] == (0.9 if topic == "fees" else 0.8)


def test_danger_that_may_be_ours_is_not_left_without_a_matter() -> None:
    doubted = {"not_education": ELSEWHERE - 0.01, "fees": 0.2, "exams": 0.1, "danger": 0.9}
    passing = {"fees": match(0.0), "not_education": match(3)}
    decided = decide(found(passing, danger=match(1)), doubted)
    assert decided.topics == ("fees",)
    assert ("rule", ("词",), None) in whys(decided, "fees")
    assert decide(found(passing), {**doubted, "danger": 0.1}).topics == ("not_education",)
    assert decide(found(danger=match(1)), doubted).topics == ("not_education",)
    thanks = {**doubted, "not_education": 0.1, "transport": 0.7}
    silent = decide(found(passing, danger=match(1)), thanks, silent=("transport", "not_education"))
    assert silent.topics == ("fees", "transport")
    elsewhere = {**doubted, "not_education": ELSEWHERE}
    assert decide(found(passing, danger=match(1)), elsewhere).topics == ("not_education",)
    certain = {**passing, "not_education": match(DECIDES)}
    assert decide(found(certain, danger=match(1)), doubted).topics == ("not_education",)


def test_a_heavy_rule_decides_topics_owed_and_danger_against_the_model() -> None:
    heavy = match(DECIDES, word="铁证")
    sure = {"exams": 0.99, "complaint": 0.99, "danger": 0.01}
    decided = decide(found({"fees": heavy}, {"question": heavy}, heavy), sure)
    assert decided.topics == ("fees", "exams")
    assert decided.owed is Owed.QUESTION
    assert decided.danger
    for tag in ("fees", "question", "danger"):
        assert ("rule", ("铁证",), None) in whys(decided, tag)
    over = decide(found({"fees": heavy}), {"not_education": 0.99})
    assert over.topics == ("fees",)


def test_many_light_rules_do_not_decide_against_the_model() -> None:
    light = match(score=30.0, heaviest=DECIDES - 0.1)
    sure = {"exams": 0.99, "complaint": 0.99}
    decided = decide(found({"fees": light}, {"question": light}), sure)
    assert decided.topics == ("exams",)
    assert decided.owed is Owed.COMPLAINT
    assert {why.tag for why in decided.why} == {"exams", "complaint"}


def test_topics_that_the_model_does_not_know_are_left_to_the_rules() -> None:
    matches = {
        "staff": match(2, word="编制"),
        "praise": match(2),
        "fees": match(1),
        "odd": match(0.5),
    }
    decided = decide(found(matches), {"exams": 0.9, "fees": 0.2})
    assert decided.topics == ("staff", "praise", "exams")
    assert whys(decided, "staff") == [("rule", ("编制",), None)]


def test_without_a_head_for_topics_they_are_those_of_the_rules_in_their_order() -> None:
    names = "gdafcbe"
    matches = {name: match(20 + place) for place, name in enumerate(names)}
    matches["certain"] = match(DECIDES)
    by_rules = RULES.decide(found(matches))
    decided = decide(found(matches), {"danger": 0.9}, ["danger"])
    assert decided.topics == by_rules.topics == ("e", "b", "c")
    assert [why for why in decided.why if why.tag != "danger"] == by_rules.why


def test_without_a_head_for_what_is_owed_it_is_that_of_the_rules() -> None:
    owed = {"question": match(6, heaviest=1), "complaint": match(DECIDES)}
    what = found({"fees": match(1)}, owed)
    assert decide(what, {"fees": 0.9}, ["topics"]).owed is RULES.decide(what).owed is Owed.QUESTION
    assert whys(decide(what, {}, ["topics"]), "question") == [("rule", ("词",), None)]


def test_danger_is_said_by_the_model_from_its_threshold_on() -> None:
    assert decide(found(), {"danger": 0.5}).danger
    assert not decide(found(), {"danger": 0.499}).danger
    hint = match(score=5.0, heaviest=0.1)
    assert not decide(found(danger=hint), {"danger": 0.2}).danger


def test_a_rule_that_says_danger_is_never_talked_out_of_it() -> None:
    sure = decide(found(danger=match(1.0)), {"danger": 0.001})
    assert sure.danger
    assert whys(sure, "danger") == [("rule", ("词",), None)]


def test_danger_names_rule_and_model() -> None:
    both = decide(found(danger=match(1.0)), {"danger": 0.7512})
    assert whys(both, "danger") == [("model", (), 0.751), ("rule", ("词",), None)]


def test_department_is_the_likeliest_with_its_why() -> None:
    decided = decide(found(), {"公安": 0.3}, ["topics", "department"])
    assert decided.department == "公安"
    assert whys(decided, "department") == [("model", (), 0.3)]
    assert decide(found()).department is None


def test_each_tag_has_its_why_with_words_and_a_probability() -> None:
    rules = found({"fees": match()}, {"question": match()}, match())
    decided = decide(rules, {"fees": 0.9, "question": 1.0, "danger": 0.8}, list(ALL))
    tags = {*decided.topics, decided.owed.value, "danger", "department"}
    assert {why.tag for why in decided.why} == tags
    for why in decided.why:
        assert why.by in ("rule", "model")
        assert (why.score is None) is (why.by == "rule")
        assert why.score is None or 0 <= why.score <= 1
        assert bool(why.words) is (why.by == "rule")


def test_the_model_names_words_only_where_no_rule_names_any() -> None:
    sure = {"fees": 0.9, "exams": 0.8, "question": 0.7, "danger": 0.8}
    alone = decide(found(), sure, list(ALL))
    for tag, score in sure.items():
        assert whys(alone, tag) == [("model", ("饭",), score)]
    rules = found({"fees": match()}, {"question": match()}, match(0.1))
    both = decide(rules, sure, list(ALL))
    for tag in ("fees", "question", "danger"):
        assert sorted(whys(both, tag)) == [("model", (), sure[tag]), ("rule", ("词",), None)]
    assert whys(both, "exams") == [("model", ("饭",), 0.8)]


def test_a_mere_mention_and_the_department_have_a_probability_and_no_words() -> None:
    decided = decide(found(), {"mention": 0.9, "公安": 0.8}, list(ALL))
    assert whys(decided, "mention") == [("model", (), 0.9)]
    assert whys(decided, "department") == [("model", (), 0.8)]


def test_a_post_without_words_is_left_to_the_rules() -> None:
    classes = {head: ALL[head] for head in ("topics", "owed", "danger")}
    sure = [0.99] * sum(map(len, classes.values()))
    blank = Weighed(sure, (), np.empty(0, np.int32))
    decided = ModelDecisions(model(classes), RULES, classes.get("topics", ())).decide(
        found(), blank
    )
    assert decided == Decided()


def test_why_shows_at_most_eight_words_of_a_rule() -> None:
    long = RuleMatch(9.0, tuple("一二三四五六七八九"), 1.0)
    (why,) = RULES.decide(found({"fees": long})).why
    assert why == Why(tag="fees", by="rule", words=tuple("一二三四五六七八"))
