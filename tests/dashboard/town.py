"""A town for the page to show: config, posts, polls, matters, events, deliveries of a morning."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerting.tiers import Moment
from alerting.worker import matter_window
from runtime.clock import ManualClock
from runtime.config import Config, PageSettings, Settings, Source
from runtime.health import HealthBoard, Lag
from runtime.settings import SHIPPED, load_config
from schemas.matters import (
    Delivery,
    DeliveryOutcome,
    Event,
    EventKind,
    Matter,
    MatterKey,
    NotifyReason,
    Tier,
    Window,
)
from schemas.posts import Owed, Poll, PollOutcome, RawPost, SourceKind, TaggedPost, Tags, Why
from schemas.windows import EMPTY, WindowRules
from storage.counts import recount
from storage.matter_windows import save_windows
from storage.matters import insert_deliveries, insert_events, save_matters
from storage.posts import insert_polls, insert_posts
from storage.store import Store
from storage.windows import SqlWindows

NOW = datetime(2026, 11, 21, 2, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
FOOD = MatterKey("food_safety", "青禾实验小学")
CONDUCT = MatterKey("teacher_conduct", "青禾第二中学")
FEES = MatterKey("fees", "")
BUS = MatterKey("transport", "城东小学")

RULES, MODEL = "3f9c21ab07", "20261101"

SOURCES = (
    Source(
        id="bbs", name="青禾论坛·家长圈", kind=SourceKind.FORUM, url="https://bbs.qinghe.example/1"
    ),
    Source(id="mama", name="青禾妈妈网", kind=SourceKind.FORUM, url="https://mama.example/feed"),
    Source(id="weihua", name="同城微话", kind=SourceKind.SOCIAL, url="https://weihua.example/feed"),
    Source(id="wanbao", name="青禾晚报", kind=SourceKind.NEWS, url="https://wanbao.example/feed"),
    Source(id="jiaoyu", name="青禾区教育局", kind=SourceKind.NOTICE, url="https://edu.example/rss"),
)
TITLES = {
    FOOD: (
        "实验小学好几个孩子吃完午饭呕吐，现在在区医院输液",
        "有没有实验小学三年级的家长？孩子昨天回来一直拉肚子",
        "实小食堂到底换了哪家配餐公司，求学校公开",
        "实验小学配餐问题，学校说在查，什么时候给说法",
    ),
    CONDUCT: (
        "二中有老师在课上让学生罚站两节课，合适吗",
        "青禾二中罚站学生一事，家长盼调查",
        "二中这位老师不是第一次了，希望教育局管一管",
    ),
    FEES: (
        "今年课后服务费为什么比去年多了一百二",
        "各校校服费用不一样，有统一标准吗",
        "开学到现在收了四次钱，没有一张票据",
    ),
    BUS: ("城东小学校车早上又晚了二十分钟", "城东小学校车站点能不能往南移一个路口"),
}
# Posts of each hour, the latest last.
CURVES = {
    FOOD: (0, 0, 0, 1, 0, 2, 3, 9, 14, 21),
    CONDUCT: (3, 5, 8, 6, 7, 9, 4, 3, 5, 4),
    FEES: (2, 4, 6, 5, 9, 7, 6, 11, 9, 12),
    BUS: (0, 1, 0, 0, 1, 0, 0, 0, 2, 1),
}


def town_config() -> Config:
    """The shipped topics with the town's sources."""
    config = load_config(SHIPPED)
    return config.model_copy(update={"sources": SOURCES, "settings": Settings(page=PageSettings())})


@dataclass(frozen=True)
class Story:
    """What a post says; the rest of it does not matter to the page."""

    key: MatterKey
    title: str
    at: datetime
    source: Source = SOURCES[0]
    danger: bool = False
    owed: Owed = Owed.COMPLAINT
    url: str = ""


def reasons(story: Story) -> tuple[Why, ...]:
    """One of each kind."""
    return (
        Why(tag=story.key.topic, by="rule", words=("孩子", "学校")),
        Why(tag=story.key.topic, by="model", words=("事情",), score=0.734),
        Why(tag=story.owed.value, by="thread", words=("大家",)),
        *((Why(tag="danger", by="rule", words=("呕吐",)),) if story.danger else ()),
        Why(tag="教育文体", by="model", words=("学校",), score=0.91),
    )


def tagged(story: Story, number: int) -> TaggedPost:
    url = story.url or f"https://{story.source.id}.example/thread/{number}"
    post = RawPost(
        id=f"p{number}",
        source=story.source.id,
        source_kind=story.source.kind,
        url=url,
        title=story.title,
        body="孩子在学校里的事情，想问问大家。",
        published_at=story.at,
        seen_at=story.at,
        counted_at=story.at,
    )
    tags = Tags(
        topics=(story.key.topic,),
        units=(story.key.unit,) if story.key.unit else (),
        owed=story.owed,
        danger=story.danger,
        sensitivity=3 if story.danger else 1,
        department="教育文体",
        story_id=f"s-{story.title}",
        why=reasons(story),
        rules_version=RULES,
        model_version=MODEL,
    )
    return TaggedPost(post=post, site=f"{story.source.id}.example", tags=tags)


def fill_posts(store: Store) -> None:
    posts: list[TaggedPost] = []
    for key, curve in CURVES.items():
        titles = TITLES[key]
        for back, count in enumerate(reversed(curve)):
            for number in range(count):
                story = Story(
                    key,
                    titles[(back - 1 + number) % len(titles)],
                    NOW - back * HOUR - (number % 25) * MINUTE,
                    SOURCES[(number + back) % 3],
                    danger=key == FOOD and back == 1 and number == 0,
                    owed=Owed.COMPLAINT if number % 3 else Owed.MENTION,
                )
                posts.append(tagged(story, len(posts)))
    insert_posts(store, posts)
    recount(store)


def fill_polls(store: Store) -> None:
    """bbs and weihua go well, mama fails, wanbao stopped four hours ago, jiaoyu never began."""
    polls = [
        poll(source, NOW - back * 10 * MINUTE, PollOutcome.OK)
        for source in ("bbs", "weihua", "wanbao")
        for back in range(1 if source != "wanbao" else 25, 150)
    ]
    remedy = "https://mama.example/feed: HTTP 403; ask the site or take the source out"
    polls.append(poll("mama", NOW - 4 * MINUTE, PollOutcome.HTTP_ERROR, remedy))
    insert_polls(store, polls)


def poll(source: str, at: datetime, outcome: PollOutcome, message: str = "") -> Poll:
    return Poll(
        source=source,
        at=at,
        outcome=outcome,
        status=200,
        listed=20,
        new=1,
        bytes=9000,
        message=message,
    )


def matter(key: MatterKey, tier: Tier, opened: timedelta, due: timedelta | None = None) -> Matter:
    """A matter opened `opened` before NOW, to be reported `due` after NOW."""
    at = NOW - opened
    return Matter(
        id=f"{key.topic}-1",
        key=key,
        tier=tier,
        sequence=1,
        opened_at=at,
        changed_at=at,
        clock_since=at,
        report_by=None if due is None else NOW + due,
    )


def food(due: timedelta = 18 * MINUTE) -> Matter:
    found = matter(FOOD, Tier.GRAVE, 42 * MINUTE, due)
    return replace(found, danger_at=found.opened_at)


def conduct() -> Matter:
    found = matter(CONDUCT, Tier.MAJOR, 5 * HOUR, -3 * HOUR)
    return replace(found, news_at=found.opened_at)


def fees() -> Matter:
    return matter(FEES, Tier.LARGER, 9 * HOUR, 13 * HOUR)


def bus() -> Matter:
    return matter(BUS, Tier.GENERAL, 31 * HOUR, 13 * HOUR)


def closed() -> Matter:
    key = MatterKey("homework_tutoring", "青禾第一小学")
    found = matter(key, Tier.GENERAL, 80 * HOUR)
    return replace(found, closed_at=NOW - 6 * HOUR, changed_at=NOW - 6 * HOUR, sequence=2)


def event(of: Matter, kind: EventKind, reason: NotifyReason) -> Event:
    window = Window(
        posts=48,
        concerns=31,
        stories=12,
        sites=3,
        sources=3,
        replies=210,
        views=0,
        coverage=0.986,
    )
    return Event(
        matter_id=of.id,
        sequence=of.sequence,
        key=of.key,
        at=of.changed_at,
        kind=kind,
        tier=of.tier,
        reason=reason,
        window=window,
        report_by=of.report_by,
    )


def fill_windows(store: Store, matters: Sequence[Matter]) -> None:
    """As the alerter leaves them each minute."""
    counts = SqlWindows(store, WindowRules(3, ("praise",))).counts(NOW)
    moments = [Moment(m.key, NOW, counts.get(m.key, EMPTY), 1.0) for m in matters]
    found = [matter_window({m.key: m for m in matters}, moment) for moment in moments]
    save_windows(store, [each for each in found if each])


def fill_matters(store: Store) -> None:
    matters = [food(), conduct(), fees(), bus(), closed()]
    kinds = [EventKind.OPENED, EventKind.RAISED, EventKind.RAISED, EventKind.OPENED]
    reasons = [NotifyReason.DANGER, NotifyReason.NEWS, NotifyReason.GROWING, NotifyReason.CONCERNS]
    events = [
        (event(of, kind, reason), of)
        for of, kind, reason in zip(
            matters, [*kinds, EventKind.CLOSED], [*reasons, NotifyReason.QUIET], strict=True
        )
    ]
    insert_events(store, events)
    save_matters(store, matters)
    fill_windows(store, matters)
    tries = [
        delivery(food(), "wecom", DeliveryOutcome.FAILED, "HTTP 502 from the receiver"),
        delivery(food(), "console", DeliveryOutcome.SENT),
        delivery(conduct(), "console", DeliveryOutcome.SENT),
        delivery(conduct(), "wecom", DeliveryOutcome.SENT),
        delivery(fees(), "wecom", DeliveryOutcome.REJECTED, "errcode 93000: invalid webhook url"),
    ]
    insert_deliveries(store, tries)


def delivery(of: Matter, channel: str, outcome: DeliveryOutcome, detail: str = "") -> Delivery:
    at = of.changed_at + timedelta(seconds=4)
    return Delivery(
        event_id=f"{of.id}.{of.sequence}", channel=channel, at=at, outcome=outcome, detail=detail
    )


def board() -> HealthBoard:
    stages = HealthBoard()
    for stage in ("collect", "analyze", "alert", "dashboard"):
        lags = (Lag("posts", 0, 3),) if stage == "analyze" else ()
        stages.ok(stage, NOW - timedelta(seconds=5), lags)
    return stages


def clock() -> ManualClock:
    return ManualClock(NOW)
