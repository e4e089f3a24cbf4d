"""A post's tags on the page, and the form by which an operator confirms or corrects them."""

import html as entities
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.app import create_app
from dashboard.server import PageServer
from runtime.config import PageSettings, Settings
from schemas.corrections import Correction, Labels
from schemas.matters import MatterKey, Tier
from schemas.posts import Owed
from storage.corrections import corrections
from storage.counts import recount
from storage.matters import save_matters
from storage.posts import insert_posts
from tests.dashboard import town
from tests.dashboard.conftest import Served
from tests.dashboard.test_page import card, words_of

RED = "food_safety-1"
RIGHT = {"topic": "food_safety", "owed": "mention", "danger": "yes", "operator": "王敏"}
FIELD = re.compile(r'<(?:select|input)[^>]* name="(\w+)"[^>]*>')


def address(served: Served, matter: str = RED, language: str = "zh") -> str:
    """Of the page of the first post of a matter."""
    html = card(served.html(f"/?lang={language}"), matter)
    return entities.unescape(re.findall(r'class="judge" href="([^"]+)"', html)[0])


def written(served: Served) -> list[Correction]:
    return corrections(served.parts.store, town.NOW - timedelta(days=1))


def tagline(served: Served, matter: str = RED, language: str = "zh") -> str:
    html = card(served.html(f"/?lang={language}"), matter)
    return entities.unescape(words_of(html.split('class="tagline"')[1].split("</li>")[0]))


@contextmanager
def of_a_district(served: Served) -> Iterator[Served]:
    settings = Settings(page=PageSettings(profile="district"))
    config = served.parts.config.model_copy(update={"settings": settings})
    parts = replace(served.parts, config=config)
    server = PageServer(create_app(parts), "127.0.0.1", 0)
    server.start()
    served.http.base_url = f"http://127.0.0.1:{server.port}"
    yield replace(served, parts=parts, port=server.port)
    server.close()


def test_each_post_shows_its_tags_and_why(morning: Served) -> None:
    text = tagline(morning)
    assert "食品安全 一般提及" in text
    assert "食品安全 规则 孩子 · 学校" in text
    assert "食品安全 模型 0.73 事情" in text
    assert "一般提及 续：承自主题帖标题 大家" in text
    assert "涉险 规则 呕吐" in text
    assert "确认或更正" in text
    listed = card(morning.html(), RED)
    assert listed.count('class="judge"') == listed.count('class="tagline"') == 4


def test_in_english_too(morning: Served) -> None:
    text = tagline(morning, language="en")
    assert "Food safety mention" in text
    assert "Food safety model 0.73 事情" in text
    assert "mention inherited from the thread's title" in text
    assert "lang=en" in address(morning, language="en")


def test_each_post_of_a_page_has_an_id_of_its_own(morning: Served) -> None:
    """The page is renewed by ids: two alike would mix up posts."""
    for path in ("/?lang=zh", "/reading", address(morning)):
        ids = re.findall(r' id="([^"]+)"', morning.html(path))
        assert len(ids) == len(set(ids))


def test_a_post_is_judged_on_a_page_of_its_own(morning: Served) -> None:
    html = morning.html(address(morning))
    text = words_of(html)
    assert town.TITLES[town.FOOD][0] in text
    assert "孩子在学校里的事情，想问问大家。" in text
    assert "规则 3f9c21ab07 · 模型 20261101" in text
    assert set(FIELD.findall(html)) >= {
        *("source", "id", "at", "back", "topic", "topic2", "topic3"),
        *("owed", "danger", "note", "operator"),
    }
    assert '<option value="food_safety" selected>食品安全</option>' in html
    assert '<option value="mention" selected>一般提及</option>' in html
    assert re.search(r'name="danger"[^>]* checked>', html)
    assert "http-equiv" not in html


def test_every_field_has_a_label(morning: Served) -> None:
    """Each control stands inside its label, so that it has a name without any script."""
    form = morning.html(address(morning)).split("<form")[1].split("</form>")[0]
    inside = re.findall(r"<label.*?</label>", form, re.DOTALL)
    labelled = [name for label in inside for name in FIELD.findall(label)]
    hidden = re.findall(r'type="hidden" name="(\w+)"', form)
    assert sorted([*labelled, *hidden]) == sorted(FIELD.findall(form))


def test_a_correction_is_stored_and_shown_beside_the_tags(morning: Served) -> None:
    before = morning.parts.store.rows("SELECT * FROM posts ORDER BY source, id")
    place = address(morning)
    answer = morning.judge(
        place, topic="boarding", topic2="fees", owed="complaint", operator=" 王敏 ", note="看过原帖"
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/?lang=zh&done=judged#{RED}"
    [correction] = written(morning)
    assert correction.said == Labels(
        topics=("boarding", "fees"), owed=Owed.COMPLAINT, danger=False, department="教育文体"
    )
    assert correction.was == Labels(
        topics=("food_safety",), owed=Owed.MENTION, danger=True, department="教育文体"
    )
    assert (correction.rules_version, correction.model_version) == (town.RULES, town.MODEL)
    assert (correction.operator, correction.at) == ("王敏", town.NOW)
    assert not correction.agrees
    shown = "已更正：食宿生活 · 收费 · 质疑、投诉、求助 · 不涉险（11-21 10:30）"
    assert f"食品安全 一般提及 {shown}" in tagline(morning)
    assert "corrected: Boarding" in tagline(morning, language="en")
    assert shown in words_of(morning.html(place))
    assert '<option value="boarding" selected>' in morning.html(place)
    assert "已登记：对标签的判断" in morning.html("/?lang=zh&done=judged")
    assert morning.parts.store.rows("SELECT * FROM posts ORDER BY source, id") == before


def test_a_form_sent_as_it_stands_confirms(morning: Served) -> None:
    assert morning.judge(address(morning), **RIGHT).status_code == 303
    [correction] = written(morning)
    assert correction.agrees
    assert "已确认（11-21 10:30）" in tagline(morning)
    assert "已更正" not in tagline(morning)


def test_what_was_confirmed_is_a_correction_once_the_tags_are_others(morning: Served) -> None:
    store = morning.parts.store
    story = town.Story(town.FEES, "排队缴费时有人晕倒", town.NOW, danger=True)
    insert_posts(store, [town.tagged(story, 9999)])
    ours = address(morning, "fees-1")
    form = {**RIGHT, "topic": "fees", "owed": "complaint"}
    morning.judge(ours, **form)
    assert "已确认" in words_of(morning.html(ours))
    insert_posts(store, [town.tagged(replace(story, owed=Owed.QUESTION), 9999)])
    assert "已更正：收费 · 质疑、投诉、求助 · 涉险" in words_of(morning.html(ours))


def test_names_and_notes_are_shown_nowhere(morning: Served) -> None:
    place = address(morning)
    morning.judge(place, **{**RIGHT, "operator": "周秀兰", "note": "家长来电说明"})
    for path in ("/?lang=zh", "/?fragment=1", place, "/reading?lang=zh", "/metrics"):
        html = morning.html(path)
        assert "周秀兰" not in html
        assert "家长来电说明" not in html
    kept = morning.parts.store.rows("SELECT operator, note FROM corrections")
    assert kept == [("周秀兰", "家长来电说明")]


REFUSED = [
    ({"operator": ""}, "登记人要填 1 到 40 个字，现为 0 个"),
    ({"operator": "王" * 41}, "现为 41 个"),
    ({"note": "长" * 501}, "最多 500 个字，现为 501 个"),
    ({"topic": ""}, "要选 1 到 3 个主题，现为 0 个"),
    ({"topic": "ufo"}, "主题 'ufo' 不存在"),
    ({"topic2": "food_safety"}, "主题 food_safety 选了两次"),
    ({"topic2": "not_education"}, "不能与 food_safety, fees 同选"),
    ({"owed": "gift"}, "应答类别 'gift' 不存在"),
    ({"owed": ""}, "应答类别 '' 不存在"),
]


@pytest.mark.parametrize(("form", "finding"), REFUSED)
def test_refusals_name_finding_and_remedy(
    morning: Served, form: dict[str, str], finding: str
) -> None:
    answer = morning.judge(address(morning), **{**RIGHT, "topic3": "fees", **form})
    assert answer.status_code == 400
    text = words_of(entities.unescape(answer.text))
    assert finding in text.split("没有登记：")[1]
    assert written(morning) == []


def test_what_was_typed_stays_when_it_is_refused(morning: Served) -> None:
    form = {**RIGHT, "topic": "fees", "owed": "question", "topic3": "fees", "note": '看"图"'}
    html = morning.judge(address(morning), **form).text
    assert html.count('<option value="fees" selected>') == 2
    assert '<option value="question" selected>' in html
    assert 'value="王敏"' in html
    assert 'value="看&#34;图&#34;"' in html


def test_a_post_that_is_gone_is_told(morning: Served) -> None:
    place = address(morning)
    morning.parts.store.command("TRUNCATE TABLE posts")
    gone = morning.http.get(place)
    assert (gone.status_code, "可能已过保存期限" in gone.text) == (404, True)
    assert morning.judge(place, **RIGHT).status_code == 404
    for path in ("/post", "/post?source=bbs&id=p1&at=x", f"/post?source=bbs&id=p1&at={'9' * 14}"):
        assert morning.http.get(path).status_code == 404
    assert written(morning) == []


def test_a_form_from_elsewhere_or_too_large_is_refused(morning: Served) -> None:
    for headers in ({}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        answer = morning.http.post("/post", data=RIGHT, headers=headers)
        assert answer.status_code == 403
        assert "不是从本页面发出" in answer.text
    assert morning.judge(address(morning), **{**RIGHT, "note": "长" * 20_000}).status_code == 400
    assert written(morning) == []


def test_back_leads_nowhere_else(morning: Served) -> None:
    place = re.sub(r"back=[^&]*", "back=//evil.example/%0d%0aX-A:1", address(morning))
    answer = morning.judge(place, **RIGHT)
    assert answer.headers["location"].startswith("/?lang=zh&done=judged#")
    assert "X-A" not in answer.headers
    from_reading = re.sub(r"back=[^&]*", "back=reading", place)
    answer = morning.judge(from_reading, **RIGHT)
    assert answer.headers["location"] == "/reading?lang=zh&done=judged"


def test_hostile_texts_are_escaped(served: Served) -> None:
    title = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    key = MatterKey("transport", "")
    story = town.Story(key, title, town.NOW - town.MINUTE, url="javascript:alert(3)")
    post = town.tagged(story, 1)
    raw = post.post
    hostile = {"id": '"><b id=u>&back=x', "body": title, "thread_title": f"{title} thread"}
    fields = {name: getattr(raw, name) for name in raw.__struct_fields__}
    store = served.parts.store
    post = type(post)(post=type(raw)(**{**fields, **hostile}), site=post.site, tags=post.tags)
    insert_posts(store, [post])
    recount(store)
    save_matters(store, [town.matter(key, Tier.GENERAL, town.HOUR)])
    for path in ("/?lang=zh", address(served, "transport-1")):
        html = served.html(path)
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "<b id=u>" not in html
        assert "javascript:" not in html
        assert "&lt;script&gt;alert(1)" in html
    form = {**RIGHT, "topic": "transport"}
    assert served.judge(address(served, "transport-1"), **form).status_code == 303
    assert [correction.post_id for correction in written(served)] == [hostile["id"]]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_school_is_never_told_a_department(morning: Served, language: str) -> None:
    place = address(morning, language=language)
    form = {**RIGHT, "department": "卫生计生"}
    morning.judge(place, **form)
    for path in (f"/?lang={language}", place, f"/reading?lang={language}"):
        text = morning.html(path)
        assert "教育文体" not in text
        assert "卫生计生" not in text
        assert "Education, culture" not in text
        assert 'name="department"' not in text
    [correction] = written(morning)
    assert correction.said.department == "教育文体"


def test_a_district_sees_who_must_answer(morning: Served) -> None:
    with of_a_district(morning) as district:
        assert "主管部门 教育文体" in tagline(district)
        assert "Department Education, culture and sport" in tagline(district, language="en")
        place = address(district)
        assert '<option value="教育文体" selected>' in district.html(place)
        assert "教育文体 模型 0.91" in tagline(district)
        district.judge(place, **{**RIGHT, "department": "卫生计生"})
        [correction] = written(district)
        assert (correction.was.department, correction.said.department) == ("教育文体", "卫生计生")
        assert "已更正：食品安全 · 一般提及 · 涉险 · 卫生计生" in tagline(district)
