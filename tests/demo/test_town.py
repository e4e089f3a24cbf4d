"""The sample town's texts: shape of the file, and the story that a newcomer is to see."""

import re
import tomllib
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

import msgspec

from demo.feeds import FEEDS
from demo.town import CONFIG, NICKNAMES, TownPost, load_town
from runtime.config import Settings, SourcesFile, UnitsFile
from runtime.text import normalise
from schemas.posts import SourceKind

TOWN = load_town()
POSTS = TOWN.posts
BY_ID = {post.id: post for post in POSTS}
UNITS = UnitsFile(**tomllib.loads((CONFIG / "units.toml").read_text("utf-8"))).unit
SOURCES = SourcesFile(**tomllib.loads((CONFIG / "sources.toml").read_text("utf-8"))).source
KINDS = {source.id: source.kind for source in SOURCES}
FIRST_SCHOOL = ("第一小学", "一小")
DAY = 1440


def hour(day: int, time: str) -> int:
    hours, minutes = time.split(":")
    return (day - 1) * DAY + int(hours) * 60 + int(minutes)


def text(post: TownPost) -> str:
    return f"{post.title}\n{post.body}"


def names_first_school(post: TownPost) -> bool:
    return any(name in text(post) for name in FIRST_SCHOOL)


def volume(minute: int, chosen: Callable[[TownPost], bool]) -> int:
    """Posts and replies of the 24 hours before `minute`."""
    posts = [post for post in POSTS if post.minutes <= minute and chosen(post)]
    return sum(
        (post.minutes > minute - DAY)
        + post.reading(minute).replies
        - post.reading(minute - DAY).replies
        for post in posts
    )


def canteen(post: TownPost) -> bool:
    return post.story == "canteen" and names_first_school(post)


def enrolment(post: TownPost) -> bool:
    return post.story == "enrolment" and "实小" in text(post)


def test_config_reads_with_the_structs_and_has_a_feed_for_every_source() -> None:
    settings = tomllib.loads((CONFIG / "huisheng.toml").read_text("utf-8"))
    assert Settings(**settings).fetch.allow_private
    assert {source.id: source.name for source in SOURCES} == {
        source: feed.title for source, feed in FEEDS.items()
    }
    assert all(source.url == f"http://127.0.0.1:0/feeds/{source.id}" for source in SOURCES)
    assert set(KINDS.values()) == set(SourceKind)


def test_two_boards_share_a_host_and_every_site_is_reserved_for_examples() -> None:
    hosts = Counter(feed.site.removeprefix("http://") for feed in FEEDS.values())
    assert sorted(hosts.values())[-2:] == [1, 2]
    assert all(host.endswith(".example") for host in hosts)


def test_unit_names_and_aliases_are_unique() -> None:
    names = [name for unit in UNITS for name in (unit.name, *unit.aliases)]
    assert 12 <= len(UNITS) <= 15
    assert len(names) == len(set(names))


def test_posts_are_within_three_days_and_belong_to_a_source_that_has_many() -> None:
    assert 380 <= len(POSTS) <= 420
    assert all(0 <= post.minutes < 3 * DAY and post.body for post in POSTS)
    assert Counter(post.source for post in POSTS).keys() == KINDS.keys()
    assert min(Counter(post.source for post in POSTS).values()) >= 5


def test_ids_are_unique_and_readings_grow() -> None:
    assert len(BY_ID) == len(POSTS)
    for post in POSTS:
        rows = [(post.minutes, 0, 0), *post.replies]
        pairs = list(pairwise(rows))
        assert all(a[0] < b[0] and a[1] <= b[1] and a[2] < b[2] for a, b in pairs), post.id
        assert rows[-1][0] <= 3 * DAY


def test_replies_follow_their_opening_post_on_its_own_site() -> None:
    replies = [post for post in POSTS if post.thread]
    assert len(replies) >= 15
    for reply in replies:
        opening = BY_ID[str(reply.thread)]
        assert opening.source == reply.source
        assert opening.minutes < reply.minutes
        assert reply.title == f"回复：{opening.title}"


def test_copies_repeat_an_earlier_post_of_another_source() -> None:
    copies = [post for post in POSTS if post.copy_of]
    assert len(copies) >= 10
    for copy in copies:
        original = BY_ID[str(copy.copy_of)]
        assert (copy.body, original.minutes < copy.minutes) == (original.body, True)
        assert copy.source != original.source


def test_no_two_posts_are_equal_unless_one_is_a_copy() -> None:
    bodies = Counter(normalise(post.body) for post in POSTS if not post.copy_of)
    titles = Counter(post.title for post in POSTS if post.title and not post.copy_of)
    openings = Counter(post.body[:8] for post in POSTS if not post.copy_of)
    assert max(bodies.values()) == 1
    assert not [title for title, n in titles.items() if n > 1 and not title.startswith("回复：")]
    # News reports share a head; nothing else begins like another post.
    assert not [o for o, n in openings.items() if n > 1 and not re.match("本台消息|晚报讯", o)]


def test_titles_are_as_short_as_on_forums() -> None:
    titles = [
        post.title for post in POSTS if KINDS[post.source] is SourceKind.FORUM and not post.thread
    ]
    assert all(0 < len(title) <= 20 for title in titles)
    assert all(not post.title for post in POSTS if KINDS[post.source] is SourceKind.SOCIAL)


def test_most_posts_are_ordinary_chatter() -> None:
    chatter = [post for post in POSTS if post.story is None]
    assert len(chatter) > len(POSTS) / 2
    assert not [post.id for post in chatter if "学校" in text(post) or "食堂出" in text(post)]


def test_unit_names_stand_only_where_a_school_is_meant() -> None:
    names = [name for unit in UNITS for name in (unit.name, *unit.aliases)]
    chatter = [post for post in POSTS if post.story is None]
    found = [(name, text(p)) for p in chatter for name in names if name in text(p)]
    # One look-alike: "a little while" begins like the first school's short name.
    assert [name for name, _ in found] == ["一小"]
    assert "出来了一小会儿" in found[0][1]


def test_the_incident_opens_by_half_past_one_on_several_sites() -> None:
    early = [p for p in POSTS if canteen(p) and p.minutes <= hour(1, "13:30")]
    assert min(post.minutes for post in early) >= hour(1, "11:30")
    assert len(early) >= 8
    assert len({FEEDS[post.source].site for post in early}) >= 4
    assert any("是真的吗" in text(post) for post in early)


def test_danger_is_told_from_three_and_reported_from_six_o_clock() -> None:
    ill = re.compile("三十多个|二三十个|住院|疑似食物中毒|孩子在输液|三十余名学生")
    told = min(post.minutes for post in POSTS if canteen(post) and ill.search(text(post)))
    assert hour(1, "14:45") <= told <= hour(1, "15:15")
    news = [p for p in POSTS if p.story == "canteen" and KINDS[p.source] is SourceKind.NEWS]
    assert hour(1, "17:45") <= min(post.minutes for post in news) <= hour(1, "18:15")
    notices = [p.minutes for p in POSTS if p.story == "canteen" and p.source == "jiaoyuju"]
    assert hour(2, "06:00") <= min(notices) <= hour(2, "12:00")


def test_the_incident_grows_through_the_tiers_and_fades() -> None:
    assert volume(hour(1, "14:30"), canteen) >= 60
    assert 100 <= volume(hour(1, "17:30"), canteen) < 200
    assert volume(hour(1, "23:00"), canteen) >= 500
    assert volume(hour(3, "08:00"), canteen) < volume(hour(2, "12:00"), canteen) / 3
    assert volume(hour(3, "23:59"), canteen) < 100


def test_enrolment_passes_a_hundred_on_two_sites_and_stays_below_five_hundred() -> None:
    assert volume(hour(2, "07:00"), enrolment) == 0
    assert volume(hour(2, "16:00"), enrolment) >= 100
    peak = max(volume(minute, enrolment) for minute in range(DAY, 3 * DAY, 60))
    assert 200 <= peak < 450
    assert len({FEEDS[post.source].site for post in POSTS if enrolment(post)}) >= 4
    assert not [p for p in POSTS if p.story == "enrolment" and KINDS[p.source] is SourceKind.NEWS]


def test_small_school_matters_stay_small() -> None:
    for unit in UNITS:
        names = (unit.name, *unit.aliases)

        def small(post: TownPost, names: tuple[str, ...] = names) -> bool:
            return post.story == "school" and any(name in text(post) for name in names)

        assert volume(2 * DAY, small) < 100, unit.name


def test_contacts_to_be_masked_stand_in_some_posts() -> None:
    everything = "\n".join(text(post) for post in POSTS)
    assert "13800001234" in everything
    assert "QQ 12345678" in everything
    assert "wx_qhmama66" in everything
    assert "@mail.example" in everything


def test_no_text_holds_an_author() -> None:
    everything = "\n".join(text(post) for post in POSTS)
    assert not [name for name in NICKNAMES if name in everything]
    assert len(NICKNAMES) == len(set(NICKNAMES)) == 40


def test_every_line_of_the_file_has_only_known_keys() -> None:
    again = [msgspec.json.decode(msgspec.json.encode(post), type=TownPost) for post in POSTS]
    assert tuple(again) == POSTS
