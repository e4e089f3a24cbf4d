"""An invented stream of posts from a seed: who says what, when it says so, when its site shows it.

Served by sites.py, counted by expected.py.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from runtime.config import Source
from schemas.posts import SourceKind

UNITS = (
    "青禾区第一小学",
    "青禾区第二小学",
    "青禾区实验小学",
    "青禾区柳湾小学",
    "青禾区望湖学校",
    "青禾区第一中学",
    "青禾区第三中学",
    "青禾区金穗幼儿园",
)
_FEWEST_SOURCES = 40
_POSTS_EACH = 500
_SITES = 12
# No post may leave the windows of 24 h before the counts are compared.
_OLDEST = timedelta(hours=20)
_UNDATED_SHARE = 0.05
_DANGER_SHARE = 0.002
_OF_A_UNIT = (
    ("{unit}食堂", "今天中午的饭菜又是馊的，孩子回家直喊饿，学校管不管？"),
    ("{unit}收费", "又要交一笔资料费，说是自愿，不交老师就在群里点名，合理吗？"),
    ("{unit}作业", "孩子作业每天写到十一点，能不能少布置一点？"),
    ("{unit}校车", "校车今天又晚到四十分钟，家长群里没人管，希望学校解决"),
    ("{unit}宿舍", "宿舍热水停了一个星期，投诉也没人回复"),
    ("{unit}招生", "请问明年招生划片有变化吗？"),
    ("{unit}运动会", "今天开运动会，操场上很热闹"),
    ("家长会", "刚从{unit}开完家长会出来，说了食堂和作业的事"),
    ("两所学校", "{unit}和{other}的校车都晚到四十分钟，食堂还发馊，没人解决"),
)
_OF_NO_UNIT = (
    ("食堂", "咱们这边学校食堂的饭菜到底有没有人检查？"),
    ("招生划片", "请问今年小学招生划片什么时候公布？"),
)
_CHATTER = (
    ("今天限行", "92号汽油又降了一角二"),
    ("", "路过河边，柳树发芽了"),
    ("一起看球吗", "晚上七点，老地方"),
)
_DANGER = (
    ("{unit}", "刚才食堂吃完饭十几个学生呕吐，送医院洗胃了"),
    ("{unit}门口", "放学时校车撞了，一名学生大腿骨折，已经送医院"),
)
_KINDS = (SourceKind.FORUM, SourceKind.SOCIAL, SourceKind.PORTAL)
# One outlet with few posts, which would lift every matter at once, and one office's own site.
_NEWS, _NOTICE = "s7", "s13"
_NEWS_KEPT = 0.1


@dataclass(frozen=True)
class MadePost:
    """`released`: how many seconds after the start its site shows it."""

    source: str
    id: str
    title: str
    body: str
    published: datetime | None
    released: float

    @property
    def site(self) -> str:
        return f"site{int(self.source[1:]) % _SITES}.example"

    @property
    def url(self) -> str:
        return f"http://{self.site}/{self.source}/{self.id}"


@dataclass(frozen=True)
class Order:
    """`span_seconds`: within which posts come out, after those that are there at the start."""

    seed: int
    posts: int
    start: datetime
    span_seconds: float

    @property
    def sources(self) -> int:
        return max(_FEWEST_SOURCES, self.posts // _POSTS_EACH)


class Stream:
    """All that comes out, by source."""

    def __init__(self, posts: Sequence[MadePost]) -> None:
        self.posts = posts
        self.by_source: dict[str, list[MadePost]] = defaultdict(list)
        for post in posts:
            self.by_source[post.source].append(post)

    def shown(self, source: str, seconds: float) -> list[MadePost]:
        """What the site shows `seconds` after the start: everything, so that nothing scrolls by."""
        return [post for post in self.by_source[source] if post.released <= seconds]

    def sources(self, port: int) -> tuple[Source, ...]:
        return tuple(
            Source(
                id=name,
                name=f"第{name[1:]}版",
                kind=kind_of(name),
                url=f"http://127.0.0.1:{port}/feed/{name}",
                interval_minutes=1,
            )
            for name in self.by_source
        )


def invented(order: Order) -> Stream:
    random = Random(order.seed)
    return Stream([_made(random, number, order) for number in range(order.posts)])


def kind_of(source: str) -> SourceKind:
    if source in (_NEWS, _NOTICE):
        return SourceKind.NEWS if source == _NEWS else SourceKind.NOTICE
    return _KINDS[int(source[1:]) % len(_KINDS)]


def _made(random: Random, number: int, order: Order) -> MadePost:
    drawn = random.random()
    is_danger = drawn < _DANGER_SHARE
    is_undated = drawn > 1 - _UNDATED_SHARE
    title, body = _text(random, is_danger=is_danger, is_undated=is_undated)
    if random.random() < 0.5:
        body = f"{body}（{number}）"
    age = timedelta(seconds=random.randrange(120, int(_OLDEST.total_seconds())))
    # Danger comes out early: after it there is a whole minute left for the alerter to see it.
    latest = order.span_seconds * (0.6 if is_danger else 1)
    return MadePost(
        source=_source(random, order.sources),
        id=f"p{number}",
        title=title,
        body=body,
        published=None if is_undated else order.start.replace(microsecond=0) - age,
        released=0.0 if random.random() < 0.5 else random.uniform(0, latest),
    )


def _source(random: Random, sources: int) -> str:
    source = f"s{random.randrange(sources)}"
    return "s0" if source == _NEWS and random.random() > _NEWS_KEPT else source


def _text(random: Random, *, is_danger: bool, is_undated: bool) -> tuple[str, str]:
    if is_danger:
        title, body = random.choice(_DANGER)
    elif is_undated or random.random() < 0.2:
        # What has no date counts a day back on a first list, out of every window: chatter only.
        title, body = random.choice(_CHATTER)
    elif random.random() < 0.1:
        title, body = random.choice(_OF_NO_UNIT)
    else:
        title, body = random.choice(_OF_A_UNIT)
    unit, other = random.sample(UNITS, 2)
    return title.format(unit=unit), body.format(unit=unit, other=other)
