"""How well posts are read: agreement by week, drift by day, marks where the rules changed."""

import json
import re
from datetime import datetime, timedelta

from dashboard.charts import chart
from dashboard.reading_page import share
from dashboard.words import Words
from schemas.corrections import Correction, Labels, TagChange
from schemas.matters import MatterKey
from schemas.posts import Owed
from storage.corrections import insert_correction, insert_tag_change
from storage.posts import insert_posts
from tests.dashboard import town
from tests.dashboard.conftest import Served
from tests.dashboard.test_page import card, words_of

DAY = timedelta(days=1)
FOOD = Labels(topics=("food_safety",), owed=Owed.COMPLAINT, danger=False)
FEES = Labels(topics=("fees",), owed=Owed.COMPLAINT, danger=True)
RETAGGED = TagChange(
    at=town.NOW - town.HOUR,
    since=town.NOW - 5 * town.HOUR,
    rules_version=town.RULES,
    model_version=town.MODEL,
    posts=120,
    changed=8,
)


def judged(number: int, said: Labels, at: datetime = town.NOW) -> Correction:
    return Correction(
        source="bbs",
        post_id=f"p{number}",
        counted_at=at,
        at=at,
        operator="王敏",
        said=said,
        was=FOOD,
        rules_version=town.RULES,
        model_version="",
    )


def section(served: Served, name: str, language: str = "zh") -> str:
    html = served.html(f"/reading?lang={language}")
    return words_of(html.split(f'id="{name}"')[1].split("</section>")[0])


def test_few_judgements_are_counts_alone(served: Served) -> None:
    for number in range(19):
        insert_correction(served.parts.store, judged(number, FEES if number < 4 else FOOD))
    text = section(served, "agreement")
    assert "2026-11-16 19 15 / 19 15 / 19 19 / 19 15 / 19 规则 3f9c21ab07 · 模型 无" in text
    assert "%" not in text


def test_from_twenty_on_a_share_stands_beside_them(served: Served) -> None:
    for number in range(20):
        insert_correction(served.parts.store, judged(number, FEES if number < 5 else FOOD))
    insert_correction(served.parts.store, judged(99, FOOD, town.NOW - 8 * DAY))
    text = section(served, "agreement")
    assert "20 15 / 20 (75%) 15 / 20 (75%) 20 / 20 (100%) 15 / 20 (75%)" in text
    assert text.index("2026-11-16") < text.index("2026-11-09")
    assert "1 1 / 1 1 / 1 1 / 1 1 / 1" in text
    english = section(served, "agreement", "en")
    assert "rules 3f9c21ab07 · model none" in english


def test_a_share_of_nothing_is_no_error() -> None:
    assert (share(0, 0).text, share(0, 0).value) == ("0 / 0", 0)
    assert share(1, 3).value == 0.333


def test_drift_by_day_with_the_changes_as_marks(served: Served) -> None:
    store = served.parts.store
    odd = MatterKey("education_other", "")
    titles = [(town.FEES, "校服费"), (odd, "奖学金"), (town.FEES, "课后服务费")]
    stories = [town.Story(key, title, town.NOW) for key, title in titles]
    posts = [town.tagged(story, number) for number, story in enumerate(stories)]
    insert_posts(store, posts)
    earlier = town.Story(town.FEES, "餐费", town.NOW - 2 * DAY)
    insert_posts(store, [town.tagged(earlier, 9)])
    insert_tag_change(store, RETAGGED)
    html = served.html("/reading?lang=zh").split('id="drift"')[1].split("</section>")[0]
    rows = [words_of(row) for row in html.split("<tr")[2:]]
    assert [row.split("> ")[1][:5] for row in rows] == ["11-21", "11-19"]
    assert "11-21 3 0 / 3 1 / 3 0 / 3 0 / 3 0.73 规则 3f9c21ab07 · 模型 20261101" in rows[0]
    mark = "11-21 09:30 规则或模型更改，11-21 05:30 起的 120 帖重新标注，其中 8 帖标签改变"
    assert mark in rows[0]
    assert "更改" not in rows[1]
    assert 'class="mark"' in html
    assert "8 of them otherwise" in section(served, "drift", "en")


def test_a_change_on_a_day_without_posts_is_told_too(served: Served) -> None:
    early = town.NOW - 3 * DAY
    for number in (2, 1, 0):
        at = early - number * DAY
        change = TagChange(at=at, since=at, rules_version=f"r{number}", model_version="")
        insert_tag_change(served.parts.store, change)
    text = section(served, "drift")
    # The first one begins the record: before it nothing was tagged otherwise.
    assert "11-16 0" not in text
    assert "11-17 0 0 / 0" in text
    assert "11-18 0 0 / 0" in text
    assert "11-18 10:30 规则或模型更改，此后的帖子按新规则标注" in text


def test_posts_that_no_topic_fits_are_offered_for_judgement(served: Served) -> None:
    odd = MatterKey("education_other", "")
    stories = [
        town.Story(odd, "奖学金什么时候发", town.NOW),
        town.Story(town.FEES, "校服", town.NOW),
    ]
    insert_posts(
        served.parts.store, [town.tagged(story, number) for number, story in enumerate(stories)]
    )
    html = served.html("/reading?lang=zh").split('id="unclear"')[1]
    assert html.count('class="judge"') == 1
    [place] = re.findall(r'class="judge" href="([^"]+)"', html)
    assert "奖学金什么时候发" in html
    answer = served.judge(
        place.replace("&amp;", "&"), topic="fees", owed="question", operator="王敏"
    )
    assert answer.headers["location"] == "/reading?lang=zh&done=judged"
    done = words_of(served.html(answer.headers["location"]))
    assert "已登记：对标签的判断" in done
    assert "近 24 小时没有这样的帖子" in done
    assert "近 12 周没有登记的判断" not in done


def test_an_empty_store_says_what_to_do(served: Served) -> None:
    text = words_of(served.html("/reading?lang=zh"))
    assert "近 12 周没有登记的判断" in text
    assert "近 28 天没有帖子" in text
    assert "No judgements in 12 weeks" in served.html("/reading?lang=en")
    assert 'href="/reading?lang=zh"' in served.html()


def test_a_chart_has_a_mark_where_posts_are_tagged_otherwise() -> None:
    drawn = chart({}, town.NOW, Words("en"), [RETAGGED])
    assert json.loads(drawn.marks) == [["11-21 05:00", "rules changed"]]
    [note] = drawn.notes
    assert note.startswith("Rules or model changed 11-21 09:30: 120 posts from 11-21 05:30 on")
    assert (chart({}, town.NOW, Words("zh")).marks, chart({}, town.NOW, Words("zh")).notes) == (
        *("[]", ()),
    )


def test_two_changes_in_an_hour_are_one_line_and_an_old_one_is_none() -> None:
    again = TagChange(
        at=town.NOW, since=town.NOW - 5 * town.HOUR, rules_version="r", model_version=""
    )
    old = TagChange(at=town.NOW, since=town.NOW - 9 * DAY, rules_version="r", model_version="")
    drawn = chart({}, town.NOW, Words("zh"), [RETAGGED, again, old])
    assert json.loads(drawn.marks) == [["11-21 05:00", "规则更改"]]
    assert len(drawn.notes) == 3


def test_the_page_marks_every_chart_and_says_it_in_words(morning: Served) -> None:
    insert_tag_change(morning.parts.store, RETAGGED)
    html = morning.html()
    marks = re.findall(r'data-marks="([^"]+)"', html)
    assert len(marks) == 5
    assert all("11-21 05:00" in each for each in marks)
    assert "起的 120 帖重新标注" in words_of(card(html, "food_safety-1"))
    assert "规则或模型更改" in words_of(html.split('id="trend"')[1])
