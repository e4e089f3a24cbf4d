"""All that one look at the page needs, read from the store at one moment; pages.py words it."""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from runtime.clock import Clock
from runtime.config import Config
from runtime.health import HealthBoard, StageHealth
from runtime.metrics import Metrics
from runtime.probes import Probes
from schemas.corrections import TagChange
from schemas.matters import Action, Delivery, Event, Matter, MatterKey
from storage.corrections import tag_breaks
from storage.matter_windows import MatterWindow, windows_of
from storage.matters import actions_of, deliveries_of, last_events
from storage.page import (
    LatestPost,
    hours_of,
    latest_posts,
    posts_by_source,
    standing_matters,
)
from storage.polls import SourceHealth, coverage, health
from storage.reading import Judgement, judgements
from storage.retagging import RetagReport, RetagRequest
from storage.store import Store

DAY = timedelta(hours=24)
CHART = timedelta(hours=72)
CLOSED_SHOWN = timedelta(days=7)
POLLS_SHOWN = timedelta(days=7)
EVENTS_SHOWN = 20
POSTS_SHOWN = 4
# A matter closes when no concern of it is counted for so long.
POSTS_SINCE = timedelta(hours=48)
ALL_POSTS = MatterKey(topic="", unit="*")


class Retagging(Protocol):
    """Tags stored posts again inside this process."""

    def start(self, request: RetagRequest) -> None:
        """Returns at once; raises ConfigError while another one runs."""
        ...

    def report(self) -> RetagReport | None:
        """Of the one under way or the last one; None if there was none."""
        ...


@dataclass(frozen=True)
class PageParts:
    """What the page is made of. `token` opens /sql and /status.json; none given, both are shut.

    `stale_after`: how long a stage may go without a good round, by `clock`; a scaled clock wants
    it scaled. `stopping` is set once the process is to end; `peers`: the stages of other processes;
    `channels`: to which warnings go.
    """

    store: Store
    config: Config
    clock: Clock
    board: HealthBoard
    metrics: Metrics
    token: str = field(repr=False)
    demo: bool = False
    stale_after: timedelta = timedelta(seconds=60)
    stopping: threading.Event = field(default_factory=threading.Event)
    peers: Callable[[], Sequence[StageHealth]] = tuple
    channels: Sequence[str] = ()
    retagging: Retagging | None = None

    @property
    def probes(self) -> Probes:
        return Probes(self.board, self.metrics, self.clock, self.stopping, self.stale_after)


@dataclass(frozen=True)
class Watch:
    """How well the sources are being watched, and how the stages of all processes are doing."""

    coverage: float
    sources: Mapping[str, SourceHealth]
    posts: Mapping[str, int]
    stages: Sequence[StageHealth]
    stale_after: timedelta


@dataclass(frozen=True)
class Facts:
    """`open`: highest tier first, then the latest change; `closed`: latest first.

    `judgements`: of the posts in `latest`, by source and id; `changes`: of tags, within the charts.
    """

    at: datetime
    config: Config
    demo: bool
    watch: Watch
    open: Sequence[Matter]
    closed: Sequence[Matter]
    windows: Mapping[str, MatterWindow]
    hours: Mapping[MatterKey, Mapping[datetime, int]]
    latest: Mapping[MatterKey, Sequence[LatestPost]]
    actions: Mapping[str, Sequence[Action]]
    events: Sequence[Event]
    deliveries: Mapping[str, Sequence[Delivery]]
    judgements: Mapping[tuple[str, str], Judgement]
    changes: Sequence[TagChange]


def gather(parts: PageParts) -> Facts:
    """Blocks on the store."""
    # Before the time is taken: a stage may not seem to be ahead of it.
    stages = sorted([*parts.board.stages(), *parts.peers()], key=lambda each: each.stage)
    store, at = parts.store, parts.clock.now()
    matters = standing_matters(store, at - CLOSED_SHOWN)
    is_open = sorted((m for m in matters if m.open), key=_urgency, reverse=True)
    closed = [m for m in matters if m.closed_at]
    keys = [matter.key for matter in is_open]
    events = last_events(store, EVENTS_SHOWN)
    latest = latest_posts(store, keys, (at - POSTS_SINCE, at), POSTS_SHOWN)
    return Facts(
        at=at,
        config=parts.config,
        demo=parts.demo,
        watch=_watch(parts, at, stages),
        open=is_open,
        closed=sorted(closed, key=lambda m: m.closed_at or at, reverse=True),
        windows=windows_of(store, [matter.id for matter in is_open]),
        hours=hours_of(store, [*keys, ALL_POSTS], (at - CHART, at)),
        latest=latest,
        actions=_actions(store, is_open),
        events=events,
        deliveries=_deliveries(store, events),
        judgements=judgements(
            store, {(post.source, post.id) for posts in latest.values() for post in posts}
        ),
        changes=tag_breaks(store, at - CHART),
    )


def _urgency(matter: Matter) -> tuple[int, datetime]:
    return int(matter.tier), matter.changed_at


def _watch(parts: PageParts, at: datetime, stages: Sequence[StageHealth]) -> Watch:
    return Watch(
        coverage=coverage(parts.store, parts.config.sources, at, DAY),
        sources={found.source: found for found in health(parts.store, at - POLLS_SHOWN, at)},
        posts=posts_by_source(parts.store, (at - DAY, at)),
        stages=stages,
        stale_after=parts.stale_after,
    )


def _actions(store: Store, matters: Sequence[Matter]) -> Mapping[str, Sequence[Action]]:
    found: dict[str, list[Action]] = defaultdict(list)
    for action in actions_of(store, [matter.id for matter in matters]):
        found[action.matter_id].append(action)
    return found


def _deliveries(store: Store, events: Sequence[Event]) -> Mapping[str, Sequence[Delivery]]:
    found: dict[str, list[Delivery]] = defaultdict(list)
    for delivery in deliveries_of(store, [event.id for event in events]):
        found[delivery.event_id].append(delivery)
    return found
