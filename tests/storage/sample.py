"""Three weeks of a small town in a store: posts, counts, polls, and a matter with its course."""

from datetime import datetime, timedelta

from demo.town import load_town
from schemas.corrections import Correction, Labels, TagChange
from schemas.matters import (
    Action,
    ActionKind,
    Event,
    EventKind,
    MatterKey,
    NotifyReason,
    Tier,
    Window,
)
from schemas.posts import Owed, Poll, PollOutcome, RawPost
from storage.corrections import insert_correction, insert_tag_change
from storage.counts import recount
from storage.matters import insert_action, insert_events, save_matters
from storage.posts import insert_engagement, insert_polls, insert_posts
from storage.store import Store
from tests.made import matter, minutes, raw_post, reading, tagged

TOPICS = ("food_safety", "fees", "exams")
UNITS = ("青禾区第一小学", "青禾区第二小学")
STEP = timedelta(hours=2)
POSTS = 21 * 12
WINDOW = Window(
    posts=9, concerns=6, stories=5, sites=2, sources=2, replies=4, views=0, coverage=1.0
)


def fill_sample(store: Store, now: datetime) -> None:
    texts = load_town().posts
    posts = [
        raw_post(str(n), now - STEP * n, source=f"s{n % 3}", title=text.title, body=text.body)
        for n in range(POSTS)
        for text in [texts[n % len(texts)]]
    ]
    insert_posts(
        store,
        [
            tagged(
                post,
                topics=(TOPICS[n % 3],),
                units=() if n % 4 == 3 else (UNITS[n % 2],),
                owed=Owed.MENTION if n % 5 == 0 else Owed.COMPLAINT,
                story_id=str(n // 2),
            )
            for n, post in enumerate(posts)
        ],
    )
    insert_engagement(store, [reading(post, now, 3, 40) for post in posts[:20]])
    insert_polls(store, [_poll(source, now - STEP * n) for source in range(3) for n in range(60)])
    recount(store)
    _fill_matters(store, now)
    _fill_judged(store, now, posts[0])


def _fill_judged(store: Store, now: datetime, post: RawPost) -> None:
    """A correction, and a retag that made it necessary."""
    was = Labels(topics=("food_safety",), owed=Owed.MENTION, danger=False)
    correction = Correction(
        source=post.source,
        post_id=post.id,
        counted_at=post.counted_at,
        at=now,
        operator="王",
        said=Labels(topics=("fees",), owed=Owed.COMPLAINT, danger=False),
        was=was,
        rules_version="r2",
        model_version="",
        note="只供内部看",
    )
    insert_correction(store, correction)
    since = now - timedelta(days=9)
    change = TagChange(
        at=now - timedelta(days=2),
        since=since,
        rules_version="r2",
        model_version="",
        posts=9,
        changed=3,
        operator="王",
    )
    insert_tag_change(store, change)


def _poll(source: int, at: datetime) -> Poll:
    good = PollOutcome.OK if source else PollOutcome.NOT_MODIFIED
    return Poll(
        source=f"s{source}", at=at, outcome=good, status=200, listed=9, new=1, bytes=9, message=""
    )


def _fill_matters(store: Store, now: datetime) -> None:
    key, opened = MatterKey("food_safety", UNITS[0]), now - timedelta(days=2)
    standing = matter(Tier.LARGER, opened, id="food_safety-1", key=key, sequence=2)
    changes = [
        (EventKind.OPENED, Tier.GENERAL, opened, NotifyReason.CONCERNS),
        (EventKind.RAISED, Tier.LARGER, opened + minutes(50), NotifyReason.VOLUME),
    ]
    for number, (kind, tier, at, reason) in enumerate(changes, 1):
        event = Event(
            matter_id=standing.id,
            sequence=number,
            key=key,
            at=at,
            kind=kind,
            tier=tier,
            reason=reason,
            window=WINDOW,
            report_by=None,
        )
        insert_events(store, [(event, standing)])
    save_matters(store, [standing])
    for name, done in (("1", ActionKind.ACKNOWLEDGE), ("2", ActionKind.REPORTED)):
        action = Action(
            id=name,
            matter_id=standing.id,
            kind=done,
            at=opened + minutes(9),
            operator="王",
            note="值班室",
        )
        insert_action(store, action)
