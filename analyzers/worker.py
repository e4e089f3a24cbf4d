"""The analyzer: messages from the bus in, rows in the store out; committed once stored."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from analyzers.tag import Tagger
from bus.consume import Consumer, Pace, Work
from bus.log import ENGAGEMENT, POLLS, POSTS, Log, Record
from runtime.clock import Clock
from runtime.config import Config
from runtime.errors import BadMessage
from runtime.health import HealthBoard, StageHealth
from runtime.metrics import Metrics
from schemas.codec import Message, decode
from schemas.posts import Engagement, Poll, RawPost
from storage.posts import insert_engagement, insert_polls, insert_posts
from storage.store import Store

STAGE = "analyze"
M = TypeVar("M", bound=Message)


@dataclass(frozen=True)
class AnalyzerParts:
    config: Config
    log: Log
    store: Store
    clock: Clock
    board: HealthBoard
    metrics: Metrics


class Analyzer:
    def __init__(self, parts: AnalyzerParts) -> None:
        self.parts = parts
        self.tagger = Tagger(parts.config)
        work = Work("analyzers", (POSTS, ENGAGEMENT, POLLS), self.read, self.store)
        pace = Pace(batch_size=parts.config.settings.analyze.batch_size)
        self.consumer = Consumer(parts.log, work, parts.clock, pace)
        parts.board.watch(STAGE, self.health)

    def run(self, stop: threading.Event) -> None:
        self.consumer.run(stop)

    def health(self) -> StageHealth:
        now = self.consumer.health
        notice = f"{now.dead} messages set aside; last {now.last_dead}" if now.dead else ""
        return StageHealth(
            STAGE, now.last_ok_at, now.last_error or "", notice=notice, lags=now.lags or ()
        )

    def read(self, record: Record) -> Message:
        try:
            return decode(record.value)
        except BadMessage:
            self.parts.metrics.dead_letters.labels(record.stream).inc()
            raise

    def store(self, messages: Sequence[Message]) -> None:
        """Tag and insert; posts that are past the retention are not stored at all."""
        days = self.parts.config.settings.data.retention_days
        oldest = self.parts.clock.now() - timedelta(days=days)
        posts = [post for post in _only(messages, RawPost) if post.counted_at >= oldest]
        readings = [r for r in _only(messages, Engagement) if r.counted_at >= oldest]
        polls = _only(messages, Poll)
        insert_posts(self.parts.store, [self.tagger.tagged(post) for post in posts])
        insert_engagement(self.parts.store, readings)
        insert_polls(self.parts.store, polls)
        for poll in polls:
            self.parts.metrics.polls.labels(poll.outcome.value).inc()
        for stream, stored in ((POSTS, posts), (ENGAGEMENT, readings), (POLLS, polls)):
            self.parts.metrics.stored.labels(stream).inc(len(stored))


def _only(messages: Sequence[Message], kind: type[M]) -> list[M]:
    return [message for message in messages if isinstance(message, kind)]
