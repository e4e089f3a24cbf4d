"""What the page shows, in both languages, with hostile texts, and with nothing to show."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from dashboard.app import create_app
from dashboard.server import PageServer
from runtime.errors import ConfigError
from schemas.matters import (
    Action,
    ActionKind,
    EventKind,
    MatterKey,
    NotifyReason,
    Tier,
)
from schemas.posts import PollOutcome
from storage.counts import recount
from storage.matters import insert_action, insert_events, save_matters
from storage.page import standing_matters
from storage.posts import insert_polls, insert_posts
from tests.dashboard import town
from tests.dashboard.conftest import Served

OUTSIDE = re.compile(r'(?:src|href|action|url\()\s*=?\s*"?(https?:)?//')
TAGS = re.compile(r"<[^>]+>")


def words_of(html: str) -> str:
    return " ".join(TAGS.sub(" ", html).split())


def card(html: str, matter_id: str) -> str:
    return html.split(f'id="{matter_id}"')[1].split("</article>")[0]


def test_matters_stand_by_tier_highest_first(morning: Served) -> None:
    html = morning.html()
    ids = re.findall(r'<article class="card (\w+)" id="([\w-]+)"', html)
    assert ids == [
        ("red", "food_safety-1"),
        ("orange", "teacher_conduct-1"),
        ("yellow", "fees-1"),
        ("blue", "transport-1"),
    ]
    assert "特别重大" in card(html, "food_safety-1")
    assert "4 项未结事项" in words_of(html)


def test_tiers_are_named_and_never_numbered(morning: Served) -> None:
    for language, names in (("zh", "特别重大 红"), ("en", "Grave red")):
        text = words_of(morning.html(f"/?lang={language}"))
        assert names in text
        assert not re.search(r"tier \d|[ⅠⅡⅢⅣ]|\b(?:I|II|III|IV)\b级?|[一二三四1-4]级", text)


def test_a_card_says_what_a_duty_officer_asks(morning: Served) -> None:
    text = words_of(card(morning.html(), "food_safety-1"))
    assert "食品安全 青禾实验小学" in text
    assert "待核实" in text
    assert "还剩 18 分" in text
    assert "须于 11-21 10:48 前上报" in text
    assert "未接收" in text
    assert "已过 42 分" in text
    assert "50 " in text
    assert "在增长" in text
    assert "实验小学好几个孩子吃完午饭呕吐" in text
    assert "72 小时共 50 帖" in text


def test_english_has_the_same_facts(morning: Served) -> None:
    text = words_of(card(morning.html("/?lang=en"), "food_safety-1"))
    for part in ("Food safety 青禾实验小学", "unverified", "18 min left", "Not acknowledged"):
        assert part in text
    assert "Sample town" in morning.html("/?lang=en")


def test_language_follows_the_browser(morning: Served) -> None:
    english = morning.http.get("/", headers={"Accept-Language": "en-GB,en;q=0.9,zh;q=0.5"})
    assert '<html lang="en">' in english.text
    other = morning.http.get("/", headers={"Accept-Language": "fr"})
    assert '<html lang="zh-CN">' in other.text
    assert '<html lang="en">' in morning.html("/?lang=en")


def test_overdue_reported_and_acknowledged_clocks(morning: Served) -> None:
    text = words_of(card(morning.html(), "teacher_conduct-1"))
    assert "超时 3 小时 0 分" in text
    assert "1 项上报超时" in words_of(morning.html())
    morning.act("teacher_conduct-1", kind="reported", operator="王敏", note="区教育局值班室")
    morning.act("teacher_conduct-1", kind="acknowledge", operator="李蕾")
    text = words_of(card(morning.html(), "teacher_conduct-1"))
    assert "已上报 报区教育局值班室 · 王敏 · 11-21 10:30" in text
    assert "已接收 李蕾 · 11-21 10:30" in text
    assert "项上报超时" not in words_of(morning.html())


def test_an_acknowledgement_before_a_raise_no_longer_counts(morning: Served) -> None:
    before = town.NOW - 10 * town.HOUR
    old = Action(
        id="a",
        matter_id="fees-1",
        kind=ActionKind.ACKNOWLEDGE,
        at=before,
        operator="王敏",
        note="",
    )
    insert_action(morning.parts.store, old)
    text = words_of(card(morning.html(), "fees-1"))
    assert "未接收 升级或重开后请重新接收" in text


def test_confirming_takes_the_mark_off(morning: Served) -> None:
    assert 'class="unverified"' in card(morning.html(), "food_safety-1")
    morning.act("food_safety-1", kind="confirm", operator="王敏")
    after = card(morning.html(), "food_safety-1")
    assert 'class="unverified"' not in after
    assert "核实属实：王敏" in after


def test_a_form_offers_only_what_would_be_taken(morning: Served) -> None:
    html = morning.html()
    offered = {
        matter: re.findall(r'name="kind" value="(\w+)"', card(html, matter))
        for matter in ("food_safety-1", "teacher_conduct-1", "fees-1")
    }
    assert offered == {
        "food_safety-1": ["acknowledge", "reported", "confirm", "lower"],
        "teacher_conduct-1": ["acknowledge", "reported", "lower"],
        "fees-1": ["acknowledge", "reported"],
    }


def test_events_tell_reason_and_deliveries(morning: Served) -> None:
    text = words_of(morning.html().split('id="events"')[1].split("</section>")[0])
    assert "文中有人受伤、群体不适、死亡或人身危险" in text
    assert "console 已送达 11-21 09:48 " in text
    assert "wecom 未送达，会重试 HTTP 502 from the receiver" in text
    assert "wecom 未送达，对方拒收 errcode 93000" in text
    assert "没有发送记录" in text


def test_sources_in_trouble_come_first_and_silence_shows(morning: Served) -> None:
    text = words_of(morning.html().split('id="sources"')[1].split("</section>")[0])
    assert "5 个信源，3 个有问题" in text
    assert "网站报错" in text
    assert "HTTP 403; ask the site or take the source out" in text
    assert "停止轮询" in text
    assert "青禾区教育局 政务 从未轮询" in text
    assert text.index("从未轮询") < text.index("青禾论坛·家长圈")


def test_closed_matters_and_stages_are_told(morning: Served) -> None:
    morning.parts.board.trouble("collect", "disk full at data; free some space")
    text = words_of(morning.html())
    assert "作业与补课 · 青禾第一小学" in text
    assert "3 天 2 小时" in text
    assert "采集 有问题" in text
    assert "disk full at data; free some space" in text


def test_hostile_texts_are_escaped_and_their_addresses_not_linked(served: Served) -> None:
    title = '<script>alert(1)</script>"><img src=x onerror=alert(2)>'
    unit = '"><b id=u>'
    key = MatterKey(town.FOOD.topic, unit)
    at = town.NOW - town.MINUTE
    post = town.tagged(town.Story(key, title, at, url="javascript:alert(3)"), 1)
    store = served.parts.store
    insert_posts(store, [post])
    recount(store)
    save_matters(store, [town.matter(key, Tier.GENERAL, town.HOUR)])
    for path in ("/?lang=zh", "/?fragment=1"):
        html = served.html(path)
        assert "<script>alert" not in html
        assert "<img" not in html
        assert "<b id=u>" not in html
        assert "javascript:" not in html
        assert "&lt;script&gt;alert(1)" in html


def test_links_leave_safely_and_nothing_else_leads_outside(morning: Served) -> None:
    html = morning.html()
    links = re.findall(r'<a href="https?://[^>]+>', html)
    assert links
    assert all('rel="noopener noreferrer nofollow"' in link for link in links)
    assert not OUTSIDE.search(re.sub(r'<a href="https?://[^>]+>', "", html))
    assert "style=" not in html
    assert "<script>" not in html


def test_a_post_is_listed_once_a_story_with_danger_first(morning: Served) -> None:
    listed = card(morning.html(), "food_safety-1").split('class="posts"')[1].split("</ul>")[0]
    titles = re.findall(r"nofollow\">([^<]+)</a>", listed)
    assert len(titles) == len(set(titles)) == 4
    assert listed.index("涉险") < listed.index("<a ")


def test_the_fragment_is_the_same_main_part(morning: Served) -> None:
    fragment = morning.html("/?fragment=1&lang=zh")
    assert fragment.strip().startswith('<div id="live"')
    assert fragment.strip() in morning.html()


def test_it_updates_without_scripts_too(morning: Served) -> None:
    html = morning.html("/?lang=en")
    assert '<noscript><meta http-equiv="refresh" content="30; url=/?lang=en"></noscript>' in html


def test_time_moves_on(morning: Served) -> None:
    morning.clock.advance(timedelta(minutes=20))
    text = words_of(morning.html())
    assert "超时 2 分" in words_of(card(morning.html(), "food_safety-1"))
    assert "2026-11-21 10:50" in text


def test_empty_store_says_what_to_do(served: Served) -> None:
    text = words_of(served.html())
    assert "没有未结事项，但近 24 小时只覆盖 0%" in text
    assert "7 天内没有轮询记录" in text
    assert "还没有动态" in text
    english = words_of(served.html("/?lang=en"))
    assert "this is not proof of calm" in english


def test_a_calm_day_is_told_from_a_blind_one(served: Served) -> None:
    polls = [
        town.poll(source.id, town.NOW - back * 10 * town.MINUTE, PollOutcome.OK)
        for source in town.SOURCES
        for back in range(150)
    ]
    insert_polls(served.parts.store, polls)
    text = words_of(served.html())
    assert "近 24 小时覆盖 100%，收到 0 帖" in text
    assert "监测不完整" not in text


def test_no_sources_says_how_to_add_one(served: Served) -> None:
    bare = served.parts.config.model_copy(update={"sources": ()})
    server = PageServer(create_app(replace(served.parts, config=bare)), "127.0.0.1", 0)
    server.start()
    html = served.http.get(f"http://127.0.0.1:{server.port}/?lang=en").text
    server.close()
    assert "There are no sources" in html
    assert "config/sources.toml" in html


def test_low_coverage_is_said_beside_open_matters(morning: Served) -> None:
    assert "监测不完整：此时没有消息不等于平静" in morning.html()


def test_a_matter_that_a_crash_left_behind_is_shown_and_not_written(served: Served) -> None:
    """Mending is the alerter's work: the page would put an old state over a newer one."""
    store = served.parts.store
    raised = replace(town.fees(), tier=Tier.MAJOR, sequence=2)
    save_matters(store, [town.fees()])
    event = town.event(raised, EventKind.RAISED, NotifyReason.VOLUME)
    insert_events(store, [(event, raised)])
    found = standing_matters(store, town.NOW)
    assert [(matter.tier, matter.sequence) for matter in found] == [(Tier.MAJOR, 2)]
    assert store.rows("SELECT max(sequence) FROM matters") == [(1,)]


def test_static_files_are_kept_by_browsers(served: Served) -> None:
    for address in re.findall(r'(?:href|src)="(/static/[^"]+)"', served.html()):
        answer = served.http.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert served.http.get("/static/echarts.LICENSE").status_code == 200
    assert served.http.get("/static/../app.py").status_code == 404


def test_an_unknown_page_and_a_port_in_use(served: Served) -> None:
    assert served.http.get("/nothing").status_code == 404
    with pytest.raises(ConfigError, match=rf"^page.port: 127\.0\.0\.1:{served.port} is in use"):
        PageServer(create_app(served.parts), "127.0.0.1", served.port)
    with pytest.raises(ConfigError, match=r"^page.host: no\.such\.host\.invalid"):
        PageServer(create_app(served.parts), "no.such.host.invalid", 0)
